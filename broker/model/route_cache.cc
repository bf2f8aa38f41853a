#include "broker/model/route_cache.h"

#include <bit>
#include <utility>

#include "broker/base/assert.h"
#include "broker/model/string_map.h"

namespace lepus::model {

namespace {

/// Queues that all cached routes together may hold, since one fanout can have very many.
constexpr std::size_t queues_kept_max = std::size_t{1} << 17U;

std::uint64_t hash_of(std::string_view vhost, std::string_view exchange,
                      std::string_view routing_key) {
  return hash_text(routing_key, hash_text(exchange, hash_text(vhost, 0)));
}

bool has_names(const char* names, std::string_view vhost, std::string_view exchange,
               std::string_view routing_key) {
  return equal_octets(names, vhost.data(), vhost.size()) &&
         equal_octets(names + vhost.size(), exchange.data(), exchange.size()) &&
         equal_octets(names + vhost.size() + exchange.size(), routing_key.data(),
                      routing_key.size());
}

/// Keys from CC and BCC make a route that belongs to this message alone. Both names end in "CC",
/// and an array's letter follows. Other headers may contain this too, which costs them the cache.
bool may_have_extra_keys(std::string_view headers) {
  return headers.find("CCA") != std::string_view::npos;
}

}  // namespace

RouteCache::RouteCache(const Topology& topology, std::size_t entries)
    : topology_(topology),
      hashes_(entries),
      entries_(entries),
      asked_(entries * 4),
      set_mask_(entries / ways - 1) {
  LEPUS_ASSERT(entries >= ways && std::has_single_bit(entries), "sets are chosen by a mask");
}

const Route& RouteCache::route(std::string_view vhost, std::string_view exchange,
                               std::string_view routing_key,
                               const amqp::BasicProperties* properties) {
  if (properties != nullptr && properties->headers &&
      may_have_extra_keys(properties->headers->bytes)) {
    ++misses_;
    uncached_ = topology_.route(vhost, exchange, routing_key, properties);
    return uncached_;
  }
  const std::uint64_t hash = hash_of(vhost, exchange, routing_key);
  const std::size_t set = (hash & set_mask_) * ways;
  for (std::size_t way = set; way < set + ways; ++way) {
    if (hashes_[way] != hash) {
      continue;
    }
    const Entry& entry = entries_[way];
    if (entry.vhost_bytes == vhost.size() && entry.exchange_bytes == exchange.size() &&
        entry.names.size() == vhost.size() + exchange.size() + routing_key.size() &&
        has_names(entry.names.data(), vhost, exchange, routing_key) && is_valid(entry.route)) {
      return entry.route;
    }
  }
  ++misses_;
  Route found = topology_.route(vhost, exchange, routing_key, properties);
  if (!found.cacheable || found.queues.size() > queues_kept_max) {
    uncached_ = std::move(found);
    return uncached_;
  }
  return keep(set, hash, vhost, exchange, routing_key, std::move(found));
}

bool RouteCache::is_valid(const Route& route) {
  if (route.exchange == nullptr) {
    return false;
  }
  if (route.exchange->is_default()) {
    return !route.queues.front()->deleted.load(std::memory_order_acquire);
  }
  return route.exchange->version() == route.version;
}

const Route& RouteCache::keep(std::size_t set, std::uint64_t hash, std::string_view vhost,
                              std::string_view exchange, std::string_view routing_key,
                              Route&& route) {
  const std::optional<std::size_t> place = find_place(set, hash);
  if (!place) {
    uncached_ = std::move(route);
    return uncached_;
  }
  make_room(route.queues.size());
  Entry& entry = entries_[*place];
  queues_kept_ -= entry.route.queues.size();
  queues_kept_ += route.queues.size();
  hashes_[*place] = hash;
  entry.vhost_bytes = static_cast<std::uint32_t>(vhost.size());
  entry.exchange_bytes = static_cast<std::uint32_t>(exchange.size());
  entry.names.assign(vhost).append(exchange).append(routing_key);
  entry.route = std::move(route);
  return entry.route;
}

/// Its own old place or one that was never used. Others are given up only to what was asked for
/// twice: where each message has a key of its own, nothing would be found again anyway.
std::optional<std::size_t> RouteCache::find_place(std::size_t set, std::uint64_t hash) {
  for (std::size_t way = set; way < set + ways; ++way) {
    if (hashes_[way] == hash || hashes_[way] == 0) {
      return way;
    }
  }
  constexpr unsigned tag_shift = 48;
  constexpr unsigned index_shift = 24;
  std::uint16_t& asked = asked_[(hash >> index_shift) % asked_.size()];
  if (const auto tag = static_cast<std::uint16_t>(hash >> tag_shift); asked != tag) {
    asked = tag;
    return std::nullopt;
  }
  for (std::size_t way = set; way < set + ways; ++way) {
    if (!is_valid(entries_[way].route)) {
      return way;
    }
  }
  return set + misses_ % ways;
}

void RouteCache::make_room(std::size_t queues) {
  if (queues_kept_ + queues <= queues_kept_max) {
    return;
  }
  for (Entry& entry : entries_) {
    entry.route = {};
  }
  queues_kept_ = 0;
}

}  // namespace lepus::model
