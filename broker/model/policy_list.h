#pragma once

#include <algorithm>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "broker/model/policy.h"

namespace lepus::model {

/// The policies of one kind in one vhost, in the order in which they are tried: by falling
/// priority, then by name.
class PolicyList {
 public:
  using Shared = std::shared_ptr<const Policy>;

  /// Replaces the one of that name.
  void put(Shared policy) {
    erase(policy->name());
    const auto place = std::ranges::find_if(
        policies_, [&](const Shared& other) { return is_before(*policy, *other); });
    policies_.insert(place, std::move(policy));
  }

  /// Whether there was one.
  bool erase(std::string_view name) {
    return std::erase_if(policies_,
                         [name](const Shared& policy) { return policy->name() == name; }) > 0;
  }

  /// Null if there is none.
  [[nodiscard]] Shared find(std::string_view name) const {
    const auto found = std::ranges::find(policies_, name, &Policy::name);
    return found == policies_.end() ? nullptr : *found;
  }

  /// The one that is in force for a queue's or an exchange's record, or null.
  template <typename Record>
  [[nodiscard]] Shared match(const Record& record) const {
    const auto found = std::ranges::find_if(
        policies_, [&](const Shared& policy) { return policy->applies_to(record); });
    return found == policies_.end() ? nullptr : *found;
  }

  [[nodiscard]] const std::vector<Shared>& all() const { return policies_; }

 private:
  static bool is_before(const Policy& one, const Policy& other) {
    const PolicyDescription& left = one.description();
    const PolicyDescription& right = other.description();
    return left.priority != right.priority ? left.priority > right.priority
                                           : left.name < right.name;
  }

  std::vector<Shared> policies_;
};

}  // namespace lepus::model
