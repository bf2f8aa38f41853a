#include "broker/store_import.h"

#include <algorithm>
#include <istream>
#include <memory>
#include <ostream>
#include <string>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "broker/store_check.h"
#include "broker/store_message_lines.h"
#include "broker/store_writer.h"
#include "management/definitions.h"
#include "management/json_values.h"

namespace lepus {

namespace {

using nlohmann::json;

constexpr int format = 1;

/// In whose name definitions are made.
constexpr const char* importing_user = "lepus";

class Importer {
 public:
  explicit Importer(StoreWriter& writer) : writer_(writer) {}

  Result<void> take_line(const std::string& text) {
    const json line = management::parse_json(text);
    if (!line.is_object() || !line.contains("kind")) {
      return fail("no JSON object with a field 'kind'");
    }
    if (line["kind"] == "definitions") {
      return take_definitions(line);
    }
    if (line["kind"] == "message") {
      return take_message(line);
    }
    return fail("unknown kind " + line["kind"].dump());
  }

  [[nodiscard]] std::uint64_t message_count() const { return message_count_; }

 private:
  Result<void> apply(const json& definitions) {
    const auto imported =
        management::import_definitions(writer_.topology(), importing_user, definitions);
    return imported ? writer_.commit() : Result<void>(imported.error());
  }

  Result<void> take_definitions(const json& line) {
    if (line.value("format", format) != format) {
      return fail("a format that this Lepus does not know: " + line["format"].dump());
    }
    if (auto applied = apply(line); !applied) {
      return applied;
    }
    if (writer_.was_new()) {
      drop_defaults(line);
    }
    return writer_.commit();
  }

  /// A new store was given the default user and vhost, which may not be among those imported.
  void drop_defaults(const json& definitions) {
    const model::TopologyOptions defaults;
    const auto is_other = [&](const char* noun, const std::string& name) {
      const json list = definitions.value(noun, json::array());
      return !list.empty() && std::ranges::none_of(list, [&](const json& entry) {
        return entry.value("name", "") == name;
      });
    };
    if (is_other("users", defaults.default_user)) {
      static_cast<void>(writer_.topology().delete_user(defaults.default_user));
    }
    if (is_other("vhosts", defaults.default_vhost)) {
      static_cast<void>(writer_.topology().delete_vhost(defaults.default_vhost));
    }
  }

  Result<void> take_message(const json& line) {
    const auto parsed = parse_message_line(line);
    if (!parsed) {
      return parsed.error();
    }
    if (parsed->due_ms) {
      return take_delayed(*parsed);
    }
    const auto queue = writer_.topology().find_queue(parsed->vhost, parsed->queue);
    if (queue == nullptr || !queue->durable) {
      return fail(fmt::format("there is no durable queue '{}' in vhost '{}'", parsed->queue,
                              parsed->vhost));
    }
    ++message_count_;
    return writer_.put(*queue, parsed->message, parsed->redelivered, parsed->delivery_count);
  }

  Result<void> take_delayed(const MessageLine& line) {
    const auto exchange = writer_.topology().find_exchange(line.vhost, line.queue);
    const auto* delay_queue = exchange == nullptr ? nullptr : exchange->delay_queue();
    if (delay_queue == nullptr || !exchange->is_durable()) {
      return fail(fmt::format("there is no durable exchange '{}' in vhost '{}' that delays",
                              line.queue, line.vhost));
    }
    ++message_count_;
    return writer_.put_delayed(**delay_queue, line.message, *line.due_ms);
  }

  StoreWriter& writer_;
  std::uint64_t message_count_ = 0;
};

}  // namespace

int import_store(const std::filesystem::path& data_directory, std::istream& in, std::ostream& out,
                 std::ostream& error) {
  auto writer = StoreWriter::open(data_directory);
  if (!writer) {
    error << "lepus: " << writer.error().text << '\n';
    return tool_failed;
  }
  Importer importer(**writer);
  std::string line;
  std::uint64_t number = 0;
  Result<void> taken;
  while (taken && std::getline(in, line)) {
    ++number;
    if (!line.empty()) {
      taken = importer.take_line(line);
    }
  }
  const auto closed = (*writer)->close();
  if (!taken) {
    error << fmt::format("lepus: line {}: {}; what the lines before it say has been imported\n",
                         number, taken.error().text);
    return tool_failed;
  }
  if (!closed) {
    error << "lepus: " << closed.error().text << '\n';
    return tool_failed;
  }
  out << fmt::format("{} messages imported\n", importer.message_count());
  return tool_well;
}

}  // namespace lepus
