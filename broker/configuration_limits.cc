#include "broker/configuration_limits.h"

#include <algorithm>

namespace lepus {

namespace {

/// Tables that are held open (storage::StoreOptions::open_files_max), the store's logs and what it
/// writes, the listeners and the broker's own log.
constexpr std::uint64_t kept_for_store = 512;
/// An event loop's descriptors: its own, its timer's and its wake-up.
constexpr std::uint64_t kept_for_shard = 4;
constexpr std::uint64_t management_share = 8;
constexpr std::uint64_t management_most = 1000;

}  // namespace

DescriptorShares share_descriptors(std::uint64_t limit, std::uint32_t shards) {
  const std::uint64_t management =
      std::clamp<std::uint64_t>(limit / management_share, 1, management_most);
  const std::uint64_t kept = kept_for_store + kept_for_shard * shards + management;
  return {.sessions_max = static_cast<std::size_t>(limit > kept ? limit - kept : 1),
          .management_max = static_cast<std::size_t>(management)};
}

}  // namespace lepus
