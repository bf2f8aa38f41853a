#include "broker/model/shard.h"

#include <utility>

#include "broker/base/assert.h"
#include "broker/model/channel_answers.h"
#include "broker/model/group_sequencer.h"
#include "broker/model/publish_windows.h"
#include "broker/model/shard_queues.h"

namespace lepus::model {

namespace {

ProtocolError not_found(const QueueRecord& queue) {
  return {amqp::ReplyCode::not_found, "no " + queue.described()};
}

std::uint32_t consumer_count(const Queue& queue) {
  return static_cast<std::uint32_t>(queue.consumers().size());
}

}  // namespace

Shard::Shard(const ShardEnvironment& environment)
    : environment_(environment),
      answers_(std::make_unique<ChannelAnswers>(environment_.index, *environment_.connections,
                                                *environment_.mailboxes)),
      publish_windows_(
          std::make_unique<PublishWindows>(environment_.index, environment_.shard_count,
                                           *environment_.connections, *environment_.mailboxes)),
      sequencer_(environment.index == sequencer_shard
                     ? std::make_unique<GroupSequencer>(environment_.index, *environment_.mailboxes)
                     : nullptr),
      queues_(std::make_unique<ShardQueues>(
          environment_, *answers_,
          ShardQueues::ToOthers{
              .sequence_group = [this](SubmitGroup&& group) { sequence_group(std::move(group)); },
              .publish =
                  [this](ShardIndex owner, Publish&& letter) {
                    publish_windows_->sent(owner, *letter.message);
                    environment_.mailboxes->send(owner, std::move(letter));
                  }})) {}

Shard::~Shard() = default;

void Shard::load(const storage::Recovered& recovered) {
  queues_->load(recovered);
}

template <typename Answer>
void Shard::answer(Answer&& answer) {
  answers_->send(answer.request.channel.connection, std::forward<Answer>(answer));
}

// ---- for connections of this shard

PublishAnswer Shard::publish(const QueueRecord& record, MessagePtr message,
                             const PublisherRef& publisher) {
  if (record.owner != environment_.index) {
    publish_windows_->sent(record.owner, *message);
    environment_.mailboxes->send(
        record.owner, Publish{record.id, std::move(message), publisher, environment_.index});
    return PublishAnswer::later;
  }
  const ShardQueues::Call call{*queues_};
  // It may have been deleted after the message was routed.
  return queues_->publish(record.id, std::move(message), publisher).value_or(PublishAnswer::taken);
}

void Shard::settle(ShardIndex owner, Settle settle) {
  if (owner == environment_.index) {
    const ShardQueues::Call call{*queues_};
    handle(std::move(settle));
  } else {
    environment_.mailboxes->send(owner, std::move(settle));
  }
}

void Shard::settle_one(ShardIndex owner, QueueId id, ConsumerId consumer, Settlement settlement,
                       MessagePlace place) {
  if (owner != environment_.index) {
    environment_.mailboxes->send(owner, Settle{id, consumer, settlement, {place}});
  } else if (Queue* queue = queues_->find(id)) {
    const ShardQueues::Call call{*queues_};
    queue->settle(consumer, settlement, {&place, 1});
  }
}

void Shard::send_to_owner(ShardIndex owner, Operation operation) {
  if (owner == environment_.index) {
    receive(std::move(operation));
  } else {
    environment_.mailboxes->send(owner, std::move(operation));
  }
}

void Shard::submit_group(SubmitGroup&& group) {
  if (group.parts.size() > 1) {
    sequence_group(std::move(group));
    return;
  }
  count_publishes(group);
  for (auto& [owner, part] : group.parts) {
    send_to_owner(owner, CommitGroups{{}, std::move(part)});
  }
}

void Shard::sequence_group(SubmitGroup&& group) {
  count_publishes(group);
  send_to_owner(sequencer_shard, std::move(group));
}

void Shard::count_publishes(const SubmitGroup& group) {
  for (const auto& [owner, part] : group.parts) {
    for (const auto& change : part.changes) {
      const auto* publish = std::get_if<Publish>(&change);
      if (publish != nullptr && owner != environment_.index) {
        publish_windows_->sent(owner, *publish->message);
      }
    }
  }
}

// ---- operations

void Shard::receive(Operation&& operation) {
  const ShardQueues::Call call{*queues_};
  std::visit([this](auto& each) { handle(std::move(each)); }, operation);
}

void Shard::handle(SubmitGroup&& group) {
  sequencer_->submit(std::move(group));
}

void Shard::handle(CommitGroups&& groups) {
  for (auto& change : groups.part.changes) {
    std::visit([this](auto& each) { handle(std::move(each)); }, change);
  }
  // Whatever follows from the changes goes with them.
  queues_->run_deferred();
  queues_->seal_group(groups.cut, groups.part.waiters);
}

void Shard::handle(Publish&& publish) {
  if (publish.from != environment_.index) {
    publish_windows_->received(publish.from, *publish.message);
  }
  // A publisher's message is unroutable then; a dead letter that is kept must find another way.
  const PublishAnswer no_queue = is_dead_letter_sender(publish.publisher.channel.connection)
                                     ? PublishAnswer::refused
                                     : PublishAnswer::taken;
  const PublishAnswer answer =
      queues_->publish(publish.queue, std::move(publish.message), publish.publisher)
          .value_or(no_queue);
  if (answer != PublishAnswer::later) {
    answers_->confirm(publish.publisher, answer == PublishAnswer::refused);
  }
}

void Shard::handle(StartConsumer&& start) {
  Queue* queue = queues_->find(start.queue);
  if (queue == nullptr) {
    answer(Started{start.request, not_found(*start.queue)});
    return;
  }
  // consume-ok goes out before the first delivery, so the answer must not wait for start_consumer()
  // to deliver.
  if (auto error = queue->check_consumer(start.consumer)) {
    answer(Started{start.request, std::move(error)});
    return;
  }
  answer(Started{start.request, std::nullopt});
  queue->start_consumer(start.consumer);
}

void Shard::handle(CancelConsumer&& cancel) {
  if (Queue* queue = queues_->find(cancel.queue)) {
    queue->cancel_consumer(cancel.consumer);
    queues_->run_deferred();  // An auto-delete queue is gone before cancel-ok.
  }
  if (cancel.request.serial != 0) {
    answer(Done{cancel.request, std::nullopt});
  }
}

void Shard::handle(GetMessage&& get) {
  if (Queue* queue = queues_->find(get.queue)) {
    queue->get(std::move(get));
  } else {
    answer(Got{.request = get.request, .error = not_found(*get.queue)});
  }
}

void Shard::handle(Settle&& settle) {
  if (settle.consumer == ConsumerId::dead_lettering) [[unlikely]] {
    queues_->passed_on(settle);
    return;
  }
  if (Queue* queue = queues_->find(settle.queue)) {
    queue->settle(settle.consumer, settle.settlement, settle.places);
  }
}

void Shard::handle(LeaveQueue&& leaving) {
  if (Queue* queue = queues_->find(leaving.queue)) {
    queue->leave(leaving.holders);
  }
  answer(Done{leaving.request});
}

void Shard::handle(PurgeQueue&& purge) {
  if (Queue* queue = queues_->find(purge.queue)) {
    const std::uint64_t count = queue->purge();
    answer(Counted{purge.request, std::nullopt, count, consumer_count(*queue)});
  } else {
    answer(Counted{purge.request, not_found(*purge.queue)});
  }
}

void Shard::handle(DeleteQueue&& request) {
  Queue* queue = queues_->find(request.queue);
  if (queue == nullptr) {
    answer(
        Counted{.request = request.request});  // deleted meanwhile: as if it had never been there
    return;
  }
  const auto fail = [&](const char* why) {
    answer(Counted{request.request, ProtocolError{amqp::ReplyCode::precondition_failed,
                                                  queue->record().described() + why}});
  };
  if (request.if_empty && queue->ready_count() > 0) {
    fail(" not empty");
    return;
  }
  if (request.if_unused && !queue->consumers().empty()) {
    fail(" in use");
    return;
  }
  const Counted counted{request.request, std::nullopt, queue->ready_count(),
                        consumer_count(*queue)};
  answer_when_committed(queues_->remove(queue->record()), counted);
}

void Shard::handle(QueryQueue&& query) {
  if (Queue* queue = queues_->find(query.queue)) {
    queue->touch();
    answer(Counted{query.request, std::nullopt, queue->ready_count(), consumer_count(*queue)});
  } else {
    answer(Counted{query.request, not_found(*query.queue)});
  }
}

void Shard::handle(OutputDrained&& drained) {
  queues_->output_drained(drained.connection, drained.bytes);
}

void Shard::handle(TokenGrant&& grant) {
  if (Queue* queue = queues_->find(grant.queue)) {
    queue->grant_tokens(grant.consumer, grant.count);
  }
}

void Shard::handle(ChangeChannelLimit&& change) {
  if (Queue* queue = queues_->find(change.queue)) {
    queue->change_channel_limit(change.consumer, change.channel_limited);
  }
}

void Shard::handle(ConnectionGone&& gone) {
  queues_->connection_gone(gone.connection);
}

void Shard::handle(OwnerCongested&& notice) {
  publish_windows_->owner_congested(notice);
}

void Shard::handle(PublishesTaken&& taken) {
  publish_windows_->taken(taken);
}

void Shard::handle(Confirmed&& confirmed) {
  if (is_dead_letter_sender(confirmed.channel.connection)) [[unlikely]] {
    queues_->letters_confirmed(confirmed);
    return;
  }
  answers_->hand_over(std::move(confirmed));
}

template <typename Answer>
void Shard::handle(Answer&& answer) {
  answers_->hand_over(std::forward<Answer>(answer));
}

// ---- the topology's log

template <typename Answer>
void Shard::answer_when_committed(TopologyTicket ticket, Answer&& answer_to_send) {
  const auto outcome = environment_.topology->outcome_of(ticket);
  if (ticket != 0 && !outcome) {
    waiting_for_topology_.emplace(ticket, Operation(std::forward<Answer>(answer_to_send)));
    return;
  }
  auto prepared = std::forward<Answer>(answer_to_send);
  if (ticket != 0 && *outcome != storage::Outcome::committed) {
    prepared.error = ProtocolError{amqp::ReplyCode::internal_error, ""};
  }
  answer(std::move(prepared));
}

void Shard::wait_for_topology(TopologyTicket ticket, const RequestId& request) {
  answer_when_committed(ticket, Done{request, std::nullopt});
}

void Shard::topology_committed(TopologyTicket up_to, storage::Outcome) {
  queues_->follow_policies();
  while (!waiting_for_topology_.empty() && waiting_for_topology_.begin()->first <= up_to) {
    auto waiting = waiting_for_topology_.extract(waiting_for_topology_.begin());
    if (auto* done = std::get_if<Done>(&waiting.mapped())) {
      answer_when_committed(waiting.key(), std::move(*done));
    } else {
      answer_when_committed(waiting.key(), std::move(std::get<Counted>(waiting.mapped())));
    }
  }
}

void Shard::drop_queue(const QueueRecord& queue) {
  const ShardQueues::Call call{*queues_};
  queues_->remove(queue);
}

// ---- turns

void Shard::tick() {
  queues_->tick();
}

std::int64_t Shard::next_timer_ms() const {
  return queues_->next_timer_ms();
}

bool Shard::has_pending_work() const {
  return queues_->has_pending_work();
}

void Shard::end_turn() {
  queues_->release_delayed();
  queues_->run_deferred();
  while (sequencer_ != nullptr && sequencer_->has_groups()) {
    if (auto own = sequencer_->cut()) {
      const ShardQueues::Call call{*queues_};
      handle(*std::move(own));
    }
  }
  queues_->resume_queues();
  queues_->seal_if_due();
  queues_->drop_ended();
  answers_->flush_confirms();
  publish_windows_->end_turn();
}

void Shard::seal_now() {
  queues_->seal_now();
}

void Shard::visit_queues(const std::function<void(const Queue&)>& visit) const {
  for (const auto& [id, queue] : queues_->all()) {
    visit(*queue);
  }
}

const Queue* Shard::find_queue(QueueId id) const {
  auto found = queues_->all().find(id);
  return found == queues_->all().end() ? nullptr : found->second.get();
}

}  // namespace lepus::model
