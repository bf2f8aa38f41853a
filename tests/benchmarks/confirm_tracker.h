#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace lepus::benchmarks {

/// The unconfirmed messages of one channel: when each was sent, by delivery tag, in a ring as large
/// as the window.
class ConfirmTracker {
 public:
  explicit ConfirmTracker(std::size_t window)
      : window_(window), stamps_(std::bit_ceil(window + 1), settled) {}

  /// Whether one more may be sent: the window has room, and so has the ring, which an old message
  /// that is confirmed out of order can hold up.
  [[nodiscard]] bool can_send() const {
    return outstanding_ < window_ && next_ - lowest_ < stamps_.size();
  }

  [[nodiscard]] std::size_t outstanding() const { return outstanding_; }

  /// A message was sent; `can_send` allowed it.
  void sent(std::int64_t stamp_ns) {
    stamps_[next_ & (stamps_.size() - 1)] = stamp_ns;
    ++next_;
    ++outstanding_;
  }

  /// An ack or nack: calls `function(stamp_ns)` for each message it settles and returns how many
  /// these were. Tags that are unknown or already settled count as none.
  template <typename Function>
  std::size_t settle(std::uint64_t tag, bool multiple, Function&& function) {
    std::size_t count = 0;
    const auto settle_one = [&](std::uint64_t one) {
      std::int64_t& stamp = stamps_[one & (stamps_.size() - 1)];
      if (stamp != settled) {
        function(stamp);
        stamp = settled;
        ++count;
      }
    };
    if (tag >= next_ || tag < lowest_) {
      return 0;
    }
    if (multiple) {
      for (; lowest_ <= tag; ++lowest_) {
        settle_one(lowest_);
      }
    } else {
      settle_one(tag);
    }
    while (lowest_ < next_ && stamps_[lowest_ & (stamps_.size() - 1)] == settled) {
      ++lowest_;
    }
    outstanding_ -= count;
    return count;
  }

 private:
  static constexpr std::int64_t settled = INT64_MIN;

  std::size_t window_;
  std::vector<std::int64_t> stamps_;
  /// The lowest unsettled tag, and the tag of the next message.
  std::uint64_t lowest_ = 1;
  std::uint64_t next_ = 1;
  std::size_t outstanding_ = 0;
};

}  // namespace lepus::benchmarks
