#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/model/topology.h"

namespace lepus::model {

/// Routes that one shard asked for lately, so that a publish takes no lock. A fixed table: a new
/// route takes the place of an old one that has the same few places to be in, when it is asked for
/// again. Routes stand until the version of their exchange changes; those of the default exchange
/// until their queue is deleted. What does not depend on exchange and key alone is asked for each
/// time.
///
/// Used by one thread.
class RouteCache {
 public:
  /// @param entries  how many routes are kept, about; a power of two, at least 8
  explicit RouteCache(const Topology& topology, std::size_t entries = 4096);

  /// As Topology::route. The route is valid until the next call.
  const Route& route(std::string_view vhost, std::string_view exchange,
                     std::string_view routing_key, const amqp::BasicProperties* properties);

  /// How many look-ups went to the topology, for tests and statistics.
  [[nodiscard]] std::uint64_t misses() const { return misses_; }

 private:
  static constexpr std::size_t ways = 8;

  struct Entry {
    std::uint32_t vhost_bytes = 0;
    std::uint32_t exchange_bytes = 0;
    std::string names;  ///< vhost, exchange and routing key in a row
    Route route;        ///< no exchange: the entry is empty
  };

  [[nodiscard]] static bool is_valid(const Route& route);
  const Route& keep(std::size_t set, std::uint64_t hash, std::string_view vhost,
                    std::string_view exchange, std::string_view routing_key, Route&& route);
  [[nodiscard]] std::optional<std::size_t> find_place(std::size_t set, std::uint64_t hash);
  void make_room(std::size_t queues);

  const Topology& topology_;
  std::vector<std::uint64_t>
      hashes_;  ///< of the entries; apart, so that a look-up reads one cache line of them
  std::vector<Entry> entries_;
  std::vector<std::uint16_t> asked_;  ///< parts of hashes that found no free place
  std::size_t set_mask_ = 0;
  std::size_t queues_kept_ = 0;  ///< in all routes together
  std::uint64_t misses_ = 0;
  Route uncached_;
};

}  // namespace lepus::model
