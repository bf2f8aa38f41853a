#include "broker/model/vhost.h"

#include <algorithm>
#include <utility>

#include <boost/unordered/unordered_flat_set.hpp>

namespace lepus::model {

Vhost::Vhost(VhostDescription described) : description(std::move(described)) {}

Vhost::~Vhost() {
  // The lists want to be empty before their owners go, in whatever order those do.
  for (auto& [name, exchange] : exchanges_) {
    exchange->bindings_from.clear();
    exchange->bindings_to.clear();
  }
  for (auto& [name, queue] : queues_) {
    queue.bindings.clear();
  }
}

std::shared_ptr<Exchange> Vhost::find_exchange(std::string_view exchange) const {
  const auto found = exchanges_.find(exchange);
  return found == exchanges_.end() ? nullptr : found->second;
}

Exchange& Vhost::add_exchange(ExchangeRecord record) {
  std::shared_ptr<Exchange> created = Exchange::create(std::move(record));
  Exchange& exchange = *created;
  exchange.set_policy(policies_.match(exchange.record()));
  exchanges_.emplace(exchange.name(), std::move(created));
  if (exchange.alternate()) {
    users_of_alternate_[*exchange.alternate()].push_back(&exchange);
  }
  // Others may have waited for it as their alternate.
  raise_versions_reaching(exchange);
  return exchange;
}

RemovedObjects Vhost::remove_exchange(Exchange& exchange) {
  RemovedObjects removed;
  std::vector<Exchange*> sources;
  for (const Binding& binding : exchange.bindings_to) {
    sources.push_back(binding.source);
  }
  detach_exchange(exchange, removed);
  collect_unused(std::move(sources), removed);
  return removed;
}

std::shared_ptr<QueueRecord> Vhost::find_queue(std::string_view queue) const {
  const auto found = queues_.find(queue);
  return found == queues_.end() ? nullptr : found->second.record;
}

void Vhost::add_queue(std::shared_ptr<QueueRecord> queue) {
  QueueEntry& entry = queues_[queue->name];
  LEPUS_ASSERT(entry.record == nullptr, "names of queues are unique in their vhost");
  entry.record = std::move(queue);
  apply_policies_to(entry);
}

RemovedObjects Vhost::remove_queue(std::string_view queue) {
  RemovedObjects removed;
  const auto found = queues_.find(queue);
  LEPUS_ASSERT(found != queues_.end(), "only queues that are there are removed");
  std::vector<Exchange*> sources;
  while (!found->second.bindings.empty()) {
    Binding& binding = found->second.bindings.front();
    sources.push_back(binding.source);
    removed.bindings.push_back(unlink(binding));
  }
  found->second.record->deleted.store(true, std::memory_order_release);
  queues_.erase(found);
  collect_unused(std::move(sources), removed);
  return removed;
}

const PolicyList& Vhost::policies(PolicyKind kind) const {
  switch (kind) {
    case PolicyKind::ordinary:
      return policies_;
    case PolicyKind::by_operator:
      break;
  }
  return operator_policies_;
}

PolicyList& Vhost::policies(PolicyKind kind) {
  return const_cast<PolicyList&>(std::as_const(*this).policies(kind));
}

void Vhost::apply_policies() {
  for (auto& [name, entry] : queues_) {
    apply_policies_to(entry);
  }
  for (auto& [name, exchange] : exchanges_) {
    apply_policies_to(*exchange);
  }
}

void Vhost::apply_policies_to(QueueEntry& queue) const {
  queue.policies = {policies_.match(*queue.record), operator_policies_.match(*queue.record)};
  if (queue.policies.policy == nullptr && queue.policies.operator_policy == nullptr) {
    queue.settings = {queue.record, &queue.record->settings};
    return;
  }
  QueueSettings settings = effective_settings(*queue.record, queue.policies);
  // Equal ones stay the same object, which tells the owner that nothing has changed.
  if (queue.settings == nullptr || *queue.settings != settings) {
    queue.settings = std::make_shared<const QueueSettings>(std::move(settings));
  }
}

void Vhost::apply_policies_to(Exchange& exchange) {
  const std::optional<std::string> before = exchange.alternate();
  forget_alternate_of(exchange);
  exchange.set_policy(policies_.match(exchange.record()));
  if (exchange.alternate()) {
    users_of_alternate_[*exchange.alternate()].push_back(&exchange);
  }
  if (exchange.alternate() != before) {
    raise_versions_reaching(exchange);
  }
}

void Vhost::forget_alternate_of(Exchange& exchange) {
  if (!exchange.alternate()) {
    return;
  }
  const auto users = users_of_alternate_.find(std::string_view{*exchange.alternate()});
  std::erase(users->second, &exchange);
  if (users->second.empty()) {
    users_of_alternate_.erase(users);
  }
}

Binding* Vhost::find_binding(std::string_view identity) {
  const auto found = bindings_.find(identity);
  return found == bindings_.end() ? nullptr : found->second.get();
}

Binding& Vhost::add_binding(const BindingDescription& described, std::string identity) {
  auto created = std::make_unique<Binding>();
  Binding& binding = *created;
  const auto source = exchanges_.find(std::string_view{described.source});
  LEPUS_ASSERT(source != exchanges_.end(), "the caller has looked for both ends");
  binding.source = source->second.get();
  binding.routing_key = described.routing_key;
  binding.arguments = described.arguments;
  binding.identity = std::move(identity);
  bool durable_destination = false;
  if (described.destination_type == BindingDestination::queue) {
    const auto queue = queues_.find(std::string_view{described.destination});
    LEPUS_ASSERT(queue != queues_.end(), "the caller has looked for both ends");
    binding.queue = queue->second.record;
    durable_destination = binding.queue->durable;
    queue->second.bindings.push_back(binding);
  } else {
    const auto exchange = exchanges_.find(std::string_view{described.destination});
    LEPUS_ASSERT(exchange != exchanges_.end(), "the caller has looked for both ends");
    binding.exchange = exchange->second.get();
    durable_destination = binding.exchange->is_durable();
    binding.exchange->bindings_to.push_back(binding);
  }
  binding.durable = durable_destination && binding.source->is_durable();
  binding.source->add_binding(binding);
  bindings_.emplace(binding.identity, std::move(created));
  raise_versions_reaching(*binding.source);
  return binding;
}

RemovedObjects Vhost::remove_binding(Binding& binding) {
  RemovedObjects removed;
  Exchange* source = binding.source;
  removed.bindings.push_back(unlink(binding));
  collect_unused({source}, removed);
  return removed;
}

const BindingDestinationList* Vhost::bindings_to_queue(std::string_view queue) const {
  const auto found = queues_.find(queue);
  return found == queues_.end() ? nullptr : &found->second.bindings;
}

void Vhost::raise_all_versions() {
  for (auto& [name, exchange] : exchanges_) {
    exchange->raise_version();
  }
}

void Vhost::raise_versions_reaching(Exchange& changed) {
  changed.raise_version();
  if (changed.bindings_to.empty() && users_of_alternate_.empty()) {
    return;
  }
  boost::unordered_flat_set<Exchange*> seen{&changed};
  std::vector<Exchange*> waiting{&changed};
  const auto reach = [&](Exchange* exchange) {
    if (seen.insert(exchange).second) {
      exchange->raise_version();
      waiting.push_back(exchange);
    }
  };
  while (!waiting.empty()) {
    const Exchange& exchange = *waiting.back();
    waiting.pop_back();
    for (const Binding& binding : exchange.bindings_to) {
      reach(binding.source);
    }
    const auto users = users_of_alternate_.find(std::string_view{exchange.name()});
    if (users != users_of_alternate_.end()) {
      std::ranges::for_each(users->second, reach);
    }
  }
}

std::unique_ptr<Binding> Vhost::unlink(Binding& binding) {
  raise_versions_reaching(*binding.source);
  binding.source->remove_binding(binding);
  if (binding.queue != nullptr) {
    const auto queue = queues_.find(std::string_view{binding.queue->name});
    LEPUS_ASSERT(queue != queues_.end(), "a queue outlives its bindings");
    queue->second.bindings.erase(queue->second.bindings.iterator_to(binding));
  } else {
    binding.exchange->bindings_to.erase(binding.exchange->bindings_to.iterator_to(binding));
  }
  const auto owned = bindings_.find(std::string_view{binding.identity});
  LEPUS_ASSERT(owned != bindings_.end(), "bindings are owned by their vhost");
  std::unique_ptr<Binding> unlinked = std::move(owned->second);
  bindings_.erase(owned);
  return unlinked;
}

void Vhost::collect_unused(std::vector<Exchange*> sources, RemovedObjects& removed) {
  while (!sources.empty()) {
    Exchange* exchange = sources.back();
    sources.pop_back();
    if (!exchange->is_auto_delete() || !exchange->bindings_from.empty()) {
      continue;
    }
    // A source may be named more than once; what was removed is kept in `removed` so far.
    if (find_exchange(exchange->name()).get() != exchange) {
      continue;
    }
    for (const Binding& binding : exchange->bindings_to) {
      sources.push_back(binding.source);
    }
    detach_exchange(*exchange, removed);
  }
}

void Vhost::detach_exchange(Exchange& exchange, RemovedObjects& removed) {
  // Before its bindings go, since they are the way to those that reach it.
  raise_versions_reaching(exchange);
  while (!exchange.bindings_from.empty()) {
    removed.bindings.push_back(unlink(exchange.bindings_from.front()));
  }
  while (!exchange.bindings_to.empty()) {
    removed.bindings.push_back(unlink(exchange.bindings_to.front()));
  }
  forget_alternate_of(exchange);
  if (const auto* delay_queue = exchange.delay_queue()) {
    (*delay_queue)->deleted.store(true, std::memory_order_release);
  }
  const auto owned = exchanges_.find(std::string_view{exchange.name()});
  removed.exchanges.push_back(std::move(owned->second));
  exchanges_.erase(owned);
}

}  // namespace lepus::model
