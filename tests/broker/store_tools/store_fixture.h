#pragma once

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "amqp/basic_properties.h"
#include "broker/store_commands.h"
#include "broker/store_message_lines.h"
#include "broker/store_writer.h"
#include "management/definitions.h"
#include "storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace lepus {

/// A data directory that a test fills, damages and looks after with the tools.
class StoreFixture : public ::testing::Test {
 protected:
  struct Ran {
    int code = 0;
    std::string out;
    std::string error;
  };

  /// Makes durable queues of vhost / where they are missing.
  void declare(const std::vector<std::string>& queues, const nlohmann::json& arguments = {}) {
    nlohmann::json list = nlohmann::json::array();
    for (const std::string& queue : queues) {
      list.push_back({{"name", queue}, {"vhost", "/"}, {"durable", true}});
      if (!arguments.is_null()) {
        list.back()["arguments"] = arguments;
      }
    }
    apply({{"queues", list}});
  }

  void apply(const nlohmann::json& definitions) {
    auto writer = open();
    const auto imported = management::import_definitions(writer->topology(), "guest", definitions);
    ASSERT_TRUE(imported) << imported.error().text;
    ASSERT_TRUE(writer->close());
  }

  /// Bodies "first", … with numbers, filled up to a size.
  void publish(const std::string& queue, int first, int count, std::size_t body_bytes = 10) {
    auto writer = open();
    const auto record = writer->topology().find_queue("/", queue);
    ASSERT_NE(record, nullptr);
    for (int number = first; number < first + count; ++number) {
      std::string body = std::to_string(number);
      body.resize(std::max(body.size(), body_bytes), ' ');
      ASSERT_TRUE(writer->put(*record, message(queue, body), false));
    }
    ASSERT_TRUE(writer->close());
  }

  /// Puts messages that are due at these times into an exchange that delays; made if missing.
  void delay(const std::string& exchange, const std::vector<std::int64_t>& due_ms) {
    apply({{"exchanges",
            {{{"name", exchange},
              {"vhost", "/"},
              {"type", "x-delayed-message"},
              {"durable", true},
              {"arguments", {{"x-delayed-type", "fanout"}}}}}}});
    auto writer = open();
    const auto found = writer->topology().find_exchange("/", exchange);
    ASSERT_NE(found, nullptr);
    for (const std::int64_t each : due_ms) {
      ASSERT_TRUE(writer->put_delayed(**found->delay_queue(),
                                      message(exchange, std::to_string(each)), each));
    }
    ASSERT_TRUE(writer->close());
  }

  static model::MessagePtr message(const std::string& routing_key, const std::string& body,
                                   std::uint8_t priority = 0) {
    const std::string properties = amqp::encode_properties(
        {.delivery_mode = amqp::persistent_delivery_mode,
         .priority = priority != 0 ? std::optional(priority) : std::nullopt});
    auto message = model::Message::create("", routing_key, properties, body.size(),
                                          {.persistent = true, .priority = priority});
    message->append_body(body);
    return message;
  }

  std::unique_ptr<StoreWriter> open() {
    auto writer = StoreWriter::open(path_);
    EXPECT_TRUE(writer) << writer.error().text;
    return std::move(*writer);
  }

  Ran run(StoreCommand command, const std::string& input = {}) {
    if (command.directory.empty()) {
      command.directory = path_.string();
    }
    std::istringstream in(input);
    std::ostringstream out;
    std::ostringstream error;
    const int code = run_store_command(command, in, out, error);
    return {code, out.str(), error.str()};
  }

  Ran check() { return run({.kind = StoreCommand::Kind::check}); }

  nlohmann::json check_json() {
    return nlohmann::json::parse(run({.kind = StoreCommand::Kind::check, .as_json = true}).out);
  }

  /// The files of the store with this ending, by size; the largest last.
  std::vector<std::filesystem::path> files(const std::string& extension) const {
    std::vector<std::filesystem::path> found;
    for (const auto& entry : std::filesystem::directory_iterator(path_ / "store")) {
      if (entry.path().extension() == extension) {
        found.push_back(entry.path());
      }
    }
    std::ranges::sort(found, {}, [](const auto& file) { return std::filesystem::file_size(file); });
    return found;
  }

  /// Commits a batch of partition 0 past everything that knows what belongs together.
  void write(const std::function<void(storage::Batch&)>& fill) {
    auto store = storage::open_rocksdb_store(path_, {});
    ASSERT_TRUE(store) << store.error().text;
    auto recovered = (*store)->take_recovered();
    std::vector<storage::NumberedBatch> batches;
    batches.push_back({0, recovered.last_numbers[0] + 1, (*store)->new_batch()});
    fill(*batches[0].batch);
    (*store)->append(std::move(batches), {});
    (*store)->close(true);
  }

  /// Ten messages, three of them acked one by one, with a record in pages.
  storage::QueueId make_paged(const std::string& queue, std::uint64_t page_count = 3) {
    declare({queue});
    publish(queue, 0, 10);
    const auto id = open()->topology().find_queue("/", queue)->id;
    storage::SubQueueProgress progress{.next_position = 10,
                                       .delivered_below = 10,
                                       .stored_count = 7,
                                       .stored_bytes = 70,
                                       .page_count = page_count};
    progress.pages = {{.begin = 0, .settled = {{2, 3}}, .returned = {{{1, 2}, 2}}},
                      {.begin = 4, .settled = {{5, 6}}},
                      {.begin = 8, .settled = {{8, 9}}}};
    write([&](storage::Batch& batch) { batch.put_progress(id, {{progress}}); });
    return id;
  }

  static void flip_byte(const std::filesystem::path& file, std::streamoff offset) {
    std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(offset);
    const char byte = static_cast<char>(stream.get());
    stream.seekp(offset);
    stream.put(static_cast<char>(byte ^ 0x40));
  }

  storage::TemporaryDirectory temporary_;
  std::filesystem::path path_ = temporary_.path() / "data";
};

}  // namespace lepus
