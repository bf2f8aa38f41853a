#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "amqp/content_assembler.h"
#include "amqp/frame.h"
#include "amqp/method_codec.h"
#include "amqp/methods/any_method.h"
#include "broker/connection/confirms.h"
#include "broker/connection/connection.h"
#include "broker/connection/departure.h"
#include "broker/connection/direct_reply_to.h"
#include "broker/connection/prefetch.h"
#include "broker/connection/transaction.h"
#include "broker/connection/unacked.h"
#include "broker/model/access.h"
#include "broker/model/operations.h"
#include "broker/model/statistics_rows.h"
#include "broker/model/string_map.h"
#include "broker/model/topology.h"

namespace lepus::connection {

class ShardConnections;

/// A consumer as its channel knows it.
struct ChannelConsumer {
  model::ConsumerId id = model::ConsumerId::none;
  std::string tag;
  DeliverySource* source = nullptr;
  std::string arguments;  ///< an encoded table
  std::uint16_t prefetch_count = 0;
  bool no_ack = false;
  bool exclusive = false;
};

/// The consumer of amq.rabbitmq.reply-to; a channel has at most one.
struct ReplyConsumer {
  std::string tag;
  std::string name;  ///< what reply_to becomes
  ReplyAddress address;
};

/// One AMQP channel: the checks and answers of its methods. The methods are in exchange_methods.cc,
/// queue_methods.cc, basic_publish.cc, basic_consume.cc, basic_settle.cc, delivery_timeouts.cc,
/// confirm_methods.cc, tx_methods.cc and tracing.cc. Belongs to its connection's thread.
///
/// An error closes the channel (or the connection) at once: consumers are cancelled, unacked
/// messages go back, and everything that comes before channel.close-ok is ignored.
class Channel {
 public:
  /// @param serial  see model::ChannelRef
  Channel(Connection& connection, std::uint16_t number, std::uint32_t serial);
  ~Channel();
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;

  /// A method, header or body frame that came on this channel.
  void handle(const amqp::Frame& frame);

  /// Closed from both sides: to be forgotten.
  [[nodiscard]] bool is_finished() const { return finished_; }

  /// Ends the consumers, drops a transaction and unconfirmed publishes' answers, and leaves to the
  /// departure what is to go back to the queues. More than once: no effect.
  void release(Departure& departure);

  // ---- what queues tell, by way of ShardConnections

  /// @return false if there is no such consumer (any more): the message is to go back.
  bool deliver(model::Deliver& delivery);
  void confirmed(const std::vector<std::uint64_t>& numbers, bool refused);
  void started(PendingMethod& pending, model::Started&& answer);
  void done(PendingMethod& pending, model::Done&& answer);
  void counted(PendingMethod& pending, model::Counted&& answer);
  void got(PendingMethod& pending, model::Got&& answer);
  void consumer_cancelled(model::ConsumerId id);
  void token_requested(model::ConsumerId id);
  void tokens_returned(model::ConsumerId id, std::uint32_t count);
  /// @return false if that reply consumer is gone.
  bool deliver_reply(const ReplyAddress& address, const model::MessagePtr& message);
  /// Writes the acks and nacks of confirm mode that have come together.
  void send_confirms();

  /// Closes the channel if a delivery has waited for its ack for too long.
  /// @return when to look again (steady clock), or Connection::never_ms
  std::int64_t check_delivery_timeouts(std::int64_t now_ms);

  [[nodiscard]] std::uint16_t number() const { return number_; }

  [[nodiscard]] std::uint32_t serial() const { return serial_; }

  [[nodiscard]] const model::MessageCounters& counters() const { return counters_; }

  [[nodiscard]] model::ChannelRow row() const;
  void append_rows(std::vector<model::ConsumerRow>& rows) const;

 private:
  enum class Mode { plain, confirm, transaction };

  // ---- channel.cc
  void handle_method(std::string_view payload);
  void handle_closing(const amqp::Frame& frame);
  template <typename Method>
  void run(void (Channel::*handler)(const Method&), std::string_view payload);
  void handle_channel_close(const amqp::ChannelClose& method);
  void handle_channel_flow(const amqp::ChannelFlow& method);
  void handle_channel_open(const amqp::ChannelOpen& method);
  void handle_access_request(const amqp::AccessRequest& method);
  void refuse_unknown_method(std::string_view payload);

  template <typename Method>
  [[nodiscard]] std::string frame_of(const Method& method) const;

  /// Closes the channel, or for a hard code the connection, on account of the method being handled.
  void fail(amqp::ReplyCode code, std::string_view text);

  void fail(const model::ProtocolError& error) { fail(error.code, error.text); }

  /// The same on account of a method that was waiting.
  void fail(const PendingMethod& pending, const model::ProtocolError& error);
  void fail(amqp::ReplyCode code, std::string_view text, amqp::MethodId method);

  template <typename Method>
  void send(const Method& method) {
    connection_.send(number_, method);
  }

  /// The -ok once the topology's log is committed up to the ticket; nothing for no-wait.
  template <typename Method>
  void send_when_committed(model::TopologyTicket ticket, bool no_wait, const Method& method);
  void reply_when_committed(model::TopologyTicket ticket, std::string reply);
  [[nodiscard]] PendingMethod new_pending(PendingMethod::Kind kind) const;
  [[nodiscard]] model::RequestId request(const PendingMethod& pending) const;

  [[nodiscard]] const model::Access& access() const { return connection_.access(); }

  [[nodiscard]] ShardConnections& host() const { return connection_.host(); }

  [[nodiscard]] model::ChannelRef reference() const { return {connection_.id(), number_, serial_}; }

  /// The queue's name, or for an empty one the last declared here. Nothing: it has failed.
  [[nodiscard]] std::optional<std::string> queue_name(std::string_view name);
  /// The queue of that name (see queue_name) for a method that needs a permission for it. Null: it
  /// has failed.
  [[nodiscard]] std::shared_ptr<model::QueueRecord> usable_queue(std::string_view given,
                                                                 model::Permission permission);

  // ---- exchange_methods.cc
  void handle_exchange_declare(const amqp::ExchangeDeclare& method);
  void handle_exchange_delete(const amqp::ExchangeDelete& method);
  void handle_exchange_bind(const amqp::ExchangeBind& method);
  void handle_exchange_unbind(const amqp::ExchangeUnbind& method);

  // ---- queue_methods.cc
  void handle_queue_declare(const amqp::QueueDeclare& method);
  void declare_reply_queue(const amqp::QueueDeclare& method, const std::string& name);
  void handle_queue_bind(const amqp::QueueBind& method);
  void handle_queue_unbind(const amqp::QueueUnbind& method);
  void handle_queue_purge(const amqp::QueuePurge& method);
  void handle_queue_delete(const amqp::QueueDelete& method);
  void finish_declare(PendingMethod& pending);
  void finish_delete(PendingMethod& pending);
  [[nodiscard]] std::optional<model::BindingDescription> queue_binding(
      std::string_view queue, std::string_view exchange, std::string_view routing_key,
      amqp::FieldTableView arguments);

  // ---- basic_publish.cc
  void handle_publish(std::string_view payload);
  void begin_message();
  bool check_publish(std::string_view exchange, std::string_view routing_key,
                     const amqp::PropertyScan& properties);
  bool find_target(std::string_view exchange);
  bool check_properties(const amqp::PropertyScan& properties);
  void finish_message();
  const model::Route& route(const model::Message& message);
  void handle_unrouted(const std::vector<std::shared_ptr<model::QueueRecord>>& queues,
                       const model::MessagePtr& message,
                       const std::vector<ReplyAddress>& requesters, bool mandatory);
  void publish_to(const std::vector<std::shared_ptr<model::QueueRecord>>& queues,
                  model::MessagePtr message, const PublishExtras& extras, bool mandatory);
  void mark_confirms();
  bool send_reply(const ReplyAddress& requester, const model::MessagePtr& message);
  void hold_publish(const model::Route& route, boost::intrusive_ptr<model::Message> message,
                    PublishExtras extras);
  [[nodiscard]] std::vector<ReplyAddress> requesters_of(const model::Message& message) const;
  [[nodiscard]] model::MessagePtr delayed_copy(const model::Route& route,
                                               const model::Message& message) const;
  void return_message(const model::MessagePtr& message);

  // ---- tracing.cc
  void trace_publish(const model::Message& message, const model::Route& route);
  void trace_delivery(const model::Message& message, const model::QueueRecord& queue,
                      bool redelivered);
  void trace(const model::Message& message, amqp::FieldTableView own_headers,
             std::string_view event, std::string_view subject, amqp::FieldTable headers);

  // ---- basic_consume.cc
  void handle_qos(const amqp::BasicQos& method);
  void handle_consume(const amqp::BasicConsume& method);
  void consume_replies(const amqp::BasicConsume& method, std::string tag);
  [[nodiscard]] std::optional<std::int32_t> check_consumer_arguments(
      const model::QueueRecord& queue, amqp::FieldTableView arguments);
  void handle_cancel(const amqp::BasicCancel& method);
  void handle_get(const amqp::BasicGet& method);
  void remove_consumer(model::ConsumerId id);
  void remove_reply_consumer();
  void grant_tokens();
  DeliverySource& get_source(const std::shared_ptr<model::QueueRecord>& queue);
  void send_delivery(const ChannelConsumer& consumer, const model::Deliver& delivery,
                     std::uint64_t tag);

  // ---- basic_settle.cc
  void handle_ack(const amqp::BasicAck& method);
  void handle_nack(const amqp::BasicNack& method);
  void handle_reject(const amqp::BasicReject& method);
  void handle_recover(const amqp::BasicRecover& method);
  void handle_recover_async(const amqp::BasicRecoverAsync& method);
  void recover(bool requeue, bool with_answer);
  void settle(std::uint64_t tag, bool multiple, model::Settlement settlement);
  void settle_one(const UnackedDelivery& delivery, model::Settlement settlement);
  void settle_all(const std::vector<UnackedDelivery>& deliveries, model::Settlement settlement);
  /// One settlement for each source, with its owner; they count as settled here.
  [[nodiscard]] std::vector<std::pair<model::ShardIndex, model::Settle>> settlements_by_source(
      const std::vector<UnackedDelivery>& deliveries, model::Settlement settlement);
  /// Ends all consumers and gives back everything that is unacked.
  void leave_queues(Departure& departure);
  /// So many deliveries of the source are settled; may free it.
  void drop_outstanding(DeliverySource* source, std::size_t count);
  void end_source(DeliverySource* source);

  // ---- delivery_timeouts.cc
  void set_ack_timeout(DeliverySource& source);
  void follow_policies();

  // ---- confirm_methods.cc, tx_methods.cc
  void handle_confirm_select(const amqp::ConfirmSelect& method);
  void handle_tx_select(const amqp::TxSelect& method);
  void handle_tx_commit(const amqp::TxCommit& method);
  void handle_tx_rollback(const amqp::TxRollback& method);
  bool check_transactional();
  bool charge_transaction(std::size_t bytes);
  void add_publish(HeldPublish&& held, model::SubmitGroup& group);
  void finish_commit_if_answered();

  Connection& connection_;
  const std::uint16_t number_;
  const std::uint32_t serial_;
  bool closing_ = false;  ///< channel.close was sent
  bool released_ = false;
  bool finished_ = false;
  Mode mode_ = Mode::plain;
  amqp::MethodId current_;  ///< the method being handled
  std::string last_queue_;  ///< declared last

  // The publish under way: from basic.publish to the end of its body.
  amqp::ContentAssembler content_;
  std::string publish_names_;  ///< exchange and routing key
  std::uint8_t publish_exchange_bytes_ = 0;
  bool publish_mandatory_ = false;
  bool publish_by_headers_ = false;       ///< extra keys: the route depends on the headers
  std::string publish_original_headers_;  ///< with BCC, if the message's own are without
  std::uint64_t incomplete_bytes_ = 0;    ///< what incoming_ is charged with
  boost::intrusive_ptr<model::Message> incoming_;

  // The exchange of the last publish, so that the next need not look for it.
  std::shared_ptr<model::Exchange> target_;
  std::uint64_t target_version_ = 0;

  Confirms confirms_;
  bool confirms_marked_ = false;
  std::unique_ptr<Transaction> transaction_;
  /// Settlements of the commit that waits for its answer.
  std::vector<model::Settle> committing_;

  Unacked unacked_;
  std::int64_t shortest_ack_timeout_ms_ = no_ack_timeout_ms;  ///< of all sources so far
  std::uint64_t ack_timeouts_version_ = 0;  ///< of the policies that the sources' timeouts follow
  std::uint64_t last_delivery_tag_ = 0;
  ChannelPrefetch prefetch_;
  std::uint16_t consumer_prefetch_ = 0;
  boost::unordered_flat_map<model::ConsumerId, std::unique_ptr<ChannelConsumer>> consumers_;
  model::StringMap<model::ConsumerId> consumer_tags_;
  ChannelConsumer* last_consumer_ = nullptr;  ///< delivered to last
  boost::unordered_flat_map<model::QueueId, DeliverySource*> get_sources_;
  std::unique_ptr<ReplyConsumer> reply_consumer_;

  model::MessageCounters counters_;
  std::int64_t last_used_ms_ = 0;
};

template <typename Method>
void Channel::send_when_committed(model::TopologyTicket ticket, bool no_wait,
                                  const Method& method) {
  if (no_wait) {
    return;
  }
  reply_when_committed(ticket, frame_of(method));
}

template <typename Method>
std::string Channel::frame_of(const Method& method) const {
  std::string frame;
  amqp::append_method_frame(frame, amqp::ChannelNumber{number_}, method);
  return frame;
}

}  // namespace lepus::connection
