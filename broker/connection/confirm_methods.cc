#include "broker/connection/channel.h"
#include "broker/connection/shard_connections.h"

// confirm.select, and the acks and nacks that follow from it.

namespace lepus::connection {

void Channel::handle_confirm_select(const amqp::ConfirmSelect& method) {
  if (mode_ == Mode::transaction) {
    fail(amqp::ReplyCode::precondition_failed, "cannot switch from tx to confirm mode");
    return;
  }
  mode_ = Mode::confirm;
  if (!method.no_wait) {
    send(amqp::ConfirmSelectOk{});
  }
}

void Channel::send_confirms() {
  confirms_marked_ = false;
  if (released_ || !confirms_.has_answers()) {
    return;
  }
  std::vector<Confirms::Answer>& answers = host().confirm_answers();
  answers.clear();
  counters_.confirm += confirms_.take_answers(answers);
  for (const Confirms::Answer& answer : answers) {
    const amqp::DeliveryTag tag{answer.number};
    if (answer.refused) {
      send(amqp::BasicNack{.delivery_tag = tag, .multiple = answer.multiple});
    } else {
      send(amqp::BasicAck{.delivery_tag = tag, .multiple = answer.multiple});
    }
  }
}

}  // namespace lepus::connection
