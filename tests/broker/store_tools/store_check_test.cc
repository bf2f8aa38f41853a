#include "broker/store_check.h"

#include <array>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "storage/open_store.h"
#include "tests/broker/store_tools/store_fixture.h"

namespace lepus {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Not;

class StoreCheck : public StoreFixture {
 protected:
  std::vector<std::string> problems() { return check_json()["problems"]; }

  storage::QueueId id_of(const std::string& queue) {
    return open()->topology().find_queue("/", queue)->id;
  }

  storage::QueueProgress progress_of(storage::QueueId queue) {
    auto store = storage::open_rocksdb_store(path_, {});
    for (auto& [id, progress] : (*store)->take_recovered().progress) {
      if (id == queue) {
        return progress;
      }
    }
    return {};
  }
};

TEST_F(StoreCheck, SoundStoreHasNoProblems) {
  declare({"a", "b"});
  publish("a", 0, 10, 100);
  publish("b", 0, 3, 5);
  const Ran ran = check();
  EXPECT_EQ(ran.code, tool_well) << ran.out << ran.error;
  EXPECT_THAT(ran.out, HasSubstr("2 queues with 13 messages of 1015 bytes"));
  EXPECT_THAT(ran.out, HasSubstr("the store is sound\n"));
}

TEST_F(StoreCheck, PagesOfARecordCountAsTheRecordDoes) {
  const auto a = make_paged("a");
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(check_json()["queues"][0]["messages"], 7);
  EXPECT_EQ(check_json()["settled_rows"], 3);
  publish("a", 10, 2);
  EXPECT_THAT(problems(), IsEmpty());
  EXPECT_EQ(check_json()["queues"][0]["messages"], 9);
  const auto record = progress_of(a).sub_queues[0];
  EXPECT_EQ(record.settled, (std::vector<storage::PositionRange>{{2, 3}, {5, 6}, {8, 9}}));
  EXPECT_EQ(record.returned, (std::vector<storage::ReturnedRange>{{{1, 2}, 2}}));
  EXPECT_THAT(record.pages, IsEmpty()) << "an import writes it whole";
}

TEST_F(StoreCheck, MissingPagesAreNamed) {
  make_paged("a", 4);
  EXPECT_THAT(problems(),
              Contains(AllOf(HasSubstr("queue 'a'"), HasSubstr("3 pages of priority 0, not 4"))));
  const auto store = storage::open_rocksdb_store(path_, {});
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().text, HasSubstr("3 pages of priority 0, not 4"));
  const Ran exported = run({.kind = StoreCommand::Kind::export_messages});
  EXPECT_EQ(exported.code, tool_failed);
  EXPECT_THAT(exported.error, HasSubstr("the store is damaged"));
}

TEST_F(StoreCheck, JsonHasEveryQueue) {
  declare({"a"});
  publish("a", 0, 10, 100);
  const auto found = check_json();
  EXPECT_EQ(found["clean"], true);
  EXPECT_EQ(found["queues"][0]["vhost"], "/");
  EXPECT_EQ(found["queues"][0]["name"], "a");
  EXPECT_EQ(found["queues"][0]["messages"], 10);
  EXPECT_EQ(found["queues"][0]["message_bytes"], 1000);
}

TEST_F(StoreCheck, ChangesNothing) {
  declare({"a"});
  publish("a", 0, 10, 100);
  const auto before = check_json();
  EXPECT_EQ(before["stopped_cleanly"], true);
  EXPECT_EQ(check_json(), before);
}

TEST_F(StoreCheck, RunningBrokerIsOneLine) {
  const auto writer = open();
  const Ran ran = check();
  EXPECT_EQ(ran.code, tool_failed);
  EXPECT_THAT(ran.error, AllOf(HasSubstr("is in use by another broker"), HasSubstr("stop it")));
  EXPECT_EQ(std::ranges::count(ran.error, '\n'), 1);
}

TEST_F(StoreCheck, ForeignAndMissingDirectoriesAreOneLine) {
  EXPECT_EQ(check().code, tool_failed);
  EXPECT_THAT(check().error, HasSubstr("is not there"));
  std::filesystem::create_directory(path_);
  EXPECT_THAT(check().error, HasSubstr("is not a Lepus data directory"));
  EXPECT_TRUE(std::filesystem::is_empty(path_));
}

TEST_F(StoreCheck, DamagedTableIsNamed) {
  declare({"a"});
  publish("a", 0, 1000, 1000);
  const auto table = files(".sst").back();
  flip_byte(table, static_cast<std::streamoff>(std::filesystem::file_size(table) / 2));
  const Ran ran = check();
  EXPECT_EQ(ran.code, tool_problems);
  EXPECT_THAT(ran.out, HasSubstr(table.filename().string() + " (messages) is damaged"));
}

TEST_F(StoreCheck, MissingTableIsNamed) {
  declare({"a"});
  publish("a", 0, 1000, 1000);
  const auto table = files(".sst").back();
  std::filesystem::remove(table);
  EXPECT_THAT(problems(), Contains(HasSubstr(table.filename().string())));
}

TEST_F(StoreCheck, DamagedLogIsAProblem) {
  declare({"a"});
  auto writer = open();
  const auto queue = writer->topology().find_queue("/", "a");
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(writer->put(*queue, message("a", std::string(1000, 'x')), false));
    ASSERT_TRUE(writer->commit());
  }
  writer.reset();  // as if killed: nothing is flushed
  EXPECT_EQ(check().code, tool_well) << check().out;
  flip_byte(files(".log").back(), 20'000);
  EXPECT_EQ(check().code, tool_problems);
  EXPECT_THAT(problems(), Contains(HasSubstr("is damaged at byte")));
  EXPECT_THAT(problems(), Contains(HasSubstr("can't be opened")));
}

TEST_F(StoreCheck, TornEndOfTheLogIsOnlyNoted) {
  declare({"a"});
  auto writer = open();
  const auto queue = writer->topology().find_queue("/", "a");
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(writer->put(*queue, message("a", std::string(1000, 'x')), false));
    ASSERT_TRUE(writer->commit());
  }
  writer.reset();
  const auto log = files(".log").back();
  std::filesystem::resize_file(log, std::filesystem::file_size(log) - 5);
  const Ran ran = check();
  EXPECT_EQ(ran.code, tool_well) << ran.out;
  EXPECT_THAT(ran.out, HasSubstr("note: log " + log.filename().string() + " has a torn end"));
  EXPECT_THAT(ran.out, HasSubstr("1 queues with 2 messages"));
}

TEST_F(StoreCheck, MissingRowsAndRowsBeyondTheEndAreFound) {
  declare({"a", "b"});
  publish("a", 0, 5);
  publish("b", 0, 5);
  auto progress = progress_of(id_of("a"));
  progress.sub_queues[0].next_position = 7;
  progress.sub_queues[0].stored_count = 7;
  auto shorter = progress_of(id_of("b"));
  shorter.sub_queues[0].next_position = 4;
  const auto a = id_of("a");
  const auto b = id_of("b");
  write([&](storage::Batch& batch) {
    batch.put_progress(a, progress);
    batch.put_progress(b, shorter);
  });
  EXPECT_THAT(problems(),
              testing::ElementsAre(HasSubstr("queue 'a' in vhost '/' (id 1): 2 messages that"),
                                   HasSubstr("its record counts 7 messages of 50 bytes"),
                                   HasSubstr("1 messages lie beyond its next position 4")));
}

TEST_F(StoreCheck, WrongCountsAreFound) {
  declare({"a"});
  publish("a", 0, 5, 100);
  const auto a = id_of("a");
  auto progress = progress_of(a);
  progress.sub_queues[0].stored_bytes = 499;
  write([&](storage::Batch& batch) { batch.put_progress(a, progress); });
  EXPECT_THAT(problems(), testing::ElementsAre(
                              HasSubstr("counts 5 messages of 499 bytes, and there are 5 of 500")));
}

TEST_F(StoreCheck, UndecodableRecordsAreFound) {
  declare({"a"});
  publish("a", 0, 2);
  const auto a = id_of("a");
  write([&](storage::Batch& batch) {
    const std::string_view row = "no message";
    batch.put_message({a, 0, 1000}, std::span(&row, 1));
    batch.put_topology("?", "nothing");
  });
  EXPECT_THAT(problems(), Contains(HasSubstr("row 1000 of priority 0")));
  EXPECT_THAT(problems(), Contains(HasSubstr("topology record 3f: of an unknown kind")));
}

TEST_F(StoreCheck, SharedBodiesBelongToAllTheirMessages) {
  declare({"a", "b"});
  const std::vector<storage::MessageKey> owners{{id_of("a"), 0, 0}, {id_of("b"), 0, 0}};
  const std::string body(5000, 'x');
  const auto shared = message("k", body);
  const auto put_both = [&](bool with_body) {
    write([&](storage::Batch& batch) {
      char header[model::Message::stored_header_bytes_max];
      const std::array<std::string_view, 2> parts{shared->stored_header(header),
                                                  shared->stored_names()};
      if (with_body) {
        batch.put_body(owners, body);
      }
      for (const storage::MessageKey& owner : owners) {
        batch.put_message_with_body(owner, parts, owners[0], body);
        batch.put_progress(
            owner.queue, {{{.next_position = 1, .stored_count = 1, .stored_bytes = body.size()}}});
      }
    });
  };
  put_both(false);
  EXPECT_THAT(problems(), Contains(HasSubstr("its body is missing")));
  put_both(true);
  const auto found = check_json();
  EXPECT_EQ(found["clean"], true) << found;
  EXPECT_EQ(found["message_bytes"], 10'000);
  const Ran exported = run({.kind = StoreCommand::Kind::export_messages});
  EXPECT_EQ(exported.code, tool_well) << exported.error;
  const Ran imported = run({.kind = StoreCommand::Kind::import_messages,
                            .directory = (temporary_.path() / "other").string()},
                           exported.out);
  EXPECT_EQ(imported.out, "2 messages imported\n") << imported.error;
}

TEST_F(StoreCheck, WhereATransientMessageWasNothingIsMissing) {
  declare({"a"});
  publish("a", 0, 2);
  const auto a = open()->topology().find_queue("/", "a")->id;
  write([&](storage::Batch& batch) {
    batch.put_progress(a, {{{.next_position = 4, .stored_count = 2, .stored_bytes = 20}}});
  });
  const auto found = check_json();
  EXPECT_EQ(found["clean"], true) << found;
}

TEST_F(StoreCheck, RowsOfDeletedQueuesAreOnlyCounted) {
  declare({"a"});
  publish("a", 0, 5);
  const auto other = storage::QueueId{900};
  write([&](storage::Batch& batch) {
    const std::string_view row = "whatever";
    batch.put_message({other, 0, 0}, std::span(&row, 1));
    batch.delete_queue(other);
  });
  const auto found = check_json();
  EXPECT_EQ(found["clean"], true) << found;
  EXPECT_EQ(found["rows_of_deleted_queues"], 1);
}

}  // namespace
}  // namespace lepus
