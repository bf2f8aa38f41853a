#include "broker/store_export.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <ostream>
#include <tuple>
#include <utility>

#include <nlohmann/json.hpp>

#include "broker/model/delayed_messages.h"
#include "broker/store_audit.h"
#include "broker/store_check.h"
#include "broker/store_contents.h"
#include "broker/store_message_lines.h"
#include "storage/data_directory.h"
#include "storage/record_format.h"

namespace lepus {

namespace {

using nlohmann::json;
using storage::Position;
using storage::QueueId;

using Queues = std::map<QueueId, std::shared_ptr<model::QueueRecord>>;

constexpr int format = 1;

/// The queues that were asked for. Both parts of VHOST/NAME may have slashes, so that each queue's
/// is put together and compared.
Result<Queues> chosen_queues(const StoreContents& contents,
                             const std::vector<std::string>& wanted) {
  if (wanted.empty()) {
    return contents.queues;
  }
  Queues chosen;
  for (const std::string& name : wanted) {
    const auto found = std::ranges::find_if(contents.queues, [&](const auto& entry) {
      return !entry.second->delays && entry.second->vhost + "/" + entry.second->name == name;
    });
    if (found == contents.queues.end()) {
      return fail("there is no durable queue " + name +
                  " (VHOST/NAME; of the default vhost: //NAME)");
    }
    chosen.insert(*found);
  }
  return chosen;
}

/// What the chosen queues need: themselves and their vhosts.
json definitions_of(const Queues& queues, const json& all) {
  json vhosts = json::array();
  json definitions = json::array();
  for (const json& queue : all["queues"]) {
    const bool is_chosen = std::ranges::any_of(queues, [&](const auto& entry) {
      return queue["vhost"] == entry.second->vhost && queue["name"] == entry.second->name;
    });
    if (is_chosen) {
      definitions.push_back(queue);
    }
  }
  for (const json& vhost : all["vhosts"]) {
    if (std::ranges::any_of(definitions,
                            [&](const json& queue) { return queue["vhost"] == vhost["name"]; })) {
      vhosts.push_back(vhost);
    }
  }
  return {{"vhosts", std::move(vhosts)}, {"queues", std::move(definitions)}};
}

/// By vhost and name: ids are others after an import.
std::map<std::tuple<std::string, bool, std::string>, QueueId> by_name(const Queues& queues) {
  std::map<std::tuple<std::string, bool, std::string>, QueueId> ids;
  for (const auto& [id, queue] : queues) {
    ids.emplace(std::tuple{queue->vhost, queue->delays, queue->name}, id);
  }
  return ids;
}

/// In an order that does not change from run to run.
json sorted(json definitions) {
  for (json& list : definitions) {
    if (list.is_array()) {
      std::sort(list.begin(), list.end());
    }
  }
  return definitions;
}

/// Prints the messages of the chosen queues as their rows pass by.
class MessagePrinter {
 public:
  MessagePrinter(const storage::StoreInspection& store, const StoreContents& contents,
                 const Queues& queues, std::ostream& out)
      : store_(store), contents_(contents), queues_(queues), out_(out) {}

  void take(std::string_view key, std::string_view row) {
    const auto place = storage::decode_message_key(key);
    const auto queue = place ? queues_.find(place->queue) : queues_.end();
    if (queue == queues_.end() || fault_) {
      return;
    }
    const storage::SubQueueProgress* progress = progress_of(*place);
    if (progress == nullptr || place->position >= progress->next_position ||
        is_settled(*progress, place->position)) {
      return;
    }
    const auto message = decode_row(store_, row);
    if (!message) {
      fault_ = fail(described(contents_, place->queue) + ": " + message.error().text);
      return;
    }
    if (queue->second->delays) {
      out_ << message_line({.vhost = queue->second->vhost,
                            .queue = queue->second->name,
                            .due_ms = model::DelayedMessages::due_ms_of(place->position),
                            .message = *message})
           << '\n';
      return;
    }
    const bool unsure = !contents_.recovered.clean_stop && progress->had_consumer;
    out_ << message_line({.vhost = queue->second->vhost,
                          .queue = queue->second->name,
                          .redelivered = unsure || place->position < progress->delivered_below,
                          .delivery_count = delivery_count(*progress, place->position),
                          .message = *message})
         << '\n';
  }

  [[nodiscard]] const std::optional<Error>& fault() const { return fault_; }

 private:
  const storage::SubQueueProgress* progress_of(const storage::MessageKey& place) const {
    const storage::QueueProgress* progress = contents_.progress_of(place.queue);
    if (progress == nullptr) {
      return nullptr;
    }
    const auto found = std::ranges::find(progress->sub_queues, place.priority,
                                         &storage::SubQueueProgress::priority);
    return found == progress->sub_queues.end() ? nullptr : &*found;
  }

  static std::uint32_t delivery_count(const storage::SubQueueProgress& progress,
                                      Position position) {
    for (const storage::ReturnedRange& range : progress.returned) {
      if (position >= range.positions.begin && position < range.positions.end) {
        return range.delivery_count;
      }
    }
    return 0;
  }

  const storage::StoreInspection& store_;
  const StoreContents& contents_;
  const Queues& queues_;
  std::ostream& out_;
  std::optional<Error> fault_;
};

Result<void> print(const std::filesystem::path& store, const ExportOptions& options,
                   std::ostream& out) {
  const auto inspection = open_sound_store(store);
  if (!inspection) {
    return inspection.error();
  }
  const StoreContents contents = load_contents(**inspection);
  if (!contents.unreadable.empty() || !contents.damaged_records.empty() ||
      !contents.incomplete_progress.empty()) {
    return fail("the store is damaged (lepus store check says where)");
  }
  const auto queues = chosen_queues(contents, options.queues);
  if (!queues) {
    return queues.error();
  }
  json definitions;
  if (auto read = read_definitions(contents, definitions); !read) {
    return read;
  }
  json first = sorted(options.queues.empty() ? definitions : definitions_of(*queues, definitions));
  first["kind"] = "definitions";
  first["format"] = format;
  out << first.dump(-1, ' ', false, json::error_handler_t::replace) << '\n';
  if (options.definitions_only) {
    return {};
  }
  MessagePrinter printer(**inspection, contents, *queues, out);
  for (const auto& [name, id] : by_name(*queues)) {
    const auto prefix = storage::encode_number(storage::value_of(id));
    auto visited =
        (*inspection)
            ->visit(storage::RecordFamily::messages, storage::view_of(prefix),
                    [&](std::string_view key, std::string_view row) { printer.take(key, row); });
    if (printer.fault()) {
      return *printer.fault();
    }
    if (!visited) {
      return visited;
    }
  }
  return {};
}

}  // namespace

int export_store(const std::filesystem::path& data_directory, const ExportOptions& options,
                 std::ostream& out, std::ostream& error) {
  const auto directory = storage::DataDirectory::open_stopped(data_directory);
  auto printed =
      directory ? print(directory->durable_path(), options, out) : Result<void>(directory.error());
  if (printed && !out.flush()) {
    printed = fail("the output can't be written");
  }
  if (!printed) {
    error << "lepus: " << printed.error().text << '\n';
    return tool_failed;
  }
  return tool_well;
}

}  // namespace lepus
