#include "tests/simulation/policies.h"

#include <algorithm>

namespace lepus::simulation {

namespace {

template <typename Number>
void lower(std::optional<Number>& limit, const std::optional<Number>& other) {
  limit = limit && other ? std::min(*limit, *other) : (other ? other : limit);
}

}  // namespace

std::vector<Policies::Name> Policies::names() {
  return {{Kind::ordinary, "p0"}, {Kind::ordinary, "p1"}, {Kind::by_operator, "o0"}};
}

Policies::Change Policies::choose(const std::vector<QueueTraits>& queues, Random& random) {
  const auto all = names();
  Change change{.name = all[random.below(all.size())], .policy = std::nullopt};
  if (random.one_in(4)) {
    return change;
  }
  PolicyTraits& policy = change.policy.emplace();
  constexpr double version_step = 1.0 / 1024;
  policy.priority = static_cast<double>(random.below(2)) + ++last_version_ * version_step;
  if (!random.one_in(4)) {
    policy.queue = static_cast<std::uint32_t>(random.below(queues.size()));
  }
  if (random.one_in(3)) {
    policy.message_ttl_ms = static_cast<std::int64_t>(random.between(100, 6000));
  }
  // It sets something.
  if (!policy.message_ttl_ms || random.one_in(2)) {
    policy.max_length = random.between(0, 15);
  }
  if (random.one_in(4)) {
    policy.delivery_limit = static_cast<std::uint32_t>(random.below(4));
  }
  if (change.name.first == Kind::by_operator) {
    return change;  // limits only
  }
  if (random.one_in(2)) {
    policy.overflow =
        random.one_in(2) ? QueueTraits::Overflow::drop_head : QueueTraits::Overflow::reject_publish;
  }
  policy.has_dead_letter_exchange =
      policy.queue && queues[*policy.queue].policy_letters_to && random.one_in(2);
  return change;
}

model::PolicyDescription Policies::description(const Change& change,
                                               const std::vector<QueueTraits>& queues) {
  const PolicyTraits& policy = *change.policy;
  model::PolicyDescription description{.kind = change.name.first,
                                       .vhost = "/",
                                       .name = change.name.second,
                                       .apply_to = model::PolicyTarget::queues,
                                       .priority = policy.priority};
  if (policy.queue) {
    description.pattern = '^' + queues[*policy.queue].name + '$';
  }
  amqp::FieldTable& definition = description.definition;
  const auto set_if = [&definition](const char* name, const auto& value) {
    if (value) {
      definition.set(name, static_cast<std::int64_t>(*value));
    }
  };
  set_if("message-ttl", policy.message_ttl_ms);
  set_if("max-length", policy.max_length);
  set_if("delivery-limit", policy.delivery_limit);
  if (policy.overflow) {
    definition.set("overflow", to_text(*policy.overflow));
  }
  if (policy.has_dead_letter_exchange) {
    definition.set("dead-letter-exchange", "");
    definition.set("dead-letter-routing-key",
                   queues[*queues[*policy.queue].policy_letters_to].name);
  }
  return description;
}

void Policies::changed(const Change& change, std::uint64_t ticket) {
  auto& versions = versions_[change.name];
  if (versions.empty()) {
    versions.emplace_back();
  }
  versions.push_back({ticket, change.policy});
  newest_ticket_ = std::max(newest_ticket_, ticket);
}

void Policies::committed(std::uint64_t up_to) {
  for (auto& [name, versions] : versions_) {
    const auto later = std::ranges::find_if(
        versions, [up_to](const Version& version) { return version.ticket > up_to; });
    if (later - versions.begin() > 1) {
      versions.erase(versions.begin(), later - 1);
    }
  }
}

bool Policies::found(const Name& name, std::optional<double> priority) {
  auto& versions = versions_[name];
  if (versions.empty()) {
    versions.emplace_back();
  }
  const auto known = std::ranges::find_if(versions, [priority](const Version& each) {
    return (each.policy ? std::optional(each.policy->priority) : std::nullopt) == priority;
  });
  const bool is_known = known != versions.end();
  versions = {Version{.ticket = 0, .policy = is_known ? known->policy : std::nullopt}};
  newest_ticket_ = 0;
  return is_known;
}

const PolicyTraits* Policies::in_force(Kind kind, std::uint32_t number,
                                       const QueueTraits& declared) const {
  const PolicyTraits* best = nullptr;
  for (const auto& [name, versions] : versions_) {
    const auto& policy = versions.back().policy;
    // By name, so that among equals the first stays.
    if (name.first == kind && policy && policy->is_for(number, declared) &&
        (best == nullptr || policy->priority > best->priority)) {
      best = &*policy;
    }
  }
  return best;
}

QueueTraits Policies::effective(std::uint32_t number, const QueueTraits& declared) const {
  QueueTraits traits = declared;
  for (const Kind kind : {Kind::ordinary, Kind::by_operator}) {
    const PolicyTraits* policy = in_force(kind, number, declared);
    if (policy == nullptr) {
      continue;
    }
    lower(traits.message_ttl_ms, policy->message_ttl_ms);
    lower(traits.max_length, policy->max_length);
    lower(traits.delivery_limit, policy->delivery_limit);
    const bool argument_wins =
        !declared.quorum && declared.overflow != QueueTraits::Overflow::drop_head;
    if (policy->overflow && !argument_wins) {
      traits.overflow = *policy->overflow;
    }
    if (policy->has_dead_letter_exchange && !traits.dead_letters_to) {
      traits.dead_letters_to = declared.policy_letters_to;
    }
  }
  return traits;
}

}  // namespace lepus::simulation
