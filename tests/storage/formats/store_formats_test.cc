// What this Lepus finds in data directories of earlier formats, and that it leaves newer ones
// alone.

#include <filesystem>
#include <fstream>
#include <future>
#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "broker/model/message.h"
#include "broker/store_check.h"
#include "broker/store_commands.h"
#include "broker/store_writer.h"
#include "storage/open_store.h"
#include "storage/progress_pages.h"
#include "tests/storage/formats/version_1.h"
#include "tests/storage/temporary_directory.h"

namespace lepus {
namespace {

namespace fs = std::filesystem;
using storage::Position;
using storage::PositionRange;
using storage::QueueId;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Pair;

constexpr QueueId plain{1};
constexpr QueueId priorities{2};

class StoreOfFormat1 : public ::testing::Test {
 protected:
  StoreOfFormat1() { formats::write_version_1(path_); }

  std::unique_ptr<storage::Store> open() {
    auto store = storage::open_rocksdb_store(path_, {});
    EXPECT_TRUE(store) << store.error().text;
    return store ? std::move(*store) : nullptr;
  }

  /// All rows of a sub-queue that are there, settled or not.
  static std::map<Position, model::MessagePtr> messages(storage::Store& store, QueueId queue,
                                                        storage::Priority priority) {
    std::map<Position, model::MessagePtr> found;
    std::promise<storage::ReadOutcome> done;
    store.read(
        {queue, priority, {0, ~Position{0}}, 0, 0},
        [&](Position position, bool transient, std::string_view payload) {
          EXPECT_FALSE(transient);
          auto message = model::Message::from_stored(payload);
          ASSERT_TRUE(message) << message.error().text;
          found.emplace(position, *std::move(message));
        },
        [&](storage::ReadOutcome outcome) { done.set_value(std::move(outcome)); });
    const storage::ReadOutcome outcome = done.get_future().get();
    EXPECT_FALSE(outcome.failed) << outcome.error;
    return found;
  }

  /// What a command prints.
  std::string run(StoreCommand command, int expected_code = tool_well) {
    command.directory = path_.string();
    std::istringstream in;
    std::ostringstream out;
    std::ostringstream error;
    EXPECT_EQ(run_store_command(command, in, out, error), expected_code) << out.str();
    return out.str() + error.str();
  }

  nlohmann::json check() {
    return nlohmann::json::parse(run({.kind = StoreCommand::Kind::check, .as_json = true}));
  }

  storage::TemporaryDirectory temporary_;
  fs::path path_ = temporary_.path() / "data";
};

TEST_F(StoreOfFormat1, ItsRecordsAreFound) {
  const auto store = open();
  ASSERT_NE(store, nullptr);
  const storage::Recovered recovered = store->take_recovered();
  EXPECT_EQ(recovered.next_queue_id, 4097U);
  EXPECT_THAT(recovered.last_numbers, ElementsAre(Pair(1, 2), Pair(2, 7), Pair(64, 9)));
  EXPECT_TRUE(recovered.clean_stop);
  EXPECT_EQ(recovered.topology.size(), 11U);
  ASSERT_EQ(recovered.progress.size(), 2U);

  EXPECT_EQ(recovered.progress[0].first, plain);
  EXPECT_EQ(recovered.progress[0].second, (storage::QueueProgress{{{.priority = 0,
                                                                    .next_position = 10,
                                                                    .floor = 2,
                                                                    .settled = {{4, 6}},
                                                                    .delivered_below = 8,
                                                                    .returned = {{{3, 4}, 2}},
                                                                    .stored_count = 6,
                                                                    .stored_bytes = 5035,
                                                                    .had_consumer = true,
                                                                    .has_expiring = true}}}));
}

TEST_F(StoreOfFormat1, ThePagesOfARecordAreFound) {
  const auto store = open();
  ASSERT_NE(store, nullptr);
  const storage::Recovered recovered = store->take_recovered();
  ASSERT_EQ(recovered.progress.size(), 2U);
  EXPECT_EQ(recovered.progress[1].first, priorities);
  ASSERT_EQ(recovered.progress[1].second.sub_queues.size(), 2U);
  EXPECT_EQ(recovered.progress[1].second.sub_queues[1].page_count, 3U);
  const auto urgent = storage::without_pages(recovered.progress[1].second).sub_queues[1];
  EXPECT_EQ(urgent.priority, 5);
  EXPECT_EQ(urgent.floor, 0U);
  EXPECT_EQ(urgent.next_position, 600U);
  EXPECT_EQ(urgent.delivered_below, 530U);
  ASSERT_EQ(urgent.settled.size(), 256U);
  for (Position range = 0; range < 256; ++range) {
    EXPECT_EQ(urgent.settled[range], (PositionRange{2 * range + 1, 2 * range + 2}));
  }
  EXPECT_THAT(urgent.returned, ElementsAre(storage::ReturnedRange{{520, 530}, 1}));
  EXPECT_EQ(urgent.stored_count, 344U);
}

TEST_F(StoreOfFormat1, ItsMessagesAreFound) {
  const auto store = open();
  ASSERT_NE(store, nullptr);
  static_cast<void>(store->take_recovered());
  const auto in_plain = messages(*store, plain, 0);
  ASSERT_EQ(in_plain.size(), 10U);
  for (const auto& [position, message] : in_plain) {
    EXPECT_EQ(message->exchange(), "orders");
    EXPECT_EQ(message->routing_key(), "order.new");
    EXPECT_EQ(message->properties(), std::string("\x90\x00\x0atext/plain\x02", 14));
    EXPECT_TRUE(message->is_persistent());
    EXPECT_EQ(message->traits().published_ms, 1'700'000'000'000);
    EXPECT_EQ(message->traits().has_expiration, position == 7);
    EXPECT_EQ(message->traits().expiration_ms, position == 7 ? 60'000U : 0U);
    EXPECT_EQ(message->body(),
              position == 9 ? std::string(5000, 's') : "plain " + std::to_string(position));
  }
  const auto shared = messages(*store, priorities, 0);
  ASSERT_EQ(shared.size(), 1U);
  EXPECT_EQ(shared.at(0)->body(), std::string(5000, 's'));
  EXPECT_EQ(shared.at(0)->routing_key(), "order.urgent");
  const auto urgent = messages(*store, priorities, 5);
  ASSERT_EQ(urgent.size(), 600U);
  for (const auto& [position, message] : urgent) {
    EXPECT_EQ(message->body(), "urgent " + std::to_string(position));
    EXPECT_EQ(message->traits().priority, 5);
  }
}

TEST_F(StoreOfFormat1, ItIsSoundAndGoesOn) {
  const auto before = check();
  EXPECT_EQ(before["problems"], nlohmann::json::array());
  EXPECT_EQ(before["messages"], 6 + 1 + 344);
  EXPECT_EQ(before["rows_of_deleted_queues"], 1);
  EXPECT_EQ(before["stopped_cleanly"], true);
  {
    auto opened = StoreWriter::open(path_);
    ASSERT_TRUE(opened) << opened.error().text;
    StoreWriter& writer = **opened;
    const auto queue = writer.topology().find_queue("/", "priorities");
    ASSERT_NE(queue, nullptr);
    EXPECT_EQ(queue->id, priorities);
    EXPECT_EQ(queue->settings.max_priority, 5);
    EXPECT_EQ(writer.topology().settings_of(queue)->max_length, 100'000U);
    auto message = model::Message::create("", "priorities", {"\0\0", 2}, 0, {.persistent = true});
    ASSERT_TRUE(writer.put(*queue, model::MessagePtr(message), false));
    ASSERT_TRUE(writer.close());
  }
  const auto after = check();
  EXPECT_EQ(after["problems"], nlohmann::json::array());
  EXPECT_EQ(after["messages"], 6 + 2 + 344);
  EXPECT_TRUE(fs::exists(path_ / "damaged-20230101T000000Z" / "report.txt"));
}

TEST_F(StoreOfFormat1, ItsDefinitionsAreFound) {
  const std::string definitions =
      run({.kind = StoreCommand::Kind::export_messages, .definitions_only = true});
  for (const char* part :
       {"the only one", "orders", "topic", "order.#", "x-max-priority", "administrator", "^order",
        "^x", "max-length", "max-length-bytes", "amqp://other"}) {
    EXPECT_THAT(definitions, HasSubstr(part));
  }
}

TEST_F(StoreOfFormat1, ANewerFormatIsRefusedAndLeftAsItIs) {
  std::ofstream(path_ / "lepus-data") << "lepus data directory\nformat 2\n";
  const auto store = storage::open_rocksdb_store(path_, {});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().text, HasSubstr("has format 2, and this Lepus knows only 1"));
  EXPECT_THAT(run({.kind = StoreCommand::Kind::check}, tool_failed),
              HasSubstr("has format 2, and this Lepus knows only 1"));
  std::ofstream(path_ / "lepus-data") << "lepus data directory\nformat 1\n";
  EXPECT_EQ(check()["problems"], nlohmann::json::array());
}

}  // namespace
}  // namespace lepus
