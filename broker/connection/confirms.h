#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace lepus::connection {

/// The publishes of a channel in confirm mode that aren't answered yet, and those that will be at
/// the end of the turn. Numbers count from 1.
class Confirms {
 public:
  /// One basic.ack or basic.nack.
  struct Answer {
    std::uint64_t number = 0;
    bool multiple = false;
    bool refused = false;

    bool operator==(const Answer&) const = default;
  };

  /// The number of the next publish, which waits for `queue_count` answers; none: it is confirmed.
  std::uint64_t add(std::size_t queue_count);

  /// One queue has answered for that publish. Numbers that aren't known are ignored.
  void answered(std::uint64_t number, bool refused);

  /// What there is to send, folded as RabbitMQ does: multiple=true up to the largest number below
  /// the smallest unconfirmed one and below the smallest of the other kind, the rest singly; a lone
  /// ack is never multiple.
  /// @return how many publishes they answer for.
  std::size_t take_answers(std::vector<Answer>& answers);

  [[nodiscard]] bool has_answers() const { return !acked_.empty() || !nacked_.empty(); }

  /// Publishes that wait for a queue.
  [[nodiscard]] std::size_t unconfirmed() const { return unconfirmed_; }

  [[nodiscard]] std::uint64_t last_number() const { return first_number_ + waiting_.size() - 1; }

 private:
  struct Waiting {
    std::uint32_t queue_count = 0;  ///< 0: answered
    bool refused = false;
  };

  void finish(std::uint64_t number, bool refused);
  void drop_front();

  std::vector<Waiting> waiting_;  ///< from first_number_ on
  std::uint64_t first_number_ = 1;
  std::size_t front_ = 0;  ///< places before it are answered
  std::size_t unconfirmed_ = 0;
  std::vector<std::uint64_t> acked_;
  std::vector<std::uint64_t> nacked_;
};

}  // namespace lepus::connection
