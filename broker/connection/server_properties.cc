#include "broker/connection/server_properties.h"

#include "amqp/field_table.h"

namespace lepus::connection {

std::string encode_server_properties(const ConnectionSettings& settings) {
  const amqp::FieldTable capabilities{
      {"publisher_confirms", true},
      {"exchange_exchange_bindings", true},
      {"basic.nack", true},
      {"consumer_cancel_notify", true},
      {"connection.blocked", true},
      {"consumer_priorities", true},
      {"authentication_failure_close", true},
      {"per_consumer_qos", true},
      {"direct_reply_to", true},
  };
  const amqp::FieldTable properties{
      {"capabilities", capabilities},
      {"cluster_name", settings.cluster_name},
      {"copyright", "Copyright (c) the Lepus contributors"},
      {"information", "Lepus, a message broker compatible with RabbitMQ"},
      {"platform", "C++20"},
      {"product", presented_product},
      {"version", presented_version},
      {"compatibility_version", presented_version},
      {"lepus_version", settings.lepus_version},
  };
  return properties.encode();
}

}  // namespace lepus::connection
