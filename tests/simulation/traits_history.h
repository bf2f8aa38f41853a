#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

#include "tests/simulation/queue_traits.h"

namespace lepus::simulation {

/// What a queue's arguments and policies say together, and when, by the simulated clock. While a
/// change is under way both the old and the new may be in force.
class TraitsHistory {
 public:
  explicit TraitsHistory(QueueTraits declared) {
    periods_.push_back({.traits = std::move(declared)});
  }

  void may_become(const QueueTraits& traits, std::int64_t now_ms) {
    periods_.push_back({.traits = traits, .from_ms = now_ms});
  }

  /// What it may have become last is all that is in force.
  void has_become(std::int64_t now_ms) {
    for (auto old = periods_.begin(); old + 1 != periods_.end(); ++old) {
      old->until_ms = std::min(old->until_ms, now_ms);
    }
  }

  [[nodiscard]] const QueueTraits& newest() const { return periods_.back().traits; }

  /// Of some of those that may have been in force at some time from … to.
  template <typename Predicate>
  [[nodiscard]] bool any(std::int64_t from_ms, std::int64_t to_ms, Predicate predicate) const {
    return std::ranges::any_of(periods_, [&](const Period& period) {
      return period.from_ms <= to_ms && period.until_ms >= from_ms &&
             std::invoke(predicate, period.traits);
    });
  }

  /// A message that came at that time may have been too old at some time up to now.
  [[nodiscard]] bool may_have_expired(std::int64_t came_ms, std::int64_t now_ms) const {
    return std::ranges::any_of(periods_, [&](const Period& period) {
      const auto& ttl_ms = period.traits.message_ttl_ms;
      return ttl_ms && std::min(period.until_ms, now_ms) >=
                           std::max(came_ms + *ttl_ms, std::min(period.from_ms, now_ms));
    });
  }

 private:
  struct Period {
    QueueTraits traits;
    std::int64_t from_ms = INT64_MIN;
    std::int64_t until_ms = INT64_MAX;
  };

  std::vector<Period> periods_;
};

}  // namespace lepus::simulation
