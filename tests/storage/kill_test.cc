// What was confirmed is there after kill -9.

#include <cstdlib>
#include <future>
#include <string>
#include <vector>

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/open_store.h"
#include "tests/storage/store_driver.h"
#include "tests/storage/temporary_directory.h"

extern char** environ;

namespace lepus::storage {
namespace {

constexpr const char* directory_variable = "LEPUS_KILL_TEST_DIRECTORY";
constexpr int report_descriptor = 3;
constexpr std::uint64_t queues_per_batch = 3;

std::string payload_of(BatchNumber number, std::uint64_t queue) {
  return std::to_string(number) + "/" + std::to_string(queue) + std::string(500, '.');
}

/// One row for each of three queues, and their records.
void fill(Batch& batch, BatchNumber number) {
  for (std::uint64_t queue = 1; queue <= queues_per_batch; ++queue) {
    put(batch, {QueueId{queue}, 0, number}, payload_of(number, queue));
    batch.put_progress(QueueId{queue}, progress_with_floor(0, number + 1));
  }
}

/// Not a test: the process that is killed. Appends for ever and reports the number of each
/// confirmed batch.
TEST(KilledProcess, DISABLED_AppendsUntilItIsKilled) {
  const char* directory = std::getenv(directory_variable);
  ASSERT_NE(directory, nullptr);
  auto opened = open_rocksdb_store(directory, {.message_write_buffer_bytes = 256 << 10});
  ASSERT_TRUE(opened);
  Store& store = **opened;
  const Recovered recovered = store.take_recovered();
  store.recovery_finished({});
  const auto last = recovered.last_numbers.find(0);
  BatchNumber number = last == recovered.last_numbers.end() ? 0 : last->second;
  for (;;) {
    std::promise<void> oldest_done;
    constexpr BatchNumber in_flight = 8;
    for (BatchNumber i = 0; i < in_flight; ++i) {
      number += 1;
      std::vector<NumberedBatch> batches;
      batches.push_back({0, number, store.new_batch()});
      fill(*batches[0].batch, number);
      store.append(std::move(batches), [number, i, &oldest_done](Outcome outcome) {
        if (outcome != Outcome::committed ||
            ::write(report_descriptor, &number, sizeof(number)) != sizeof(number)) {
          std::_Exit(1);
        }
        if (i + 1 == in_flight) {
          oldest_done.set_value();
        }
      });
    }
    oldest_done.get_future().wait();
  }
}

/// Runs the process above until it has confirmed so many batches, kills it, and gives the last
/// confirmed number.
BatchNumber run_and_kill(const std::filesystem::path& directory, int confirmed_min) {
  int pipe_ends[2];
  EXPECT_EQ(::pipe2(pipe_ends, O_CLOEXEC), 0);
  ::setenv(directory_variable, directory.c_str(), 1);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, pipe_ends[1], report_descriptor);
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=KilledProcess.*";
  std::string disabled = "--gtest_also_run_disabled_tests";
  char* arguments[] = {program.data(), filter.data(), disabled.data(), nullptr};
  pid_t child = 0;
  EXPECT_EQ(::posix_spawn(&child, program.c_str(), &actions, nullptr, arguments, environ), 0);
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(pipe_ends[1]);

  BatchNumber last_confirmed = 0;
  BatchNumber number = 0;
  bool killed = false;
  for (int confirmed = 0; ::read(pipe_ends[0], &number, sizeof(number)) == sizeof(number);) {
    last_confirmed = number;
    confirmed += 1;
    if (confirmed >= confirmed_min && !killed) {
      ::kill(child, SIGKILL);
      killed = true;
    }
  }
  ::close(pipe_ends[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  EXPECT_TRUE(killed && WIFSIGNALED(status));
  return last_confirmed;
}

TEST(KillTest, ConfirmedBatchesAreWholeAndUnconfirmedOnesWholeOrAbsent) {
  TemporaryDirectory temporary;
  const std::filesystem::path directory = temporary.path() / "data";
  for (const int confirmed_min : {1, 50, 400}) {
    const BatchNumber last_confirmed = run_and_kill(directory, confirmed_min);
    auto opened = open_rocksdb_store(directory, {});
    ASSERT_TRUE(opened) << opened.error().text;
    const Recovered recovered = (*opened)->take_recovered();
    EXPECT_FALSE(recovered.clean_stop);
    const BatchNumber last = recovered.last_numbers.at(0);
    EXPECT_GE(last, last_confirmed);
    ASSERT_EQ(recovered.progress.size(), queues_per_batch);
    for (std::uint64_t queue = 1; queue <= queues_per_batch; ++queue) {
      EXPECT_EQ(recovered.progress[queue - 1].second, progress_with_floor(0, last + 1));
      BatchNumber expected = 0;
      std::promise<void> done;
      (*opened)->read(
          {QueueId{queue}, 0, {0, ~Position{0}}, 0, 0},
          [&](Position position, bool, std::string_view payload) {
            expected += 1;
            EXPECT_EQ(position, expected);
            EXPECT_EQ(payload, payload_of(position, queue));
          },
          [&](const ReadOutcome& outcome) {
            EXPECT_FALSE(outcome.failed);
            done.set_value();
          });
      done.get_future().wait();
      EXPECT_EQ(expected, last);
    }
  }
}

}  // namespace
}  // namespace lepus::storage
