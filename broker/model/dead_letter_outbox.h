#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_map.hpp>

#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "broker/model/queue.h"
#include "broker/model/queue_record.h"

namespace lepus::model {

/// In whose name a shard publishes the letters whose confirms it waits for. No client's connection
/// has this id.
constexpr ConnectionId dead_letter_sender(ShardIndex shard) {
  constexpr std::uint64_t serial = (std::uint64_t{1} << 56U) - 1;
  return make_connection_id(shard, serial);
}

constexpr bool is_dead_letter_sender(ConnectionId connection) {
  return connection == dead_letter_sender(shard_of(connection));
}

/// A dead letter whose message stays in its queue, unacked by ConsumerId::dead_lettering, until all
/// its targets have it.
struct KeptLetter {
  std::shared_ptr<QueueRecord> from;
  MessagePlace place;
  MessagePtr message;  ///< as it died
  DeadLetterReason reason{};
  std::int64_t died_at_ms = 0;     ///< wall clock
  std::vector<QueueId> reached{};  ///< targets that have it; they don't get it again

  [[nodiscard]] bool has_reached(QueueId target) const {
    return std::ranges::find(reached, target) != reached.end();
  }
};

/// The letters that one shard's queues keep: which is tried when, and whose answers are awaited.
/// Each queue has at most so many (in_flight_max) that were tried and are not done with; the others
/// wait behind them, in order. Decides nothing about routes and settles nothing.
class DeadLetterOutbox {
 public:
  using Serial = std::uint64_t;

  /// @param retry_ms  after how long a letter is tried again that not all targets took
  DeadLetterOutbox(std::uint32_t in_flight_max, std::int64_t retry_ms)
      : in_flight_max_(in_flight_max), retry_ms_(retry_ms) {}

  void add(KeptLetter&& letter);

  [[nodiscard]] bool empty() const { return letters_.empty(); }

  /// A letter that is due, which must be followed by awaits() and then attempted() or forget();
  /// nothing: none is.
  std::optional<Serial> next(std::int64_t now_ms);

  /// Valid until add() or forget().
  [[nodiscard]] KeptLetter& letter(Serial serial) { return letters_.at(serial).letter; }

  /// The attempt goes to a target of another shard.
  /// @return the number under which its answer is awaited.
  std::uint64_t awaits(Serial serial, QueueId target);

  enum class State {
    awaited,  ///< answers are on their way
    retried,  ///< it is due again in a while
    done,     ///< all targets have it: settle it, then forget()
  };

  /// The attempt is over but for the answers of other shards.
  /// @param missed  there was no target, or one that refused
  State attempted(Serial serial, bool missed, std::int64_t now_ms);

  struct Answered {
    Serial serial = 0;
    State state = State::awaited;
  };

  /// The target has the letter, or not.
  Answered answered(std::uint64_t number, bool refused, std::int64_t now_ms);

  /// Whoever waits behind the letter moves up.
  void forget(Serial serial);

 private:
  struct Entry {
    KeptLetter letter;
    std::uint32_t awaited = 0;
    bool missed = false;     // in this attempt
    bool attempted = false;  // all of it is sent
  };

  struct Awaited {
    Serial serial = 0;
    QueueId target{};
  };

  struct Line {
    std::uint32_t in_flight = 0;
    std::deque<Serial> waiting;
  };

  State conclude(Serial serial, Entry& entry, std::int64_t now_ms);

  const std::uint32_t in_flight_max_;
  const std::int64_t retry_ms_;
  boost::unordered_map<Serial, Entry> letters_;
  boost::unordered_map<QueueId, Line> lines_;
  boost::unordered_flat_map<std::uint64_t, Awaited> awaited_;
  std::set<std::pair<std::int64_t, Serial>> due_;  // by time (steady)
  Serial last_serial_ = 0;
  std::uint64_t last_number_ = 0;
};

}  // namespace lepus::model
