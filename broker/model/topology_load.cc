#include <algorithm>
#include <atomic>
#include <memory>
#include <mutex>
#include <utility>

#include <fmt/format.h>

#include "broker/model/queue_arguments.h"
#include "broker/model/topology.h"
#include "broker/model/topology_check.h"
#include "broker/model/topology_records.h"
#include "broker/model/topology_state.h"

namespace lepus::model {

namespace {

using StoredRecord = std::pair<RecordKey, std::string_view>;

std::string described(const RecordKey& key) {
  std::string text{static_cast<char>(key.kind)};
  // The names of a binding end with octets that are no text.
  const std::size_t names = std::min<std::size_t>(key.names.size(), 5);
  for (std::size_t i = 0; i < names; ++i) {
    text += fmt::format(" '{}'", key.names[i]);
  }
  return text;
}

/// What must be there before it can be referred to comes first.
int load_order(RecordKind kind) {
  switch (kind) {
    case RecordKind::vhost:
    case RecordKind::user:
      return 0;
    case RecordKind::exchange:
    case RecordKind::queue:
    case RecordKind::permissions:
    case RecordKind::policy:
    case RecordKind::operator_policy:
      return 1;
    case RecordKind::topic_permissions:
    case RecordKind::binding:
    case RecordKind::parameter:
      return 2;
  }
  return 3;
}

Result<std::vector<StoredRecord>> decode_keys(const storage::Recovered& recovered) {
  std::vector<StoredRecord> records;
  records.reserve(recovered.topology.size());
  for (const auto& [key, value] : recovered.topology) {
    auto decoded = decode_key(key);
    if (!decoded) {
      return fail("the topology has a record of an unknown kind: written by a newer release?");
    }
    records.emplace_back(*std::move(decoded), value);
  }
  std::ranges::stable_sort(
      records, {}, [](const StoredRecord& record) { return load_order(record.first.kind); });
  return records;
}

}  // namespace

/// Puts recovered records into the state, one kind each. False for a damaged record or one without
/// what it belongs to.
struct TopologyLoader {
  explicit TopologyLoader(Topology::State& loaded) : state(loaded) {}

  /// See unloadable_records().
  static std::vector<std::string> unloadable(Topology& topology,
                                             const storage::Recovered& recovered);

  Topology::State& state;

  bool load(const RecordKey& key, std::string_view value) {
    switch (key.kind) {
      case RecordKind::vhost:
        return load_vhost(key, value);
      case RecordKind::exchange:
        return load_exchange(key, value);
      case RecordKind::queue:
        return load_queue(key, value);
      case RecordKind::binding:
        return load_binding(key);
      case RecordKind::user:
        return load_user(key, value);
      case RecordKind::permissions:
        return load_permissions(key, value);
      case RecordKind::topic_permissions:
        return load_topic_permissions(key, value);
      case RecordKind::parameter:
        state.parameters[{key.names[0], key.names[1], key.names[2]}] = {
            key.names[0], key.names[1], key.names[2], std::string{value}};
        return true;
      case RecordKind::policy:
      case RecordKind::operator_policy:
        return load_policy(key, value);
    }
    return false;
  }

  bool load_vhost(const RecordKey& key, std::string_view value) {
    auto vhost = decode_vhost(key, value);
    if (vhost) {
      state.add_vhost(*std::move(vhost));
      return true;
    }
    return false;
  }

  bool load_exchange(const RecordKey& key, std::string_view value) {
    auto exchange = decode_exchange(key, value);
    Vhost* vhost = state.find_vhost(key.names[0]);
    if (!exchange || vhost == nullptr || vhost->find_exchange(exchange->name) != nullptr) {
      return false;
    }
    exchange->delay_queue.owner = exchange->delay_queue.partition % state.options.shards;
    if (check_type_arguments(*exchange)) {
      return false;
    }
    return state.note_delay_queue(vhost->add_exchange(*std::move(exchange)));
  }

  bool load_queue(const RecordKey& key, std::string_view value) {
    std::shared_ptr<QueueRecord> queue = decode_queue(key, value);
    Vhost* vhost = state.find_vhost(key.names[0]);
    if (queue == nullptr || vhost == nullptr) {
      return false;
    }
    auto settings = check_queue_arguments(queue->arguments, queue->described());
    if (!settings || !state.queues_by_id.emplace(value_of(queue->id), queue).second) {
      return false;
    }
    queue->settings = *std::move(settings);
    queue->owner = queue->partition % state.options.shards;
    vhost->add_queue(std::move(queue));
    return true;
  }

  bool load_binding(const RecordKey& key) {
    const auto binding = decode_binding(key);
    Vhost* vhost = state.find_vhost(key.names[0]);
    if (!binding || vhost == nullptr || vhost->find_exchange(binding->source) == nullptr) {
      return false;
    }
    const bool has_destination = binding->destination_type == BindingDestination::queue
                                     ? vhost->find_queue(binding->destination) != nullptr
                                     : vhost->find_exchange(binding->destination) != nullptr;
    if (!has_destination) {
      return false;
    }
    vhost->add_binding(*binding,
                       binding_key(key.names[0], binding->source, binding->destination_type,
                                   binding->destination, binding->routing_key, binding->arguments));
    return true;
  }

  /// apply_policies() follows when all are there.
  bool load_policy(const RecordKey& key, std::string_view value) {
    std::shared_ptr<const Policy> policy = decode_policy(key, value);
    Vhost* vhost = state.find_vhost(key.names[0]);
    if (policy == nullptr || vhost == nullptr) {
      return false;
    }
    const PolicyKind kind = policy->description().kind;
    vhost->policies(kind).put(std::move(policy));
    return true;
  }

  bool load_user(const RecordKey& key, std::string_view value) {
    auto user = decode_user(key, value);
    if (user) {
      state.users.put_user(*std::move(user));
      return true;
    }
    return false;
  }

  bool load_permissions(const RecordKey& key, std::string_view value) {
    auto permissions = decode_permissions(key, value);
    return permissions && state.users.put_permissions(*std::move(permissions)).has_value();
  }

  bool load_topic_permissions(const RecordKey& key, std::string_view value) {
    auto permissions = decode_topic_permissions(key, value);
    return permissions && state.users.put_topic_permissions(*std::move(permissions)).has_value();
  }
};

Result<void> Topology::State::add_defaults(storage::Batch& batch) {
  VhostDescription vhost{.name = options.default_vhost,
                         .description = "Default virtual host",
                         .tags = {},
                         .default_queue_type = {},
                         .max_connections = {},
                         .max_queues = {}};
  batch.put_topology(vhost_key(vhost.name), encode(vhost));
  add_vhost(std::move(vhost));
  User user{.name = options.default_user,
            .password_hash = hash_password(options.default_password, PasswordHashing::sha256),
            .hashing = PasswordHashing::sha256,
            .tags = options.default_user_tags,
            .limits = {}};
  batch.put_topology(user_key(user.name), encode(user));
  users.put_user(std::move(user));
  const UserPermissions permissions{options.default_user, options.default_vhost,
                                    options.default_configure, options.default_write,
                                    options.default_read};
  batch.put_topology(permissions_key(permissions.user, permissions.vhost), encode(permissions));
  if (const auto put = users.put_permissions(permissions); !put) {
    return fail("default_permissions: " + put.error().text);
  }
  return {};
}

Result<void> Topology::load(const storage::Recovered& recovered) {
  const auto records = decode_keys(recovered);
  if (!records) {
    return records.error();
  }
  const std::unique_lock lock{state_->mutex};
  const auto last = recovered.last_numbers.find(storage::topology_log);
  state_->log.continue_after(last == recovered.last_numbers.end() ? 0 : last->second);
  std::uint64_t next_id = recovered.next_queue_id;
  TopologyLoader loader{*state_};
  for (const auto& [key, value] : *records) {
    if (!loader.load(key, value)) {
      return fail(fmt::format("the topology's record {} is damaged", described(key)));
    }
  }
  for (const auto& [name, vhost] : state_->vhosts) {
    vhost->apply_policies();
  }
  for (const auto& [id, queue] : state_->queues_by_id) {
    next_id = std::max(next_id, id + 1);
  }
  auto batch = state_->log.new_batch();
  state_->ids.begin(next_id, *batch);
  if (records->empty() && state_->options.makes_defaults) {
    if (auto added = state_->add_defaults(*batch); !added) {
      return added;
    }
  }
  // The one wait of the model: nothing runs yet, and no id may be used before its reservation is
  // safe.
  enum class Answer { none, committed, failed };
  auto answer = std::make_shared<std::atomic<Answer>>(Answer::none);
  state_->log.append(std::move(batch), [answer](storage::Outcome outcome) {
    answer->store(outcome == storage::Outcome::committed ? Answer::committed : Answer::failed);
    answer->notify_one();
  });
  answer->wait(Answer::none);
  if (answer->load() == Answer::failed) {
    return fail("the store did not commit the reservation of queue ids");
  }
  state_->ids.begin_committed();
  return {};
}

std::vector<std::string> TopologyLoader::unloadable(Topology& topology,
                                                    const storage::Recovered& recovered) {
  const std::unique_lock lock{topology.state_->mutex};
  std::vector<std::string> keys;
  TopologyLoader loader{*topology.state_};
  constexpr int orders = 3;
  for (int order = 0; order < orders; ++order) {
    for (const auto& [key, value] : recovered.topology) {
      const auto decoded = decode_key(key);
      if (decoded ? load_order(decoded->kind) == order && !loader.load(*decoded, value)
                  : order == 0) {
        keys.push_back(key);
      }
    }
  }
  return keys;
}

std::vector<std::string> unloadable_records(Topology& topology,
                                            const storage::Recovered& recovered) {
  return TopologyLoader::unloadable(topology, recovered);
}

std::vector<QueueId> Topology::orphans(const storage::Recovered& recovered) const {
  const std::shared_lock lock{state_->mutex};
  std::vector<QueueId> orphans;
  for (const auto& [id, progress] : recovered.progress) {
    if (!state_->queues_by_id.contains(value_of(id))) {
      orphans.push_back(id);
    }
  }
  return orphans;
}

}  // namespace lepus::model
