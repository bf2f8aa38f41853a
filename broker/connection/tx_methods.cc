#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"

// tx.select, commit and rollback. Publishes are checked and routed when they come and go to their
// queues at the commit; settlements leave the list of unacked deliveries when they come, and a
// rollback puts them back.

namespace lepus::connection {

void Channel::handle_tx_select(const amqp::TxSelect&) {
  if (mode_ == Mode::confirm) {
    fail(amqp::ReplyCode::precondition_failed, "cannot switch from confirm to tx mode");
    return;
  }
  if (mode_ == Mode::plain) {
    mode_ = Mode::transaction;
    transaction_ = std::make_unique<Transaction>();
  }
  send(amqp::TxSelectOk{});
}

bool Channel::check_transactional() {
  if (mode_ == Mode::transaction) {
    return true;
  }
  fail(amqp::ReplyCode::precondition_failed, "channel is not transactional");
  return false;
}

bool Channel::charge_transaction(std::size_t bytes) {
  transaction_->bytes += bytes;
  if (transaction_->bytes <= Transaction::bytes_max) {
    return true;
  }
  fail(amqp::ReplyCode::content_too_large,
       "transaction is larger than " + std::to_string(Transaction::bytes_max) + " bytes");
  return false;
}

void Channel::handle_tx_commit(const amqp::TxCommit&) {
  if (!check_transactional()) {
    return;
  }
  Transaction transaction = std::exchange(*transaction_, Transaction{});
  connection_.wait(new_pending(PendingMethod::Kind::commit));
  model::SubmitGroup group;
  for (HeldPublish& held : transaction.publishes) {
    add_publish(std::move(held), group);
  }
  for (const HeldSettlement& held : transaction.settlements) {
    for (auto& [owner, settle] : settlements_by_source(held.deliveries, held.settlement)) {
      committing_.push_back(settle);
      group.parts[owner].changes.emplace_back(std::move(settle));
    }
  }
  const std::uint64_t number = confirms_.add(group.parts.size());
  for (auto& [owner, part] : group.parts) {
    part.waiters.push_back({reference(), number});
  }
  if (!group.parts.empty()) {
    host().shard().submit_group(std::move(group));
  }
  grant_tokens();
  finish_commit_if_answered();
}

void Channel::add_publish(HeldPublish&& held, model::SubmitGroup& group) {
  held.message->set_published_ms(host().wall_ms());
  std::erase_if(held.queues, [](const auto& queue) { return queue->deleted.load(); });
  handle_unrouted(held.queues, held.message, held.extras.requesters, held.mandatory);
  const std::uint64_t number = confirms_.add(held.queues.size());
  for (const auto& queue : held.queues) {
    connection_.note_published_to(queue->owner);
    const bool is_delayed = queue->delays && held.extras.delayed != nullptr;
    group.parts[queue->owner].changes.emplace_back(
        model::Publish{queue->id,
                       is_delayed ? held.extras.delayed : held.message,
                       {reference(), number},
                       host().index()});
  }
}

void Channel::finish_commit_if_answered() {
  const PendingMethod* pending = connection_.pending();
  if (confirms_.unconfirmed() != 0 || pending == nullptr || pending->channel != number_ ||
      pending->kind != PendingMethod::Kind::commit) {
    return;
  }
  committing_.clear();
  std::vector<Confirms::Answer> answers;
  static_cast<void>(confirms_.take_answers(answers));
  const bool refused = std::any_of(answers.begin(), answers.end(),
                                   [](const Confirms::Answer& answer) { return answer.refused; });
  const PendingMethod finished = connection_.finish_pending();
  if (refused) {
    fail(finished, {amqp::ReplyCode::precondition_failed, "partial tx completion"});
  } else {
    send(amqp::TxCommitOk{});
  }
}

void Channel::handle_tx_rollback(const amqp::TxRollback&) {
  if (!check_transactional()) {
    return;
  }
  const Transaction transaction = std::exchange(*transaction_, Transaction{});
  for (const HeldSettlement& held : transaction.settlements) {
    unacked_.put_back(held.deliveries);
    for (const UnackedDelivery& delivery : held.deliveries) {
      connection_.note_ack_due(delivery.due_ms());
    }
  }
  send(amqp::TxRollbackOk{});
}

}  // namespace lepus::connection
