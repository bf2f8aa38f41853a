#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// basic.qos (60,10). Limits what may be unacknowledged; prefetch_count 0 is no limit.
struct BasicQos {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "basic.qos";
  static constexpr bool has_content = false;

  std::uint32_t prefetch_size = 0;
  std::uint16_t prefetch_count = 0;
  bool global = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("prefetch-size", self.prefetch_size);
    visit("prefetch-count", self.prefetch_count);
    visit("global", self.global);
  }

  friend bool operator==(const BasicQos&, const BasicQos&) = default;
};

/// basic.qos-ok (60,11). The limit holds.
struct BasicQosOk {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "basic.qos-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const BasicQosOk&, const BasicQosOk&) = default;
};

/// basic.consume (60,20). Starts a consumer.
struct BasicConsume {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "basic.consume";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  std::string_view consumer_tag;
  bool no_local = false;
  bool no_ack = false;
  bool exclusive = false;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("consumer-tag", self.consumer_tag);
    visit("no-local", self.no_local);
    visit("no-ack", self.no_ack);
    visit("exclusive", self.exclusive);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const BasicConsume&, const BasicConsume&) = default;
};

/// basic.consume-ok (60,21). The consumer runs under this tag.
struct BasicConsumeOk {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "basic.consume-ok";
  static constexpr bool has_content = false;

  std::string_view consumer_tag;

  static void visit_fields(auto& self, auto&& visit) { visit("consumer-tag", self.consumer_tag); }

  friend bool operator==(const BasicConsumeOk&, const BasicConsumeOk&) = default;
};

/// basic.cancel (60,30). Ends a consumer; RabbitMQ also sends it to the client.
struct BasicCancel {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 30;
  static constexpr std::string_view name = "basic.cancel";
  static constexpr bool has_content = false;

  std::string_view consumer_tag;
  bool no_wait = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("consumer-tag", self.consumer_tag);
    visit("no-wait", self.no_wait);
  }

  friend bool operator==(const BasicCancel&, const BasicCancel&) = default;
};

/// basic.cancel-ok (60,31). No delivery follows.
struct BasicCancelOk {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 31;
  static constexpr std::string_view name = "basic.cancel-ok";
  static constexpr bool has_content = false;

  std::string_view consumer_tag;

  static void visit_fields(auto& self, auto&& visit) { visit("consumer-tag", self.consumer_tag); }

  friend bool operator==(const BasicCancelOk&, const BasicCancelOk&) = default;
};

/// basic.publish (60,40). Publishes a message.
struct BasicPublish {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 40;
  static constexpr std::string_view name = "basic.publish";
  static constexpr bool has_content = true;

  std::uint16_t reserved_1 = 0;
  std::string_view exchange;
  std::string_view routing_key;
  bool mandatory = false;
  bool immediate = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
    visit("mandatory", self.mandatory);
    visit("immediate", self.immediate);
  }

  friend bool operator==(const BasicPublish&, const BasicPublish&) = default;
};

/// basic.return (60,50). A mandatory message that could not be routed.
struct BasicReturn {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 50;
  static constexpr std::string_view name = "basic.return";
  static constexpr bool has_content = true;

  std::uint16_t reply_code = 0;
  std::string_view reply_text;
  std::string_view exchange;
  std::string_view routing_key;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reply-code", self.reply_code);
    visit("reply-text", self.reply_text);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
  }

  friend bool operator==(const BasicReturn&, const BasicReturn&) = default;
};

/// basic.deliver (60,60). A message for a consumer.
struct BasicDeliver {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 60;
  static constexpr std::string_view name = "basic.deliver";
  static constexpr bool has_content = true;

  std::string_view consumer_tag;
  DeliveryTag delivery_tag;
  bool redelivered = false;
  std::string_view exchange;
  std::string_view routing_key;

  static void visit_fields(auto& self, auto&& visit) {
    visit("consumer-tag", self.consumer_tag);
    visit("delivery-tag", self.delivery_tag);
    visit("redelivered", self.redelivered);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
  }

  friend bool operator==(const BasicDeliver&, const BasicDeliver&) = default;
};

/// basic.get (60,70). Asks for one message.
struct BasicGet {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 70;
  static constexpr std::string_view name = "basic.get";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  bool no_ack = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("no-ack", self.no_ack);
  }

  friend bool operator==(const BasicGet&, const BasicGet&) = default;
};

/// basic.get-ok (60,71). The message; message_count is of the ready messages left.
struct BasicGetOk {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 71;
  static constexpr std::string_view name = "basic.get-ok";
  static constexpr bool has_content = true;

  DeliveryTag delivery_tag;
  bool redelivered = false;
  std::string_view exchange;
  std::string_view routing_key;
  std::uint32_t message_count = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("delivery-tag", self.delivery_tag);
    visit("redelivered", self.redelivered);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
    visit("message-count", self.message_count);
  }

  friend bool operator==(const BasicGetOk&, const BasicGetOk&) = default;
};

/// basic.get-empty (60,72). The queue has no ready message.
struct BasicGetEmpty {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 72;
  static constexpr std::string_view name = "basic.get-empty";
  static constexpr bool has_content = false;

  std::string_view cluster_id;

  static void visit_fields(auto& self, auto&& visit) { visit("cluster-id", self.cluster_id); }

  friend bool operator==(const BasicGetEmpty&, const BasicGetEmpty&) = default;
};

/// basic.ack (60,80). Settles deliveries, or confirms publishes.
struct BasicAck {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 80;
  static constexpr std::string_view name = "basic.ack";
  static constexpr bool has_content = false;

  DeliveryTag delivery_tag;
  bool multiple = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("delivery-tag", self.delivery_tag);
    visit("multiple", self.multiple);
  }

  friend bool operator==(const BasicAck&, const BasicAck&) = default;
};

/// basic.reject (60,90). Refuses one delivery.
struct BasicReject {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 90;
  static constexpr std::string_view name = "basic.reject";
  static constexpr bool has_content = false;

  DeliveryTag delivery_tag;
  bool requeue = true;

  static void visit_fields(auto& self, auto&& visit) {
    visit("delivery-tag", self.delivery_tag);
    visit("requeue", self.requeue);
  }

  friend bool operator==(const BasicReject&, const BasicReject&) = default;
};

/// basic.recover-async (60,100). As recover, without a reply.
struct BasicRecoverAsync {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 100;
  static constexpr std::string_view name = "basic.recover-async";
  static constexpr bool has_content = false;

  bool requeue = false;

  static void visit_fields(auto& self, auto&& visit) { visit("requeue", self.requeue); }

  friend bool operator==(const BasicRecoverAsync&, const BasicRecoverAsync&) = default;
};

/// basic.recover (60,110). Returns all unacknowledged messages of the channel.
struct BasicRecover {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 110;
  static constexpr std::string_view name = "basic.recover";
  static constexpr bool has_content = false;

  bool requeue = false;

  static void visit_fields(auto& self, auto&& visit) { visit("requeue", self.requeue); }

  friend bool operator==(const BasicRecover&, const BasicRecover&) = default;
};

/// basic.recover-ok (60,111). They are back.
struct BasicRecoverOk {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 111;
  static constexpr std::string_view name = "basic.recover-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const BasicRecoverOk&, const BasicRecoverOk&) = default;
};

/// basic.nack (60,120). RabbitMQ: refuses deliveries, or publishes that could not be confirmed.
struct BasicNack {
  static constexpr std::uint16_t class_id = basic_class_id;
  static constexpr std::uint16_t method_id = 120;
  static constexpr std::string_view name = "basic.nack";
  static constexpr bool has_content = false;

  DeliveryTag delivery_tag;
  bool multiple = false;
  bool requeue = true;

  static void visit_fields(auto& self, auto&& visit) {
    visit("delivery-tag", self.delivery_tag);
    visit("multiple", self.multiple);
    visit("requeue", self.requeue);
  }

  friend bool operator==(const BasicNack&, const BasicNack&) = default;
};

}  // namespace lepus::amqp
