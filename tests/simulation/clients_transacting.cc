#include <utility>
#include <vector>

#include "tests/simulation/clients.h"
#include "tests/simulation/world.h"

// What a transactor does: publishes and settlements of which the checker hears by their commit.

namespace lepus::simulation {

void Client::act_as_transactor(std::uint16_t number, ClientChannel& channel, bool calm) {
  const TransactionOfClient& transaction = *channel.transaction;
  if (calm) {
    settle_some(number, channel, true);
    if (transaction.has_publishes || !transaction.settlements.empty()) {
      commit(number, channel);
    }
    return;
  }
  Random& random = world_.random;
  switch (random.below(8)) {
    case 0:
    case 1:
      if (transaction.committing.size() < 2) {
        commit(number, channel);
      }
      break;
    case 2:
      if (random.one_in(3)) {
        roll_back(number, channel);
      } else if (channel.consumers.size() < 2) {
        start_consumer(number, channel);
      }
      break;
    case 3:
    case 4:
      publish(number, channel);
      channel.transaction->has_publishes = true;
      break;
    default:
      settle_some(number, channel, false);
      break;
  }
}

void Client::begin_transaction(ClientChannel& channel) {
  TransactionOfClient& transaction = *channel.transaction;
  transaction.number = world_.checker.transaction_begins();
  transaction.has_publishes = false;
  transaction.settlements.clear();
}

void Client::commit(std::uint16_t number, ClientChannel& channel) {
  TransactionOfClient& transaction = *channel.transaction;
  std::vector<SentSettling> sent;
  for (const HeldSettlement& held : transaction.settlements) {
    const SentSettling settling =
        world_.checker.settled(reference(number), held.name, held.settling);
    if (held.settling != Settling::requeue) {
      sent.push_back(settling);
    }
  }
  world_.trace("transactor {} commits transaction {} of channel {}: {} settlements", number_,
               transaction.number, number, transaction.settlements.size());
  world_.checker.transaction_commits(transaction.number, std::move(sent));
  send(number, amqp::TxCommit{});
  ++channel.requests;
  transaction.committing.push_back(transaction.number);
  begin_transaction(channel);
}

void Client::roll_back(std::uint16_t number, ClientChannel& channel) {
  TransactionOfClient& transaction = *channel.transaction;
  world_.trace("transactor {} rolls transaction {} of channel {} back", number_, transaction.number,
               number);
  leave_transaction(channel);
  if (world_.mutation() == Mutation::commits_rollbacks) {
    send(number, amqp::TxCommit{});
  } else {
    send(number, amqp::TxRollback{});
  }
  ++channel.requests;
  for (const HeldSettlement& held : transaction.settlements) {
    channel.unacked.emplace(held.delivery_tag, Unacked{held.name, held.consumer_tag});
  }
  begin_transaction(channel);
}

/// Without a commit.
void Client::leave_transaction(const ClientChannel& channel) {
  if (channel.transaction) {
    world_.checker.transaction_rolled_back(channel.transaction->number);
  }
}

}  // namespace lepus::simulation
