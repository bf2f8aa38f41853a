#pragma once

#include <cstddef>
#include <cstdint>

namespace lepus {

/// How the process's descriptors are divided, so that clients can never take those that the store
/// needs.
struct DescriptorShares {
  std::size_t sessions_max = 0;    ///< sockets of AMQP clients
  std::size_t management_max = 0;  ///< sockets of HTTP clients
};

/// @param limit  RLIMIT_NOFILE; each part is at least 1, however small it is
[[nodiscard]] DescriptorShares share_descriptors(std::uint64_t limit, std::uint32_t shards);

}  // namespace lepus
