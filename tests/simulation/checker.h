#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "broker/model/ids.h"
#include "broker/model/message.h"
#include "storage/memory_batch.h"
#include "tests/simulation/exchange_traits.h"
#include "tests/simulation/queue_traits.h"
#include "tests/simulation/route_history.h"
#include "tests/simulation/traits_history.h"

namespace lepus::simulation {

/// Of a message that was never dead-lettered.
inline constexpr std::uint32_t never_died = UINT32_MAX;

/// A copy of a published message in one queue. A publisher is a channel: its messages are numbered
/// from 1.
struct MessageName {
  std::uint32_t queue = 0;  ///< place among the run's queues
  std::uint32_t publisher = 0;
  std::uint64_t number = 0;
  std::uint32_t first_death = never_died;  ///< the queue it was published to, of a dead letter

  auto operator<=>(const MessageName&) const = default;
};

std::string to_text(const MessageName& name);

/// The body of a message: its name (but the queue) and a filling that tells whether it is whole.
std::string make_body(std::uint32_t publisher, std::uint64_t number, std::size_t size_bytes);
/// @return false if the octets are not what make_body() made.
bool read_body(std::string_view body, std::uint32_t& publisher, std::uint64_t& number);

/// A channel as its client sees it, which is what the broker has to keep to.
struct ObservedChannel {
  /// After basic.recover nobody but the broker knows which deliveries are still unacked.
  bool is_unsure = false;
  bool has_cancelled = false;           ///< a consumer: its messages stay while others go on
  std::uint32_t consumer_prefetch = 0;  ///< of each consumer; 0: none
  std::uint32_t channel_prefetch = 0;   ///< of all consumers together; 0: none
  /// Messages that the broker has given to a consumer (none: basic.get) and that the client has not
  /// settled.
  std::map<model::ConsumerId, std::set<MessageName>> held;
};

/// Why a message was dead-lettered, as x-last-death-reason says.
enum class Death { none, rejected, expired, maxlen, delivery_limit };

/// One delivery at the moment at which its queue hands it out.
struct Emission {
  model::ChannelRef channel;
  model::ConsumerId consumer = model::ConsumerId::none;
  MessageName name;
  model::QueueId queue_id{};
  model::MessagePlace place;
  bool redelivered = false;
  bool no_ack = false;
  std::int64_t published_ms = 0;          ///< to this queue, as the message says; wall clock
  Death last_death = Death::none;         ///< of a dead letter
  std::uint32_t last_queue = never_died;  ///< the queue that it comes from
};

/// What a client publishes to one queue.
struct Published {
  bool persistent = false;
  std::uint8_t priority = 0;
  std::size_t body_bytes = 0;
  std::optional<std::int64_t> expiration_ms = {};
  std::uint32_t transaction = 0;  ///< 0: none
};

enum class Settling { ack, reject, requeue };

/// 0: none.
using TransactionNumber = std::uint32_t;

/// A settlement that a client has sent, until the queue's owner has got it.
struct SentSettling {
  MessageName name;
  std::uint64_t emissions = 0;  ///< which delivery of the message it is for
};

/// Knows what clients published, settled and were told, hears of each delivery at its queue and of
/// each durable batch, and says when a promise of the broker is broken. It flags only what is
/// certain: where bytes are still on their way, both ways are allowed.
class Checker {
 public:
  explicit Checker(std::vector<QueueTraits> queues, std::vector<ExchangeTraits> exchanges = {})
      : queues_(std::move(queues)),
        histories_(queues_.begin(), queues_.end()),
        exchanges_(std::move(exchanges)),
        routes_(exchanges_.size() * queues_.size()) {
    removals_.resize(queues_.size());
  }

  /// Whether the broker has closed the channel without the client's knowledge as yet.
  std::function<bool(const model::ChannelRef&)> closed_by_broker = [](const auto&) {
    return false;
  };

  /// Wall clock.
  std::function<std::int64_t()> now_ms = [] { return std::int64_t{0}; };

  /// The first broken promise; empty as long as all are kept.
  [[nodiscard]] const std::string& violation() const { return violation_; }

  void fail(std::string what);

  std::uint64_t moment() { return ++moment_; }

  // ---- what clients do
  std::shared_ptr<ObservedChannel> channel_opened(const model::ChannelRef& channel);
  void channel_closed(const model::ChannelRef& channel);
  void published(const MessageName& name, const Published& what);
  /// Through an exchange to those of these queues that it leads to when the message is due.
  /// @param delay_ms  0 or less: at once
  void published_through(std::uint32_t exchange, std::int64_t delay_ms,
                         const std::vector<MessageName>& names, const Published& what);
  /// A publish to these queues is answered.
  void answered(const std::vector<MessageName>& names, bool refused);
  SentSettling settled(const model::ChannelRef& channel, const MessageName& name,
                       Settling settling);
  /// basic.recover is sent.
  void recovering(const model::ChannelRef& channel);
  /// The queue's owner has got the settlement.
  void settling_arrived(const SentSettling& sent);
  /// A purge or delete of the queue is sent: what is in it now, and comes until it has ended, may
  /// be gone.
  void removal_begins(std::uint32_t queue);
  void removal_ends(std::uint32_t queue);
  /// A binding is made or removed; until the answer nobody knows whether it is there.
  void route_changes(std::uint32_t exchange, std::uint32_t queue);
  void route_changed(std::uint32_t exchange, std::uint32_t queue, bool leads);
  [[nodiscard]] bool route_is_certain(std::uint32_t exchange, std::uint32_t queue) const;
  /// Policies change what the queue is: from now on it may be so …
  void traits_change(std::uint32_t queue, const QueueTraits& traits);
  /// … and from now on it is.
  void traits_changed(std::uint32_t queue);
  [[nodiscard]] TransactionNumber transaction_begins();
  /// tx.commit is sent; what it settles is settled() now.
  void transaction_commits(TransactionNumber number, std::vector<SentSettling> settlements);
  /// tx.commit-ok has come.
  void transaction_committed(TransactionNumber number);
  /// Some queue has refused what one of these published; all else of it has happened.
  void one_transaction_was_partial(std::span<const TransactionNumber> numbers);
  /// tx.rollback is sent, or the channel is gone before tx.commit.
  void transaction_rolled_back(TransactionNumber number);

  // ---- what the broker does
  void emitted(const Emission& emission);
  void batch_durable(std::span<const storage::MemoryBatch::QueueChange> changes,
                     std::uint64_t sealed_at);

  /// A write has failed, so that the outcome of what was not answered may be unknown.
  void store_failed();

  /// All connections are gone, and everything that was not durable.
  void broker_restarted(bool clean);

  /// Of a row that a start has found.
  struct FoundRow {
    std::size_t count = 0;
    std::int64_t published_ms = 0;  ///< to its queue
  };

  /// What a start has found, each unsettled row once.
  using Found = std::map<MessageName, FoundRow>;
  /// Publisher and number of what was still delayed, and how often.
  using FoundDelayed = std::map<std::pair<std::uint32_t, std::uint64_t>, std::size_t>;
  /// @param delayed  by exchange
  void found_at_start(const Found& found, const std::vector<FoundDelayed>& delayed);
  /// Between two steps: deliveries that only a channel closed by the broker allows are looked at
  /// once more.
  void check_suspicions();
  /// Nothing is unacked any more: what is delivered from now on comes in the order of publishing.
  void begin_order_anew();
  /// All queues were emptied: whatever was promised must have come.
  void check_nothing_lost();

  /// Whether that consumer's client has the message and has not settled it.
  [[nodiscard]] bool holds(const MessageName& name, model::ConsumerId consumer) const;

  /// By then everything that waits now is due.
  [[nodiscard]] std::int64_t last_due_ms() const;

  [[nodiscard]] std::uint64_t emission_count() const { return emission_count_; }

  /// Not less than what the clients ever had of the queue at a time.
  [[nodiscard]] std::size_t held_bytes_max(std::uint32_t queue) const;

  /// What the queue was and is.
  [[nodiscard]] const TraitsHistory& history(std::uint32_t queue) const {
    return histories_[queue];
  }

  [[nodiscard]] std::uint64_t confirmed_count() const { return confirmed_count_; }

 private:
  /// A publish through an exchange, to all of its queues together.
  struct Routed {
    std::uint32_t exchange = 0;
    std::int64_t delay_ms = 0;
    std::int64_t due_ms = 0;                     ///< not before
    std::optional<std::int64_t> due_by_ms = {};  ///< it is confirmed: nor later
    std::optional<std::int64_t> released_ms = {};
    bool is_kept = false;  ///< a start has found it waiting
    bool is_released_durably = false;
    bool is_gone = false;       ///< a start has not
    bool is_forgotten = false;  ///< it may have waited in memory only when that was lost
    std::vector<MessageName> names;

    [[nodiscard]] bool is_delayed() const { return delay_ms > 0; }
  };

  struct Message {
    bool asked_persistent = false;
    bool persistent = false;  ///< as far as its queue goes by that
    std::uint8_t asked_priority = 0;
    std::uint8_t priority = 0;  ///< as far as its queue has priorities
    std::size_t body_bytes = 0;
    TransactionNumber transaction = 0;  ///< that published it
    std::int64_t sent_ms = 0;           ///< when its client published it; wall clock
    std::optional<std::int64_t> expiration_ms = {};
    std::uint32_t published_in_run = 0;
    bool confirmed = false;
    bool refused = false;  ///< the queue has not taken it
    bool kept = false;     ///< a start has found it
    bool may_be_gone = false;
    bool must_be_gone = false;  ///< its settlement is durable, or it was transient in another run
    bool settled = false;       ///< the client has sent ack or reject, or the delivery was no-ack
    std::uint64_t settled_at = 0;  ///< when the owner knew; 0: it may not know
    /// A client has rejected its last delivery, so that the dead letter may be there instead of it.
    bool rejected = false;
    bool dead = false;  ///< its dead letter was seen in this run
    bool doubled =
        false;  ///< a crash may have made two of this dead letter, which are not followed
    bool removed = false;           ///< a purge or delete may have taken it
    bool settled_in_crash = false;  ///< so that nobody knows whether a restart has brought it back
    bool held = false;
    model::ChannelRef holder_channel;
    model::ConsumerId holder_consumer = model::ConsumerId::none;
    std::uint64_t emissions = 0;
    std::uint64_t emitted_at = 0;
    std::int64_t emitted_ms = 0;
    std::uint32_t emitted_in_run = 0;  ///< 0: never
    std::uint32_t emissions_in_run = 0;
    std::uint32_t emitted_in_order = 0;
    bool must_be_redelivered = false;
    model::QueueId queue_id{};
    model::MessagePlace place;
    std::shared_ptr<Routed> routed;  ///< it is here if its exchange has led here
  };

  struct Transaction {
    enum class State { open, committing, committed, rolled_back };

    State state = State::open;
    bool partial = false;
    std::uint32_t run = 0;
    std::vector<MessageName> publishes;
    std::vector<SentSettling> settlements;
  };

  using OrderKey = std::tuple<std::uint32_t, std::uint32_t, std::uint8_t>;

  Message& add(const MessageName& name, const Published& what);
  void check_order(const Emission& emission, Message& message);
  void check_redelivered(const Emission& emission, const Message& message);
  void check_holder(const Emission& emission, const Message& message);
  void check_failover(const Emission& emission, const Message& message);
  void note_left_behind(const model::ChannelRef& reference, const ObservedChannel& channel);
  void hold(const Emission& emission, Message& message);
  void release_all(ObservedChannel& channel);
  void release(Message& message, const MessageName& name);
  void note_emission(const Emission& emission, Message& message);
  void confirm(const MessageName& name);

  // ---- starts (checker_starts.cc)
  void message_after_restart(const MessageName& name, Message& message, bool clean);
  void check_found(const MessageName& name, const Message& message, const FoundRow& row);
  void check_one_place(const MessageName& name, const Found& found);
  void follow_chain(const MessageName& original, const Found& found);
  void note_letters_at_start(const MessageName& name, const Message& message, const Found& found);
  void check_chain_not_lost(const MessageName& original);
  void letter_is_durable(const MessageName& letter);
  void check_not_lost(const MessageName& name, const Message& message);

  // ---- dead letters (checker_letters.cc)
  [[nodiscard]] std::optional<MessageName> letter_of(const MessageName& name) const;
  /// Where a dead letter comes from.
  [[nodiscard]] std::optional<MessageName> source_of(const MessageName& letter) const;

  /// It may have been so at some time since the message came.
  template <typename Predicate>
  [[nodiscard]] bool may(const MessageName& name, const Message& message,
                         Predicate predicate) const {
    const std::int64_t now = now_ms();
    return histories_[name.queue].any(std::min(message.sent_ms, now), now, predicate);
  }

  [[nodiscard]] bool may_refuse(const MessageName& name, const Message& message) const;
  /// At any time at all.
  [[nodiscard]] bool may_keep_letters(std::uint32_t queue) const;
  /// What dies here may be nowhere afterwards.
  [[nodiscard]] bool may_lose_letter(const MessageName& name, const Message& message) const;
  void double_letters();
  [[nodiscard]] bool may_have_expired(const MessageName& name, const Message& message) const;
  [[nodiscard]] bool may_die_of(Death death, const MessageName& name, const Message& message) const;
  /// Without a client's doing.
  [[nodiscard]] bool may_leave_by_itself(const MessageName& name, const Message& message) const;
  void may_die(const MessageName& name, Message& message);
  /// The message is in its queue, so nothing has become of it yet.
  void has_no_letters(const MessageName& name, const Message& message);
  void check_letter(const Emission& emission, const Message& letter);
  void check_death(const Emission& emission, const MessageName& source_name, const Message& source);
  void note_death(const Emission& emission, const MessageName& source_name, Message& source);
  void check_limits(const Emission& emission, const Message& message);
  void check_not_passed(const Emission& emission, const Message& message);
  [[nodiscard]] bool is_lost(const MessageName& name) const;

  // ---- exchanges and delays (checker_routes.cc)
  [[nodiscard]] const RouteHistory& route(std::uint32_t exchange, std::uint32_t queue) const {
    return routes_[exchange * queues_.size() + queue];
  }

  [[nodiscard]] RouteHistory& route(std::uint32_t exchange, std::uint32_t queue) {
    return routes_[exchange * queues_.size() + queue];
  }

  [[nodiscard]] static bool is_delayed(const Message& message);
  [[nodiscard]] bool waits(const Message& message) const;
  void note_removed(std::uint32_t queue, bool begins);
  [[nodiscard]] bool must_have_come(const MessageName& name, const Message& message) const;
  void check_release(const MessageName& name, const Message& message, std::int64_t released_ms);
  void check_due_order(const Emission& emission, const Message& message);
  void routes_after_restart();
  void delayed_at_start(std::uint32_t exchange, const FoundDelayed& delayed, const Found& found);
  void check_delayed_at_start(const Routed& routed, std::size_t count, const Found& found);
  void wait_anew(Routed& routed);
  void check_not_lost_while_delayed(Routed& routed);

  // ---- transactions (checker_transactions.cc)
  void check_transaction(const MessageName& name, const Message& message);
  void check_transaction_is_whole(const Transaction& transaction);

  std::vector<QueueTraits> queues_;  // as they are declared
  std::vector<TraitsHistory> histories_;
  std::vector<ExchangeTraits> exchanges_;
  std::vector<RouteHistory> routes_;  // for each exchange those to all queues
  std::vector<int> removals_;         // under way, by queue
  std::string violation_;
  std::vector<std::pair<model::ChannelRef, std::string>> suspicions_;
  std::vector<Transaction> transactions_;  ///< by number, from 1
  std::uint64_t moment_ = 0;
  std::uint32_t run_ = 1;
  std::uint32_t order_ = 1;
  std::uint64_t emission_count_ = 0;
  std::uint64_t confirmed_count_ = 0;
  bool store_has_failed_ = false;  // in this run
  std::map<MessageName, Message> messages_;
  std::map<model::ChannelRef, std::shared_ptr<ObservedChannel>> channels_;
  std::map<OrderKey, std::uint64_t> last_number_;
  /// Up to which number of a publisher the queue's head was dropped in this run.
  std::map<OrderKey, std::uint64_t> passed_;
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::shared_ptr<Routed>> routed_;
  std::map<OrderKey, std::int64_t> last_due_ms_;  // by exchange, not publisher
  /// What single active consumers had when their channel was closed, with that channel: nobody else
  /// gets a later message before. By queue.
  std::map<std::uint32_t, std::map<MessageName, model::ChannelRef>> left_behind_;
  std::map<model::QueueId, std::uint64_t> progress_sealed_at_;  // of the newest durable record
  std::set<model::QueueId> had_consumer_;                       // as a durable record says
  std::map<std::uint32_t, std::size_t> held_bytes_;
  std::map<std::uint32_t, std::size_t> held_bytes_max_;
  /// Of all that was delivered to channels whose deliveries are not followed.
  std::map<std::uint32_t, std::size_t> unfollowed_bytes_;
};

}  // namespace lepus::simulation
