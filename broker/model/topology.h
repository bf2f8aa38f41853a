#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/field_table.h"
#include "broker/base/clock.h"
#include "broker/model/access.h"
#include "broker/model/exchange.h"
#include "broker/model/ids.h"
#include "broker/model/protocol_error.h"
#include "broker/model/queue_record.h"
#include "storage/store.h"

namespace lepus::model {

/// What must be committed before a change of the topology is answered; 0: nothing.
using TopologyTicket = storage::BatchNumber;

struct ExchangeDeclaration {
  std::string name;
  std::string type;
  bool passive = false;
  bool durable = false;
  bool auto_delete = false;
  bool internal = false;
  amqp::FieldTable arguments;
};

struct QueueDeclaration {
  std::string name;  ///< empty: the server makes one
  bool passive = false;
  bool durable = false;
  bool exclusive = false;
  bool auto_delete = false;
  amqp::FieldTable arguments;
  ConnectionId connection = ConnectionId::none;  ///< who asks: exclusive owner, lock check
  ShardIndex shard = 0;                          ///< its shard: server-named and exclusive queues stay there
};

struct DeclaredQueue {
  std::shared_ptr<QueueRecord> queue;
  bool created = false;
  TopologyTicket ticket = 0;
};

enum class BindingDestination { queue, exchange };

/// A binding as clients and management name it.
struct BindingDescription {
  std::string source;
  BindingDestination destination_type = BindingDestination::queue;
  std::string destination;
  std::string routing_key;
  amqp::FieldTable arguments;
};

/// Where a message goes. `exchange` is null when it doesn't exist.
struct Route {
  std::shared_ptr<Exchange> exchange;
  std::vector<std::shared_ptr<QueueRecord>> queues;  ///< each once
  bool cacheable = false;  ///< depends on exchange and routing key alone (headers exchanges do not)
};

struct TopologyOptions {
  std::uint32_t shards = 1;
  std::string default_user = "guest";
  std::string default_password = "guest";
  std::string default_vhost = "/";
  std::vector<std::string> default_user_tags = {"administrator"};
};

/// Who hears that the topology's log was committed. Called on a thread of the store's; must only hand over.
class TopologyListener {
 public:
  virtual ~TopologyListener() = default;
  virtual void topology_committed(TopologyTicket up_to, storage::Outcome outcome) = 0;
};

/// Vhosts, exchanges, bindings, the directory of queues, users and permissions: shared by all shards. Changes are rare and
/// serialised by a writer lock; look-ups take a reader lock. Every durable change is appended to the topology's log before
/// the lock is left, so that the log has the order of the changes. All checks of one method are made in one place and in
/// RabbitMQ's order; the texts are RabbitMQ's.
class Topology {
 public:
  Topology(storage::Store& store, const Clock& clock, TopologyOptions options);
  ~Topology();
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  /// Loads what the store recovered; on a fresh store makes the default vhost and user. Once, before any other call.
  Result<void> load(const storage::Recovered& recovered);
  void set_listener(TopologyListener* listener);

  // ---- exchanges --------------------------------------------------------------------------------------------
  Checked<TopologyTicket> declare_exchange(const Access& access, const ExchangeDeclaration& declaration);
  Checked<TopologyTicket> delete_exchange(const Access& access, std::string_view name, bool if_unused);

  // ---- queues -----------------------------------------------------------------------------------------------
  /// The whole of queue.declare but the counts: checks, the name, equivalence, and for a new queue its record.
  Checked<DeclaredQueue> declare_queue(const Access& access, const QueueDeclaration& declaration);
  /// A queue by name with the check of its exclusive lock (405) or 404; for consume, get, purge, delete, bind.
  Checked<std::shared_ptr<QueueRecord>> usable_queue(std::string_view vhost, std::string_view name,
                                                     ConnectionId connection) const;
  [[nodiscard]] std::shared_ptr<QueueRecord> find_queue(std::string_view vhost, std::string_view name) const;
  [[nodiscard]] std::shared_ptr<QueueRecord> find_queue(QueueId id) const;
  /// Removes the queue and its bindings (and auto-delete exchanges that lose their last one). Called by the owning shard's
  /// thread only, which has decided that the queue goes. Marks the record as deleted.
  TopologyTicket remove_queue(const QueueRecord& queue);

  // ---- bindings ---------------------------------------------------------------------------------------------
  Checked<TopologyTicket> bind(const Access& access, const BindingDescription& binding, ConnectionId connection);
  Checked<TopologyTicket> unbind(const Access& access, const BindingDescription& binding, ConnectionId connection);

  // ---- routing ----------------------------------------------------------------------------------------------
  [[nodiscard]] std::shared_ptr<Exchange> find_exchange(std::string_view vhost, std::string_view name) const;
  /// All queues that a message goes to: bindings, exchange-to-exchange, alternate exchanges, CC and BCC keys.
  /// @param headers  the headers property's table bytes, empty if there are none
  [[nodiscard]] Route route(std::string_view vhost, std::string_view exchange, std::string_view routing_key,
                            std::string_view headers) const;

  // ---- users and vhosts -------------------------------------------------------------------------------------
  // Declared in users.h and vhosts.h terms; see there. (Filled in by the owner of this file.)

  /// Up to where the topology's log is committed.
  [[nodiscard]] TopologyTicket committed() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lepus::model
