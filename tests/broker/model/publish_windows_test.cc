#include "broker/model/publish_windows.h"

#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "broker/base/limits.h"

namespace lepus::model {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

/// Hears of congestion only.
class FakeConnections final : public ConnectionHost {
 public:
  void deliver(Deliver&&) override {}

  void confirmed(Confirmed&&) override {}

  void started(Started&&) override {}

  void done(Done&&) override {}

  void counted(Counted&&) override {}

  void got(Got&&) override {}

  void consumer_cancelled(ConsumerCancelled&&) override {}

  void token_requested(TokenRequest&&) override {}

  void tokens_returned(TokenReturn&&) override {}

  void direct_reply(DirectReply&&) override {}

  void close_connection(CloseConnection&&) override {}

  void owner_congested(OwnerCongested&& notice) override {
    notices.emplace_back(notice.owner, notice.congested);
  }

  std::vector<std::pair<ShardIndex, bool>> notices;
};

class FakeMailboxes final : public Mailboxes {
 public:
  void send(ShardIndex to, Operation operation) override {
    const auto& taken = std::get<PublishesTaken>(operation);
    sent.emplace_back(to, taken.bytes);
  }

  std::vector<std::pair<ShardIndex, std::uint64_t>> sent;
};

MessagePtr message_of(std::size_t body_bytes) {
  auto message = Message::create("", "q", {"\0\0", 2}, body_bytes, {});
  message->append_body(std::string(body_bytes, 'b'));
  return message;
}

class PublishWindowsTest : public testing::Test {
 protected:
  FakeConnections connections_;
  FakeMailboxes mailboxes_;
  PublishWindows sender_{0, 2, connections_, mailboxes_};
  PublishWindows owner_{1, 2, connections_, mailboxes_};
};

TEST_F(PublishWindowsTest, AFullWindowStopsTheSenderUntilTheOwnerHasTakenHalfOfIt) {
  const MessagePtr half = message_of(limits::publish_window_bytes_max / 2);
  sender_.sent(1, *half);
  EXPECT_THAT(connections_.notices, IsEmpty());
  sender_.sent(1, *half);
  EXPECT_THAT(connections_.notices, ElementsAre(Pair(1, true)));
  owner_.received(0, *half);
  owner_.received(0, *half);
  owner_.end_turn();
  ASSERT_EQ(mailboxes_.sent.size(), 1U);
  EXPECT_EQ(mailboxes_.sent[0].first, 0U);
  sender_.taken({1, mailboxes_.sent[0].second});
  EXPECT_THAT(connections_.notices, ElementsAre(Pair(1, true), Pair(1, false)));
}

TEST_F(PublishWindowsTest, AnOwnerWithNothingToTellSendsNothing) {
  owner_.end_turn();
  EXPECT_THAT(mailboxes_.sent, IsEmpty());
}

TEST_F(PublishWindowsTest, AnOwnerTellsWhenItIsWorthIt) {
  const MessagePtr portion = message_of(limits::publish_window_bytes_told / 2);
  owner_.received(0, *portion);
  owner_.end_turn();
  EXPECT_THAT(mailboxes_.sent, IsEmpty());
  owner_.received(0, *portion);
  owner_.end_turn();
  ASSERT_EQ(mailboxes_.sent.size(), 1U);
  EXPECT_GT(mailboxes_.sent[0].second, limits::publish_window_bytes_told);
}

TEST_F(PublishWindowsTest, TheSenderStaysStoppedWhileEitherReasonHolds) {
  const MessagePtr large = message_of(2 * limits::publish_window_bytes_max);
  sender_.sent(1, *large);
  sender_.owner_congested({1, true});
  owner_.received(0, *large);
  owner_.end_turn();
  sender_.taken({1, mailboxes_.sent.at(0).second});
  EXPECT_THAT(connections_.notices, ElementsAre(Pair(1, true)));
  sender_.owner_congested({1, false});
  EXPECT_THAT(connections_.notices, ElementsAre(Pair(1, true), Pair(1, false)));
}

}  // namespace
}  // namespace lepus::model
