#include "broker/transport/mailboxes.h"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <utility>
#include <variant>
#include <vector>

#include <gtest/gtest.h>

namespace lepus::transport {
namespace {

using model::Operation;
using model::OutputDrained;

OutputDrained numbered(std::uint64_t number) {
  return {.bytes = number};
}

std::vector<std::uint64_t> collect(MailExchange& exchange, model::ShardIndex to) {
  std::vector<std::uint64_t> numbers;
  exchange.collect(to, [&](Operation&& operation) {
    numbers.push_back(std::get<OutputDrained>(operation).bytes);
  });
  return numbers;
}

/// Sleeps until it was woken, like a shard's event loop.
class Sleeper {
 public:
  void wake() {
    const std::lock_guard lock(mutex_);
    ++wake_ups_;
    woken_.notify_one();
  }

  void sleep() {
    std::unique_lock lock(mutex_);
    woken_.wait(lock, [this] { return wake_ups_ > seen_; });
    ++seen_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable woken_;
  std::uint64_t wake_ups_ = 0;
  std::uint64_t seen_ = 0;
};

TEST(Mailboxes, NothingArrivesBeforeItIsCarried) {
  MailExchange exchange(2);
  int wake_ups = 0;
  exchange.set_wake_up(1, [&] { ++wake_ups; });
  ShardMailboxes mailboxes(exchange, 0, 2);
  mailboxes.send(1, numbered(1));
  EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{});
  mailboxes.carry();
  EXPECT_EQ(wake_ups, 1);
  EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{1});
}

TEST(Mailboxes, MailOfSeveralTurnsKeepsItsOrderAndWakesOnce) {
  MailExchange exchange(2);
  int wake_ups = 0;
  exchange.set_wake_up(1, [&] { ++wake_ups; });
  ShardMailboxes mailboxes(exchange, 0, 2);
  mailboxes.send(1, numbered(1));
  mailboxes.send(1, numbered(2));
  mailboxes.carry();
  mailboxes.send(1, numbered(3));
  mailboxes.carry();
  mailboxes.carry();
  EXPECT_EQ(wake_ups, 1);
  EXPECT_EQ(collect(exchange, 1), (std::vector<std::uint64_t>{1, 2, 3}));
  EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{});
}

TEST(Mailboxes, WhatComesAfterCollectingWakesAgain) {
  MailExchange exchange(2);
  int wake_ups = 0;
  exchange.set_wake_up(1, [&] { ++wake_ups; });
  ShardMailboxes mailboxes(exchange, 0, 2);
  for (std::uint64_t turn = 1; turn <= 3; ++turn) {
    mailboxes.send(1, numbered(turn));
    mailboxes.carry();
    EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{turn});
  }
  EXPECT_EQ(wake_ups, 3);
}

TEST(Mailboxes, EachReceiverGetsItsOwn) {
  MailExchange exchange(3);
  std::vector<int> wake_ups(3);
  for (model::ShardIndex to = 0; to < 3; ++to) {
    exchange.set_wake_up(to, [&wake_ups, to] { ++wake_ups[to]; });
  }
  ShardMailboxes first(exchange, 0, 3);
  ShardMailboxes second(exchange, 1, 3);
  first.send(2, numbered(10));
  first.send(1, numbered(20));
  first.carry();
  second.send(2, numbered(30));
  second.carry();
  EXPECT_EQ(wake_ups, (std::vector<int>{0, 1, 1}));
  EXPECT_EQ(collect(exchange, 0), std::vector<std::uint64_t>{});
  EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{20});
  EXPECT_EQ(collect(exchange, 2), (std::vector<std::uint64_t>{10, 30}));
}

TEST(Mailboxes, WhatIsSentWhileReceivingComesWithTheNextCollection) {
  MailExchange exchange(2);
  exchange.set_wake_up(0, [] {});
  exchange.set_wake_up(1, [] {});
  ShardMailboxes there(exchange, 0, 2);
  there.send(1, numbered(1));
  there.carry();
  exchange.collect(1, [&](Operation&&) {
    there.send(1, numbered(2));
    there.carry();
  });
  EXPECT_EQ(collect(exchange, 1), std::vector<std::uint64_t>{2});
}

TEST(Mailboxes, TwoThreadsLoseNothingAndKeepTheOrder) {
  constexpr std::uint64_t count = 200'000;
  MailExchange exchange(2);
  Sleeper sleeper;
  exchange.set_wake_up(1, [&] { sleeper.wake(); });
  std::thread sender([&] {
    ShardMailboxes mailboxes(exchange, 0, 2);
    for (std::uint64_t number = 1; number <= count; ++number) {
      mailboxes.send(1, numbered(number));
      if (number % 7 == 0 || number == count) {
        mailboxes.carry();
      }
    }
  });
  // A lost wake-up would make this sleep for ever, lost mail too.
  std::uint64_t expected = 1;
  std::uint64_t out_of_order = 0;
  while (expected <= count) {
    sleeper.sleep();
    for (const std::uint64_t number : collect(exchange, 1)) {
      out_of_order += number == expected ? 0 : 1;
      ++expected;
    }
  }
  sender.join();
  EXPECT_EQ(out_of_order, 0U);
}

TEST(Mailboxes, TwoThreadsThatAnswerEachOtherNeverStall) {
  constexpr std::uint64_t rounds = 20'000;
  MailExchange exchange(2);
  std::vector<Sleeper> sleepers(2);
  for (model::ShardIndex shard = 0; shard < 2; ++shard) {
    exchange.set_wake_up(shard, [&sleepers, shard] { sleepers[shard].wake(); });
  }
  const auto answer = [&](model::ShardIndex own, model::ShardIndex other) {
    ShardMailboxes mailboxes(exchange, own, 2);
    if (own == 0) {
      mailboxes.send(other, numbered(0));
      mailboxes.carry();
    }
    for (std::uint64_t last = 0; last < rounds;) {
      sleepers[own].sleep();
      exchange.collect(own, [&](Operation&& operation) {
        last = std::get<OutputDrained>(operation).bytes + 1;
        mailboxes.send(other, numbered(last));
      });
      mailboxes.carry();
    }
  };
  std::thread other([&] { answer(1, 0); });
  answer(0, 1);
  other.join();
  SUCCEED();
}

}  // namespace
}  // namespace lepus::transport
