#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "broker/model/ids.h"
#include "broker/model/queue_record.h"

namespace lepus::connection {

/// A synchronous method that waits for a queue's owner or for the topology's log. While there is
/// one the connection is not read, so a connection has at most one.
struct PendingMethod {
  enum class Kind {
    reply,          ///< `reply` is sent when the topology's log is committed
    declare_queue,  ///< waits for the log (if it must) and for the counts
    delete_queue,
    purge_queue,
    consume,
    cancel,
    get,
    commit,     ///< tx.commit: until every queue has answered for the publishes
    departure,  ///< `reply` is sent when no queue's owner has to answer for a departure any more
  };

  Kind kind = Kind::reply;
  std::uint64_t serial = 0;
  std::uint16_t channel = 0;
  std::uint16_t class_id = 0;  ///< of the method, for errors
  std::uint16_t method_id = 0;
  bool no_wait = false;
  bool no_ack = false;
  bool awaits_log = false;
  bool awaits_answer = false;  ///< counts, a message, …
  std::string reply;           ///< a whole frame; empty with no-wait
  std::string tag;             ///< of the consumer
  model::ConsumerId consumer = model::ConsumerId::none;
  std::shared_ptr<model::QueueRecord> queue;
  std::uint64_t message_count = 0;
  std::uint32_t consumer_count = 0;
  /// Consumers of this channel that the queue ended meanwhile: told after delete-ok.
  std::vector<std::string> cancelled_tags;
};

}  // namespace lepus::connection
