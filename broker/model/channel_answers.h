#pragma once

#include <utility>
#include <vector>

#include "broker/model/operations.h"

namespace lepus::model {

/// The way from queues back to channels: a call when the connection lives on this shard, else its
/// shard's mailbox.
class ChannelAnswers {
 public:
  ChannelAnswers(ShardIndex self, ConnectionHost& connections, Mailboxes& mailboxes)
      : self_(self), connections_(connections), mailboxes_(mailboxes) {}

  template <typename Answer>
  void send(ConnectionId to, Answer&& answer) {
    const ShardIndex shard = shard_of(to);
    if (shard == self_) {
      hand_over(std::forward<Answer>(answer));
    } else {
      mailboxes_.send(shard, Operation(std::forward<Answer>(answer)));
    }
  }

  /// For connections of this shard.
  void hand_over(Deliver&& delivery) { connections_.deliver(std::move(delivery)); }

  void hand_over(Confirmed&& confirmed) { connections_.confirmed(std::move(confirmed)); }

  void hand_over(Started&& answer) { connections_.started(std::move(answer)); }

  void hand_over(Done&& answer) { connections_.done(std::move(answer)); }

  void hand_over(Counted&& answer) { connections_.counted(std::move(answer)); }

  void hand_over(Got&& answer) { connections_.got(std::move(answer)); }

  void hand_over(ConsumerCancelled&& notice) { connections_.consumer_cancelled(std::move(notice)); }

  void hand_over(TokenRequest&& request) { connections_.token_requested(std::move(request)); }

  void hand_over(TokenReturn&& tokens) { connections_.tokens_returned(std::move(tokens)); }

  void hand_over(DirectReply&& reply) { connections_.direct_reply(std::move(reply)); }

  void hand_over(CloseConnection&& request) { connections_.close_connection(std::move(request)); }

  void hand_over(OwnerCongested&& notice) { connections_.owner_congested(std::move(notice)); }

  /// Confirms are collected and go out by channel with flush_confirms().
  void confirm(const PublisherRef& publisher, bool refused) {
    if (publisher.confirm_number == 0) {
      return;
    }
    if (confirms_.empty() || confirms_.back().channel != publisher.channel ||
        confirms_.back().refused != refused) {
      confirms_.push_back({publisher.channel, {}, refused});
    }
    confirms_.back().numbers.push_back(publisher.confirm_number);
  }

  void flush_confirms() {
    for (Confirmed& confirmed : std::exchange(confirms_, {})) {
      const ConnectionId to = confirmed.channel.connection;
      send(to, std::move(confirmed));
    }
  }

 private:
  const ShardIndex self_;
  ConnectionHost& connections_;
  Mailboxes& mailboxes_;
  std::vector<Confirmed> confirms_;
};

}  // namespace lepus::model
