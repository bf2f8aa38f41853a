#include "broker/store_contents.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "broker/base/clock.h"
#include "broker/model/delayed_exchange.h"
#include "broker/model/topology.h"
#include "broker/model/topology_check.h"
#include "broker/model/topology_records.h"
#include "management/definitions.h"
#include "storage/open_store.h"
#include "storage/progress_pages.h"
#include "storage/record_format.h"
#include "storage/recovered_records.h"

namespace lepus {

namespace {

using storage::QueueId;
using storage::RecordFamily;

/// Time stands still: nothing here depends on it.
class StoppedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return 0; }

  [[nodiscard]] std::int64_t wall_ms() const override { return 0; }
};

/// Whether the value of a topology record can be decoded.
bool is_sound(const model::RecordKey& key, std::string_view value) {
  switch (key.kind) {
    case model::RecordKind::vhost:
      return model::decode_vhost(key, value).has_value();
    case model::RecordKind::exchange:
      return model::decode_exchange(key, value).has_value();
    case model::RecordKind::queue:
      return model::decode_queue(key, value) != nullptr;
    case model::RecordKind::binding:
      return model::decode_binding(key).has_value();
    case model::RecordKind::user:
      return model::decode_user(key, value).has_value();
    case model::RecordKind::permissions:
      return model::decode_permissions(key, value).has_value();
    case model::RecordKind::topic_permissions:
      return model::decode_topic_permissions(key, value).has_value();
    case model::RecordKind::parameter:
      return true;
    case model::RecordKind::policy:
    case model::RecordKind::operator_policy:
      return model::decode_policy(key, value) != nullptr;
  }
  return false;
}

/// Decodes one record after another into the contents.
class ContentsLoader {
 public:
  explicit ContentsLoader(StoreContents& contents) : contents_(contents) {}

  void load(RecordFamily family, std::string_view key, std::string_view value) {
    switch (family) {
      case RecordFamily::meta:
        return note_if(storage::add_meta_record(key, value, contents_.recovered), family, key,
                       value);
      case RecordFamily::topology:
        return load_topology(key, value);
      case RecordFamily::progress:
        return note_if(storage::add_progress_record(key, value, contents_.recovered), family, key,
                       value);
      case RecordFamily::deleted_queues:
        return load_deleted_queue(key, value);
      case RecordFamily::messages:
      case RecordFamily::bodies:
        return;
    }
  }

 private:
  void note_if(const std::optional<std::string>& fault, RecordFamily family, std::string_view key,
               std::string_view value) {
    if (fault) {
      note(family, key, value, *fault);
    }
  }

  void note(RecordFamily family, std::string_view key, std::string_view value,
            std::string_view fault) {
    contents_.damaged_records.push_back(
        {family, std::string(key), std::string(value),
         fmt::format("{} record {}: {}", storage::name_of(family), to_hexadecimal(key), fault)});
  }

  void load_topology(std::string_view key, std::string_view value) {
    const auto decoded = model::decode_key(key);
    if (!decoded || !is_sound(*decoded, value)) {
      note(RecordFamily::topology, key, value, decoded ? "damaged" : "of an unknown kind");
      return;
    }
    contents_.recovered.topology.emplace_back(key, value);
    if (decoded->kind == model::RecordKind::queue) {
      auto queue = model::decode_queue(*decoded, value);
      contents_.queues.emplace(queue->id, std::move(queue));
    } else if (decoded->kind == model::RecordKind::exchange) {
      const auto exchange = model::decode_exchange(*decoded, value);
      if (exchange->type == model::ExchangeType::delayed_message) {
        contents_.queues.emplace(exchange->delay_queue.id, model::make_delay_queue(*exchange));
      }
    }
  }

  void load_deleted_queue(std::string_view key, std::string_view value) {
    if (const auto queue = storage::decode_number(key)) {
      contents_.deleted_queues.insert(QueueId{*queue});
    } else {
      note(RecordFamily::deleted_queues, key, value, "not a queue id");
    }
  }

  StoreContents& contents_;
};

/// Takes the pages into their records.
void join_pages(StoreContents& contents) {
  for (auto& [id, progress] : contents.recovered.progress) {
    if (auto fault = storage::page_fault(progress)) {
      contents.incomplete_progress.emplace(id, *std::move(fault));
    }
    progress = storage::without_pages(std::move(progress));
  }
}

/// A topology over a store of its own in memory, and what that store has recovered: nothing.
template <typename Use>
void with_empty_topology(const Use& use) {
  const auto store = storage::make_memory_store();
  const StoppedClock clock;
  {
    const storage::Recovered nothing = store->take_recovered();
    model::Topology topology(*store, clock, {});
    use(topology, nothing);
  }
  store->close(true);
}

/// Loads the topology as a broker does and looks at it.
template <typename Look>
Result<void> with_topology(const storage::Recovered& recovered, const Look& look) {
  Result<void> loaded;
  with_empty_topology([&](model::Topology& topology, storage::Recovered records) {
    records.topology = recovered.topology;
    records.next_queue_id = recovered.next_queue_id;
    loaded = topology.load(records);
    if (loaded) {
      look(topology);
    }
  });
  return loaded;
}

}  // namespace

const storage::QueueProgress* StoreContents::progress_of(QueueId queue) const {
  const auto& records = recovered.progress;  // by id
  const auto found =
      std::ranges::lower_bound(records, queue, {}, [](const auto& record) { return record.first; });
  return found != records.end() && found->first == queue ? &found->second : nullptr;
}

StoreContents load_contents(const storage::StoreInspection& store) {
  StoreContents contents;
  ContentsLoader loader(contents);
  for (const RecordFamily family : {RecordFamily::meta, RecordFamily::topology,
                                    RecordFamily::progress, RecordFamily::deleted_queues}) {
    const auto visited = store.visit(family, [&](std::string_view key, std::string_view value) {
      loader.load(family, key, value);
    });
    if (!visited) {
      contents.unreadable.push_back(visited.error().text);
    }
  }
  join_pages(contents);
  return contents;
}

Result<model::MessagePtr> decode_row(const storage::StoreInspection& store, std::string_view row) {
  const auto value = storage::decode_row_value(row);
  if (!value) {
    return fail("message row of an unknown kind");
  }
  if (!value->body_key) {
    return model::Message::from_stored(value->payload);
  }
  const auto key = storage::encode_message_key(*value->body_key);
  const auto stored = store.find(RecordFamily::bodies, storage::view_of(key));
  const auto body = stored ? storage::decode_body_value(*stored) : std::nullopt;
  if (!body) {
    return fail(stored ? "its body's record is damaged" : "its body is missing");
  }
  std::string whole(value->payload);
  whole += body->body;
  return model::Message::from_stored(whole);
}

Result<std::unique_ptr<storage::StoreInspection>> open_sound_store(
    const std::filesystem::path& store) {
  auto opened = storage::inspect_store(store, storage::Strictness::as_the_broker);
  if (opened) {
    return opened;
  }
  const auto faults = storage::log_faults(store);
  const bool only_torn =
      faults && !faults->empty() && std::ranges::all_of(*faults, &storage::LogFault::is_torn_end);
  if (only_torn) {
    return storage::inspect_store(store, storage::Strictness::whatever_can_be_read);
  }
  return fail("the store is damaged (lepus store check says where): " + opened.error().text);
}

Result<void> read_definitions(const StoreContents& contents, nlohmann::json& definitions) {
  return with_topology(contents.recovered, [&](const model::Topology& topology) {
    definitions = management::export_definitions(topology, "");
    nlohmann::json& globals = definitions["global_parameters"];
    for (std::size_t i = globals.size(); i-- > 0;) {
      // The configured one, which is not known here.
      if (globals[i]["name"] == "cluster_name" && globals[i]["value"] == "") {
        globals.erase(i);
      }
    }
  });
}

Result<void> check_topology(const storage::Recovered& recovered) {
  return with_topology(recovered, [](const model::Topology&) {});
}

std::vector<std::string> unloadable_records(const storage::Recovered& recovered) {
  std::vector<std::string> keys;
  with_empty_topology([&](model::Topology& topology, const storage::Recovered&) {
    keys = model::unloadable_records(topology, recovered);
  });
  return keys;
}

std::string described_record(std::string_view key) {
  const auto decoded = model::decode_key(key);
  if (!decoded) {
    return "record " + to_hexadecimal(key);
  }
  const auto& names = decoded->names;
  switch (decoded->kind) {
    case model::RecordKind::vhost:
      return fmt::format("vhost '{}'", names[0]);
    case model::RecordKind::exchange:
      return fmt::format("exchange '{}' in vhost '{}'", names[1], names[0]);
    case model::RecordKind::queue:
      return fmt::format("queue '{}' in vhost '{}'", names[1], names[0]);
    case model::RecordKind::binding:
      return fmt::format("binding from '{}' to '{}' by '{}' in vhost '{}'", names[1], names[3],
                         names[4], names[0]);
    case model::RecordKind::user:
      return fmt::format("user '{}'", names[0]);
    case model::RecordKind::permissions:
      return fmt::format("permissions of user '{}' in vhost '{}'", names[0], names[1]);
    case model::RecordKind::topic_permissions:
      return fmt::format("topic permissions of user '{}' in vhost '{}'", names[0], names[1]);
    case model::RecordKind::parameter:
      return fmt::format("{} '{}' in vhost '{}'", names[0], names[2], names[1]);
    case model::RecordKind::policy:
      return fmt::format("policy '{}' in vhost '{}'", names[1], names[0]);
    case model::RecordKind::operator_policy:
      return fmt::format("operator policy '{}' in vhost '{}'", names[1], names[0]);
  }
  return "record " + to_hexadecimal(key);
}

std::string described(const StoreContents& contents, QueueId queue) {
  const auto found = contents.queues.find(queue);
  const auto id = storage::value_of(queue);
  return found == contents.queues.end() ? fmt::format("queue id {}", id)
                                        : fmt::format("{} (id {})", found->second->described(), id);
}

std::string to_hexadecimal(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) {
    text += fmt::format("{:02x}", static_cast<unsigned char>(byte));
  }
  return text;
}

}  // namespace lepus
