#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "tests/simulation/checker.h"

// What a transaction publishes and settles happens at its commit, all of it or nothing.

namespace lepus::simulation {

TransactionNumber Checker::transaction_begins() {
  transactions_.push_back({.run = run_});
  return static_cast<TransactionNumber>(transactions_.size());
}

void Checker::transaction_commits(TransactionNumber number, std::vector<SentSettling> settlements) {
  Transaction& transaction = transactions_[number - 1];
  transaction.state = Transaction::State::committing;
  // What becomes a dead letter is settled with that, later.
  std::erase_if(settlements, [this](const SentSettling& sent) {
    return sent.emissions == 0 || messages_.at(sent.name).rejected;
  });
  transaction.settlements = std::move(settlements);
}

void Checker::transaction_committed(TransactionNumber number) {
  Transaction& transaction = transactions_[number - 1];
  transaction.state = Transaction::State::committed;
  for (const MessageName& name : transaction.publishes) {
    confirm(name);
  }
  for (const SentSettling& sent : transaction.settlements) {
    Message& message = messages_.at(sent.name);
    settling_arrived(sent);
    if (message.settled && message.emissions == sent.emissions) {
      message.must_be_gone = true;
    }
  }
}

void Checker::one_transaction_was_partial(std::span<const TransactionNumber> numbers) {
  bool may_be = store_has_failed_;
  for (const TransactionNumber number : numbers) {
    Transaction& transaction = transactions_[number - 1];
    transaction.partial = true;
    may_be |= std::ranges::any_of(transaction.publishes, [this](const MessageName& name) {
      return may_refuse(name, messages_.at(name));
    });
  }
  if (!may_be) {
    fail("a transaction was refused although nothing has failed");
  }
}

void Checker::transaction_rolled_back(TransactionNumber number) {
  transactions_[number - 1].state = Transaction::State::rolled_back;
}

void Checker::check_transaction(const MessageName& name, const Message& message) {
  if (message.transaction == 0) {
    return;
  }
  switch (transactions_[message.transaction - 1].state) {
    case Transaction::State::open:
      fail(to_text(name) + " was delivered before its transaction was committed");
      return;
    case Transaction::State::rolled_back:
      fail(to_text(name) + " was delivered although its transaction was rolled back");
      return;
    case Transaction::State::committing:
    case Transaction::State::committed:
      return;
  }
}

/// All queues were emptied, so it is known of each message whether it was there. Committed ones
/// are looked at by message; this is about those whose client did not hear how they ended.
void Checker::check_transaction_is_whole(const Transaction& transaction) {
  if (transaction.state != Transaction::State::committing || transaction.partial) {
    return;
  }
  const bool restarted = transaction.run < run_;
  const auto is_sure = [&](const MessageName& name, const Message& message) {
    return !message.removed && name.first_death == never_died && !message.dead &&
           !may_refuse(name, message) && !may_leave_by_itself(name, message) &&
           must_have_come(name, message) &&
           (!restarted || (message.persistent && queues_[name.queue].durable));
  };
  std::string happened;
  std::string missing;
  for (const MessageName& name : transaction.publishes) {
    const Message& message = messages_.at(name);
    if (message.emissions > 0 && (!restarted || message.emitted_in_run > transaction.run)) {
      happened = to_text(name) + " is there";
    } else if (is_sure(name, message) && !message.settled_in_crash) {
      missing = to_text(name) + " is not there";
    }
  }
  for (const SentSettling& sent : transaction.settlements) {
    const Message& message = messages_.at(sent.name);
    if (message.emissions > sent.emissions) {
      missing = to_text(sent.name) + " is not settled";
    } else if (message.emissions == sent.emissions && message.confirmed &&
               is_sure(sent.name, message)) {
      happened = to_text(sent.name) + " is settled";
    }
  }
  if (!happened.empty() && !missing.empty()) {
    fail(fmt::format("a part of a transaction: {}, but {}", happened, missing));
  }
}

}  // namespace lepus::simulation
