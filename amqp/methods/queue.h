#pragma once

#include <cstdint>
#include <string_view>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// queue.declare (50,10). Creates a queue, or checks that one is as described.
struct QueueDeclare {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 10;
  static constexpr std::string_view name = "queue.declare";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  bool passive = false;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("passive", self.passive);
    visit("durable", self.durable);
    visit("exclusive", self.exclusive);
    visit("auto-delete", self.auto_delete);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const QueueDeclare&, const QueueDeclare&) = default;
};

/// queue.declare-ok (50,11). The queue exists; message_count is of ready messages.
struct QueueDeclareOk {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 11;
  static constexpr std::string_view name = "queue.declare-ok";
  static constexpr bool has_content = false;

  std::string_view queue;
  std::uint32_t message_count = 0;
  std::uint32_t consumer_count = 0;

  static void visit_fields(auto& self, auto&& visit) {
    visit("queue", self.queue);
    visit("message-count", self.message_count);
    visit("consumer-count", self.consumer_count);
  }

  friend bool operator==(const QueueDeclareOk&, const QueueDeclareOk&) = default;
};

/// queue.bind (50,20). Binds a queue to an exchange.
struct QueueBind {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 20;
  static constexpr std::string_view name = "queue.bind";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  std::string_view exchange;
  std::string_view routing_key;
  bool no_wait = false;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
    visit("no-wait", self.no_wait);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const QueueBind&, const QueueBind&) = default;
};

/// queue.bind-ok (50,21). The binding exists.
struct QueueBindOk {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 21;
  static constexpr std::string_view name = "queue.bind-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const QueueBindOk&, const QueueBindOk&) = default;
};

/// queue.purge (50,30). Drops the ready messages of a queue.
struct QueuePurge {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 30;
  static constexpr std::string_view name = "queue.purge";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  bool no_wait = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("no-wait", self.no_wait);
  }

  friend bool operator==(const QueuePurge&, const QueuePurge&) = default;
};

/// queue.purge-ok (50,31). So many messages were dropped.
struct QueuePurgeOk {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 31;
  static constexpr std::string_view name = "queue.purge-ok";
  static constexpr bool has_content = false;

  std::uint32_t message_count = 0;

  static void visit_fields(auto& self, auto&& visit) { visit("message-count", self.message_count); }

  friend bool operator==(const QueuePurgeOk&, const QueuePurgeOk&) = default;
};

/// queue.delete (50,40). Deletes a queue.
struct QueueDelete {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 40;
  static constexpr std::string_view name = "queue.delete";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  bool if_unused = false;
  bool if_empty = false;
  bool no_wait = false;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("if-unused", self.if_unused);
    visit("if-empty", self.if_empty);
    visit("no-wait", self.no_wait);
  }

  friend bool operator==(const QueueDelete&, const QueueDelete&) = default;
};

/// queue.delete-ok (50,41). The queue is gone, and so many ready messages with it.
struct QueueDeleteOk {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 41;
  static constexpr std::string_view name = "queue.delete-ok";
  static constexpr bool has_content = false;

  std::uint32_t message_count = 0;

  static void visit_fields(auto& self, auto&& visit) { visit("message-count", self.message_count); }

  friend bool operator==(const QueueDeleteOk&, const QueueDeleteOk&) = default;
};

/// queue.unbind (50,50). Removes a binding.
struct QueueUnbind {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 50;
  static constexpr std::string_view name = "queue.unbind";
  static constexpr bool has_content = false;

  std::uint16_t reserved_1 = 0;
  std::string_view queue;
  std::string_view exchange;
  std::string_view routing_key;
  FieldTableView arguments;

  static void visit_fields(auto& self, auto&& visit) {
    visit("reserved-1", self.reserved_1);
    visit("queue", self.queue);
    visit("exchange", self.exchange);
    visit("routing-key", self.routing_key);
    visit("arguments", self.arguments);
  }

  friend bool operator==(const QueueUnbind&, const QueueUnbind&) = default;
};

/// queue.unbind-ok (50,51). The binding is gone.
struct QueueUnbindOk {
  static constexpr std::uint16_t class_id = queue_class_id;
  static constexpr std::uint16_t method_id = 51;
  static constexpr std::string_view name = "queue.unbind-ok";
  static constexpr bool has_content = false;

  static void visit_fields(auto& /*self*/, auto&& /*visit*/) {}

  friend bool operator==(const QueueUnbindOk&, const QueueUnbindOk&) = default;
};

}  // namespace lepus::amqp
