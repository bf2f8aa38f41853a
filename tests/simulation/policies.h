#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/model/policy.h"
#include "tests/simulation/queue_traits.h"
#include "tests/simulation/random.h"

namespace lepus::simulation {

/// A policy of the run.
struct PolicyTraits {
  double priority = 0;                      ///< each has one of its own
  std::optional<std::uint32_t> queue = {};  ///< nothing: it is for all
  std::optional<std::int64_t> message_ttl_ms = {};
  std::optional<std::uint64_t> max_length = {};
  std::optional<std::uint32_t> delivery_limit = {};
  std::optional<QueueTraits::Overflow> overflow = {};
  bool has_dead_letter_exchange = false;

  /// A policy that knows quorum queues' keys is not for others.
  [[nodiscard]] bool is_for(std::uint32_t number, const QueueTraits& traits) const {
    return (!queue || *queue == number) && (!delivery_limit || traits.quorum);
  }
};

/// The policies that clients of management have put, and what they make of a queue. Of those that
/// the store may not have it knows what was before.
class Policies {
 public:
  using Kind = model::PolicyKind;
  using Name = std::pair<Kind, std::string>;

  /// Something to put, or nothing: the policy goes.
  struct Change {
    Name name;
    std::optional<PolicyTraits> policy;
  };

  [[nodiscard]] Change choose(const std::vector<QueueTraits>& queues, Random& random);
  [[nodiscard]] static model::PolicyDescription description(const Change& change,
                                                            const std::vector<QueueTraits>& queues);

  /// It was put, or deleted, and is in the topology's log by that number.
  void changed(const Change& change, std::uint64_t ticket);
  void committed(std::uint64_t up_to);

  /// The number of the newest change.
  [[nodiscard]] std::uint64_t newest_ticket() const { return newest_ticket_; }

  /// A start has found it with that priority, or not at all.
  /// @return false: it can't be
  [[nodiscard]] bool found(const Name& name, std::optional<double> priority);

  /// All names that there may be.
  [[nodiscard]] static std::vector<Name> names();

  /// What the newest policies make of a queue that is declared so.
  [[nodiscard]] QueueTraits effective(std::uint32_t number, const QueueTraits& declared) const;

 private:
  struct Version {
    std::uint64_t ticket = 0;
    std::optional<PolicyTraits> policy;
  };

  [[nodiscard]] const PolicyTraits* in_force(Kind kind, std::uint32_t number,
                                             const QueueTraits& declared) const;

  std::map<Name, std::vector<Version>> versions_;  // the last one committed and all behind it
  int last_version_ = 0;
  std::uint64_t newest_ticket_ = 0;
};

}  // namespace lepus::simulation
