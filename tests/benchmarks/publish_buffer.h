#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// Messages encoded once (publish, header and body frames), one behind the other, to be sent over
/// and over: the keys and the channels 1 to n take turns. Only the stamps in the bodies change.
class PublishBuffer {
 public:
  PublishBuffer(const RunOptions& options, std::string_view exchange,
                const std::vector<std::string>& routing_keys, std::uint32_t frame_max_bytes);

  /// How many messages it holds.
  [[nodiscard]] std::size_t count() const { return starts_.size() - 1; }

  /// The octets of the messages from `first` up to but without `last`.
  [[nodiscard]] std::string_view bytes(std::size_t first, std::size_t last) const {
    return std::string_view{bytes_}.substr(starts_[first], starts_[last] - starts_[first]);
  }

  /// Only if the options delay.
  void set_delay(std::size_t message, std::uint32_t delay_ms);

  /// Writes the time of sending into a message's body; only if bodies have the room.
  void stamp(std::size_t message, std::int64_t stamp_ns) {
    std::memcpy(bytes_.data() + stamp_positions_[message], &stamp_ns, sizeof stamp_ns);
  }

 private:
  std::string bytes_;
  /// Where each message starts, and the end of the last one.
  std::vector<std::size_t> starts_;
  std::vector<std::size_t> stamp_positions_;
  std::vector<std::size_t> delay_positions_;
};

/// Reads a stamp from the first octets of a body.
[[nodiscard]] inline std::int64_t read_stamp(const char* body) {
  std::int64_t stamp_ns = 0;
  std::memcpy(&stamp_ns, body, sizeof stamp_ns);
  return stamp_ns;
}

}  // namespace lepus::benchmarks
