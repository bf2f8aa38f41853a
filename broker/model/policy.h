#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "amqp/field_table.h"
#include "broker/base/result.h"
#include "broker/model/exchange.h"
#include "broker/model/pattern.h"
#include "broker/model/queue_record.h"

namespace lepus::model {

/// Whose policy it is: a user's, or the operator's, which may only set limits of queues and a few
/// other keys.
enum class PolicyKind { ordinary, by_operator };

/// What a policy may be for.
enum class PolicyTarget { all, queues, classic_queues, quorum_queues, streams, exchanges };

/// "all", "queues", "classic_queues", …, as apply-to has it.
[[nodiscard]] std::string_view name_of(PolicyTarget target);
[[nodiscard]] std::optional<PolicyTarget> policy_target_from(std::string_view name);

/// A policy as it was put, and as management shows it.
struct PolicyDescription {
  PolicyKind kind = PolicyKind::ordinary;
  std::string vhost;
  std::string name;
  std::string pattern;  ///< of names; empty: all
  PolicyTarget apply_to = PolicyTarget::all;
  double priority = 0;
  amqp::FieldTable definition;  ///< "max-length" and the like
};

/// A policy that can be matched. Immutable; shared by threads.
class Policy {
 public:
  /// Fails if the pattern is no regular expression. The definition is not checked
  /// (check_policy() does): what nobody understands has no effect.
  static Result<std::shared_ptr<const Policy>, PatternError> create(PolicyDescription description);

  [[nodiscard]] const PolicyDescription& description() const { return description_; }

  [[nodiscard]] const std::string& name() const { return description_.name; }

  /// By name, and by what the policy is for. A policy with a key that a type of queue does not know
  /// is not for such queues, as in RabbitMQ.
  [[nodiscard]] bool applies_to(const QueueRecord& queue) const;
  [[nodiscard]] bool applies_to(const ExchangeRecord& exchange) const;

 private:
  Policy(PolicyDescription description, Pattern pattern);

  [[nodiscard]] bool suits(QueueType type) const;

  const PolicyDescription description_;
  const Pattern pattern_;
  bool suits_classic_ = false;
  bool suits_quorum_ = false;
};

/// The policies that are in force for one queue; null: none.
struct AppliedPolicies {
  std::shared_ptr<const Policy> policy;
  std::shared_ptr<const Policy> operator_policy;
};

/// "max-length" and the like: a number of which the smaller counts.
[[nodiscard]] bool is_limit_key(std::string_view key);
/// Whether the key may be in an operator's policy.
[[nodiscard]] bool is_operator_key(std::string_view key);

/// What both policies say together: of limits that both set the smaller one counts, of the rest the
/// operator's.
[[nodiscard]] amqp::FieldTable merged_definition(const AppliedPolicies& policies);

/// The settings of a queue: its arguments' with its policies'. Of limits the smallest counts; of
/// the rest the argument wins, but for the overflow of quorum queues.
[[nodiscard]] QueueSettings effective_settings(const QueueRecord& queue,
                                               const AppliedPolicies& policies);

}  // namespace lepus::model
