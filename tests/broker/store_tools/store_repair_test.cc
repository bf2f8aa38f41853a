#include "broker/store_repair.h"

#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/model/delayed_messages.h"
#include "broker/model/topology_records.h"
#include "broker/store_check.h"
#include "storage/open_store.h"
#include "tests/broker/store_tools/store_fixture.h"

namespace lepus {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;
using ::testing::SizeIs;

class StoreRepair : public StoreFixture {
 protected:
  Ran look() { return run({.kind = StoreCommand::Kind::repair}); }

  Ran repair() { return run({.kind = StoreCommand::Kind::repair, .accept_loss = true}); }

  /// The numbers of the messages in each queue, in order.
  std::map<std::string, std::vector<int>> messages() {
    std::map<std::string, std::vector<int>> found;
    std::istringstream lines(run({.kind = StoreCommand::Kind::export_messages}).out);
    for (std::string text; std::getline(lines, text);) {
      const auto line = nlohmann::json::parse(text);
      if (line["kind"] == "message") {
        found[line["queue"]].push_back(std::stoi(*from_base64(line["body"].get<std::string>())));
      }
    }
    return found;
  }

  /// Repairs, and looks whether a broker could start on what came of it.
  Ran repaired() {
    const Ran dry = look();
    EXPECT_EQ(dry.code, tool_problems) << dry.out << dry.error;
    EXPECT_THAT(dry.out, HasSubstr("nothing was changed"));
    Ran ran = repair();
    EXPECT_EQ(ran.code, tool_well) << ran.out << ran.error;
    EXPECT_THAT(ran.out, HasSubstr("is kept in " + (path_ / "damaged-").string()));
    const Ran checked = check();
    EXPECT_EQ(checked.code, tool_well) << checked.out << checked.error;
    EXPECT_TRUE(StoreWriter::open(path_));
    EXPECT_FALSE(fs::exists(path_ / "repair.tmp"));
    return ran;
  }

  /// The store as a kill leaves it, each message in a write of its own and nothing flushed.
  void publish_and_kill(const std::string& queue, int count) {
    auto writer = open();
    const auto record = writer->topology().find_queue("/", queue);
    for (int number = 0; number < count; ++number) {
      std::string body = std::to_string(number);
      body.resize(1000, ' ');
      ASSERT_TRUE(writer->put(*record, message(queue, body), false));
      ASSERT_TRUE(writer->commit());
    }
  }

  /// Every record of a family in tables of its own: those of the others are left as they were.
  fs::path largest_table() const { return files(".sst").back(); }
};

TEST_F(StoreRepair, SoundStoreStaysAsItIs) {
  declare({"a"});
  publish("a", 0, 10);
  const auto before = check_json();
  const Ran ran = repair();
  EXPECT_EQ(ran.code, tool_well) << ran.error;
  EXPECT_EQ(ran.out, "the store is sound: nothing to repair\n");
  EXPECT_EQ(check_json(), before);
  EXPECT_FALSE(fs::exists(path_ / "repair.tmp"));
}

TEST_F(StoreRepair, WithoutConsentNothingChanges) {
  declare({"a"});
  publish("a", 0, 1000, 1000);
  flip_byte(largest_table(), static_cast<std::streamoff>(fs::file_size(largest_table()) / 2));
  std::map<std::string, std::uintmax_t> before;
  for (const auto& entry : fs::directory_iterator(path_ / "store")) {
    before[entry.path().filename()] = entry.file_size();
  }
  EXPECT_EQ(look().code, tool_problems);
  std::map<std::string, std::uintmax_t> after;
  for (const auto& entry : fs::directory_iterator(path_ / "store")) {
    after[entry.path().filename()] = entry.file_size();
  }
  EXPECT_EQ(before, after);
}

TEST_F(StoreRepair, FlippedBitInAMessageTableCostsOneBlock) {
  declare({"a"});
  publish("a", 0, 1000, 1000);
  flip_byte(largest_table(), static_cast<std::streamoff>(fs::file_size(largest_table()) / 2));
  const Ran ran = repaired();
  const auto left = messages()["a"];
  EXPECT_GT(left.size(), 950U) << ran.out;
  EXPECT_LT(left.size(), 1000U);
  EXPECT_TRUE(std::ranges::is_sorted(left));
  EXPECT_THAT(ran.out, HasSubstr("queue 'a' in vhost '/' (id 1): " +
                                 std::to_string(1000 - left.size()) + " messages are lost"));
  EXPECT_THAT(ran.out, HasSubstr("of 1000 records could be read"));
}

TEST_F(StoreRepair, MissingMessageTableCostsItsMessages) {
  declare({"a", "b"});
  publish("a", 0, 500, 1000);
  publish("b", 0, 3);
  const fs::path table = largest_table();
  fs::remove(table);
  const Ran ran = repaired();
  EXPECT_THAT(ran.out, HasSubstr("table " + table.filename().string()));
  EXPECT_THAT(ran.out, HasSubstr("500 messages are lost, 0 are left"));
  EXPECT_THAT(messages()["a"], IsEmpty());
  EXPECT_THAT(messages()["b"], ElementsAre(0, 1, 2));
  publish("a", 500, 1);  // behind what was lost
  EXPECT_THAT(messages()["a"], ElementsAre(500));
}

TEST_F(StoreRepair, DamageInsideTheLogCostsWhatItHits) {
  declare({"a"});
  publish_and_kill("a", 200);
  flip_byte(files(".log").back(), 100'000);
  const Ran ran = repaired();
  const auto left = messages()["a"];
  EXPECT_GT(left.size(), 150U);
  EXPECT_LT(left.size(), 200U);
  EXPECT_EQ(left.back(), 199);
  EXPECT_THAT(ran.out, HasSubstr("is damaged at byte"));
}

TEST_F(StoreRepair, WhatIsLeftAfterLogDamageCountsAsRedelivered) {
  declare({"a"});
  publish_and_kill("a", 100);
  flip_byte(files(".log").back(), 50'000);
  repaired();
  EXPECT_THAT(run({.kind = StoreCommand::Kind::export_messages}).out,
              Not(HasSubstr("\"redelivered\":false")));
}

TEST_F(StoreRepair, MissingLogCostsWhatWasInIt) {
  declare({"a"});
  publish("a", 0, 10);
  publish_and_kill("a", 50);
  fs::remove(files(".log").back());
  if (check().code != tool_well) {
    repaired();
  }
  EXPECT_THAT(messages()["a"], SizeIs(10));
}

TEST_F(StoreRepair, MissingManifestCostsNothing) {
  declare({"a", "b"});
  publish("a", 0, 100, 100);
  publish("b", 0, 3);
  fs::remove(path_ / "store" / "CURRENT");
  repaired();
  EXPECT_THAT(messages()["a"], SizeIs(100));
  EXPECT_THAT(messages()["b"], ElementsAre(0, 1, 2));
}

TEST_F(StoreRepair, EveryTableDamagedInTurnLeavesAStoreThatOpens) {
  declare({"a", "b"});
  publish("a", 0, 50, 100);
  publish("b", 0, 50, 100);
  open()->close().value();
  const auto tables = files(".sst");
  ASSERT_GE(tables.size(), 4U);
  storage::TemporaryDirectory kept;
  fs::copy(path_, kept.path() / "data", fs::copy_options::recursive);
  for (const fs::path& table : tables) {
    for (const bool missing : {false, true}) {
      SCOPED_TRACE(table.string() + (missing ? " missing" : " damaged"));
      fs::remove_all(path_);
      fs::copy(kept.path() / "data", path_, fs::copy_options::recursive);
      if (missing) {
        fs::remove(table);
      } else {
        flip_byte(table, 20);
      }
      repaired();
    }
  }
}

TEST_F(StoreRepair, LostProgressIsMadeOfTheRows) {
  declare({"a"});
  publish("a", 0, 5);
  const auto a = open()->topology().find_queue("/", "a")->id;
  storage::QueueProgress wrong;
  wrong.sub_queues.push_back(
      {.next_position = 9, .floor = 2, .stored_count = 7, .stored_bytes = 700});
  write([&](storage::Batch& batch) { batch.put_progress(a, wrong); });
  const Ran ran = repaired();
  EXPECT_THAT(ran.out, HasSubstr("4 messages are lost, 3 are left"));
  EXPECT_THAT(messages()["a"], ElementsAre(2, 3, 4));
}

TEST_F(StoreRepair, WhatIsLeftOfThePagesIsTakenIntoTheRecord) {
  const auto a = make_paged("a", 4);
  EXPECT_THAT(repaired().out, HasSubstr("its record's pages are not whole"));
  EXPECT_THAT(messages()["a"], ElementsAre(0, 1, 3, 4, 6, 7, 9));
  auto store = storage::open_rocksdb_store(path_, {});
  ASSERT_TRUE(store) << store.error().text;
  const auto recovered = (*store)->take_recovered();
  ASSERT_THAT(recovered.progress, SizeIs(1));
  EXPECT_EQ(recovered.progress[0].first, a);
  EXPECT_THAT(recovered.progress[0].second.sub_queues[0].pages, IsEmpty());
}

TEST_F(StoreRepair, ARecordThatIsMadeAnewHasNoPages) {
  const auto b = make_paged("b");
  write([&](storage::Batch& batch) {
    storage::SubQueueProgress wrong{.next_position = 10, .stored_count = 9, .stored_bytes = 1};
    wrong.page_count = 3;  // the pages that are there
    batch.put_progress(b, {{wrong}});
  });
  EXPECT_THAT(repaired().out, HasSubstr("its record is made anew for 7 messages of 70 bytes"));
  EXPECT_THAT(messages()["b"], ElementsAre(0, 1, 3, 4, 6, 7, 9));
}

TEST_F(StoreRepair, MessagesBeyondTheEndAreKept) {
  declare({"a"});
  publish("a", 0, 5);
  const auto a = open()->topology().find_queue("/", "a")->id;
  storage::QueueProgress old;
  old.sub_queues.push_back({.next_position = 2, .stored_count = 2, .stored_bytes = 20});
  write([&](storage::Batch& batch) { batch.put_progress(a, old); });
  const Ran ran = repaired();
  EXPECT_THAT(ran.out, HasSubstr("its record is made anew for 5 messages of 50 bytes"));
  EXPECT_THAT(messages()["a"], ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(StoreRepair, TheRecordOfDelayedMessagesIsMadeOfTheRows) {
  delay("x", {5000, 1000, 2000});
  const auto id = (*open()->topology().find_exchange("/", "x")->delay_queue())->id;
  storage::QueueProgress old;
  old.sub_queues.push_back({.next_position = model::DelayedMessages::next_position(5000, 1),
                            .floor = model::DelayedMessages::position_at(500, 0),
                            .stored_count = 1,
                            .stored_bytes = 4});
  write([&](storage::Batch& batch) { batch.put_progress(id, old); });
  EXPECT_THAT(repaired().out, HasSubstr("its record is made anew for 3 messages of 12 bytes"));
  // What comes now is due in its time, though a later message was found, and in another lap.
  delay("x", {1500, 1000});
  EXPECT_EQ(check().code, tool_well);
  const Ran ran = run({.kind = StoreCommand::Kind::export_messages});
  std::vector<std::int64_t> due;
  std::istringstream lines(ran.out);
  for (std::string line; std::getline(lines, line);) {
    const auto parsed = nlohmann::json::parse(line);
    if (parsed["kind"] == "message") {
      due.push_back(parsed["due_ms"]);
    }
  }
  EXPECT_THAT(due, ElementsAre(1000, 2000, 5000, 1000, 1500));
}

TEST_F(StoreRepair, UndecodableRowIsDroppedAlone) {
  declare({"a"});
  publish("a", 0, 2);
  const auto a = open()->topology().find_queue("/", "a")->id;
  write([&](storage::Batch& batch) {
    const std::string_view row = "no message";
    batch.put_message({a, 0, 2}, std::span(&row, 1));
  });
  EXPECT_THAT(repaired().out, HasSubstr("1 messages are lost, 2 are left"));
  EXPECT_THAT(messages()["a"], ElementsAre(0, 1));
}

TEST_F(StoreRepair, DamagedTopologyRecordsAreNamedAndTheirMessagesKept) {
  declare({"a"});
  publish("a", 0, 3);
  write([](storage::Batch& batch) { batch.put_topology(model::queue_key("/", "a"), "damaged"); });
  const Ran ran = repaired();
  EXPECT_THAT(ran.out, HasSubstr("queue 'a' in vhost '/' is lost: its record is damaged"));
  EXPECT_THAT(ran.out, HasSubstr("its 3 messages are in queue 'recovered-1' in vhost '/'"));
  EXPECT_THAT(messages()["recovered-1"], ElementsAre(0, 1, 2));
}

TEST_F(StoreRepair, WhatBelongsToLostThingsGoesWithThem) {
  apply({{"exchanges", {{{"name", "x"}, {"vhost", "/"}, {"type", "topic"}, {"durable", true}}}},
         {"queues", {{{"name", "a"}, {"vhost", "/"}, {"durable", true}}}},
         {"bindings",
          {{{"source", "x"},
            {"vhost", "/"},
            {"destination", "a"},
            {"destination_type", "queue"},
            {"routing_key", "k"},
            {"arguments", nlohmann::json::object()}}}}});
  publish("a", 0, 3);
  write([](storage::Batch& batch) { batch.erase_topology(model::exchange_key("/", "x")); });
  EXPECT_THAT(repaired().out, HasSubstr("binding from 'x' to 'a' by 'k' in vhost '/' is lost"));
  EXPECT_THAT(messages()["a"], ElementsAre(0, 1, 2));
}

TEST_F(StoreRepair, LostVhostAndUserAreMadeAnew) {
  declare({"a"});
  publish("a", 0, 3);
  write([](storage::Batch& batch) {
    batch.erase_topology(model::vhost_key("/"));
    batch.erase_topology(model::user_key("guest"));
  });
  const Ran ran = repaired();
  EXPECT_THAT(ran.out, AllOf(HasSubstr("vhost '/' is made anew"), HasSubstr("guest is made anew")));
  EXPECT_THAT(messages()["a"], ElementsAre(0, 1, 2));
}

TEST_F(StoreRepair, OriginalsAndTheReportAreKept) {
  declare({"a"});
  publish("a", 0, 1000, 1000);
  const fs::path table = largest_table();
  flip_byte(table, static_cast<std::streamoff>(fs::file_size(table) / 2));
  const auto size = fs::file_size(table);
  repaired();
  for (const auto& entry : fs::directory_iterator(path_)) {
    if (entry.path().filename().string().starts_with("damaged-")) {
      EXPECT_EQ(fs::file_size(entry.path() / "store" / table.filename()), size);
      EXPECT_GT(fs::file_size(entry.path() / "report.txt"), 0U);
      return;
    }
  }
  FAIL() << "nothing was kept";
}

}  // namespace
}  // namespace lepus
