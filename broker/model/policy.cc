#include "broker/model/policy.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>

namespace lepus::model {

namespace {

struct NamedTarget {
  PolicyTarget target;
  std::string_view name;
};

constexpr std::array named_targets{
    NamedTarget{PolicyTarget::all, "all"},
    NamedTarget{PolicyTarget::queues, "queues"},
    NamedTarget{PolicyTarget::classic_queues, "classic_queues"},
    NamedTarget{PolicyTarget::quorum_queues, "quorum_queues"},
    NamedTarget{PolicyTarget::streams, "streams"},
    NamedTarget{PolicyTarget::exchanges, "exchanges"},
};

// As RabbitMQ lists them: queue-version, say, does not keep a policy from quorum queues.
constexpr std::array<std::string_view, 9> unknown_to_classic_queues{
    "dead-letter-strategy",          "delivery-limit",
    "initial-cluster-size",          "max-age",
    "max-in-memory-bytes",           "max-in-memory-length",
    "queue-leader-locator",          "target-group-size",
    "stream-max-segment-size-bytes",
};

constexpr std::array<std::string_view, 10> unknown_to_quorum_queues{
    "ha-mode",
    "ha-params",
    "ha-promote-on-failure",
    "ha-promote-on-shutdown",
    "ha-sync-mode",
    "initial-cluster-size",
    "max-age",
    "queue-master-locator",
    "queue-mode",
    "stream-max-segment-size-bytes",
};

bool has_any(const amqp::FieldTable& definition, std::span<const std::string_view> keys) {
  return std::ranges::any_of(keys,
                             [&](std::string_view key) { return definition.find(key) != nullptr; });
}

/// In a policy's pattern nothing means everything, other than in a permission's.
std::string_view expression_of(const std::string& pattern) {
  return pattern.empty() ? std::string_view{".*"} : std::string_view{pattern};
}

}  // namespace

std::string_view name_of(PolicyTarget target) {
  return std::ranges::find(named_targets, target, &NamedTarget::target)->name;
}

std::optional<PolicyTarget> policy_target_from(std::string_view name) {
  const auto* found = std::ranges::find(named_targets, name, &NamedTarget::name);
  return found == named_targets.end() ? std::nullopt : std::optional{found->target};
}

Result<std::shared_ptr<const Policy>, PatternError> Policy::create(PolicyDescription description) {
  auto pattern = Pattern::compile(expression_of(description.pattern));
  if (!pattern) {
    return pattern.error();
  }
  return std::shared_ptr<const Policy>(new Policy(std::move(description), *std::move(pattern)));
}

Policy::Policy(PolicyDescription description, Pattern pattern)
    : description_(std::move(description)), pattern_(std::move(pattern)) {
  const PolicyTarget target = description_.apply_to;
  const bool is_for_queues = target == PolicyTarget::all || target == PolicyTarget::queues;
  suits_classic_ = (is_for_queues || target == PolicyTarget::classic_queues) &&
                   !has_any(description_.definition, unknown_to_classic_queues);
  suits_quorum_ = (is_for_queues || target == PolicyTarget::quorum_queues) &&
                  !has_any(description_.definition, unknown_to_quorum_queues);
}

bool Policy::suits(QueueType type) const {
  switch (type) {
    case QueueType::classic:
      return suits_classic_;
    case QueueType::quorum:
      return suits_quorum_;
  }
  return false;
}

bool Policy::applies_to(const QueueRecord& queue) const {
  return suits(queue.settings.type) && pattern_.matches(queue.name);
}

bool Policy::applies_to(const ExchangeRecord& exchange) const {
  const PolicyTarget target = description_.apply_to;
  return (target == PolicyTarget::all || target == PolicyTarget::exchanges) &&
         pattern_.matches(exchange.name);
}

}  // namespace lepus::model
