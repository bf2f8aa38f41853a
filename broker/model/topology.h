#pragma once

#include <atomic>
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
#include "broker/model/binding.h"
#include "broker/model/exchange.h"
#include "broker/model/ids.h"
#include "broker/model/policy.h"
#include "broker/model/protocol_error.h"
#include "broker/model/queue_record.h"
#include "broker/model/user.h"
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
  ShardIndex shard = 0;  ///< its shard: server-named and exclusive queues stay there
};

struct DeclaredQueue {
  std::shared_ptr<QueueRecord> queue;
  bool created = false;
  TopologyTicket ticket = 0;
  bool expires = false;  ///< a new queue that ends when it is not used
};

/// A queue with what its arguments and policies say.
struct QueueWithSettings {
  std::shared_ptr<QueueRecord> queue;
  std::shared_ptr<const QueueSettings> settings;
};

/// A vhost as management sees it.
struct VhostDescription {
  std::string name;
  std::string description;
  std::vector<std::string> tags;
  std::string default_queue_type;  ///< empty: classic
  std::optional<std::int64_t> max_connections;
  std::optional<std::int64_t> max_queues;
  /// Copies of what is published and delivered go to amq.rabbitmq.trace. Off after a restart.
  bool tracing = false;
};

/// A runtime parameter (cluster name, …): kept under its name, not looked into here.
struct RuntimeParameter {
  std::string component;
  std::string vhost;  ///< empty: global
  std::string name;
  std::string value;  ///< any bytes, JSON by custom
};

/// What a vhost's deletion leaves to its caller.
struct DeletedVhost {
  TopologyTicket ticket = 0;
  /// Still to be dropped by their owners (Topology::remove_queue); nothing finds them any more.
  std::vector<std::shared_ptr<QueueRecord>> queues;
};

/// Where a message goes. `exchange` is null when it doesn't exist.
struct Route {
  std::shared_ptr<Exchange> exchange;
  std::vector<std::shared_ptr<QueueRecord>> queues;  ///< each once
  bool cacheable = false;                            ///< depends on exchange and routing key alone
  /// There are no queues because an exchange on the way asks for more than the routing key, and no
  /// properties were given.
  bool needs_properties = false;
  std::uint64_t version = 0;  ///< the exchange's when this was found
};

struct TopologyOptions {
  std::uint32_t shards = 1;
  std::string default_user = "guest";
  std::string default_password = "guest";
  std::string default_vhost = "/";
  std::vector<std::string> default_user_tags = {"administrator"};
  /// Of the default user in the default vhost: regular expressions.
  std::string default_configure = ".*";
  std::string default_write = ".*";
  std::string default_read = ".*";
  /// Whether a fresh node gets the default vhost and user; not when definitions will bring others.
  bool makes_defaults = true;
  /// Of vhosts that name none.
  std::string default_queue_type = "classic";
  /// No more are made than these; nothing: as many as are asked for.
  std::optional<std::size_t> vhost_max;
  /// Users who may log in over the loopback interface only.
  std::vector<std::string> loopback_users = {"guest"};
  /// Fills with random bytes, for names of the server's making; empty: the system's source.
  std::function<void(std::span<unsigned char>)> random_bytes;
};

/// Who hears that the topology's log was committed. Called on a thread of the store's; must only
/// hand over.
class TopologyListener {
 public:
  virtual ~TopologyListener() = default;
  virtual void topology_committed(TopologyTicket up_to, storage::Outcome outcome) = 0;
};

/// Vhosts, exchanges, bindings, the directory of queues, users and permissions: shared by all
/// shards. Changes are rare and serialised by a writer lock; look-ups take a reader lock. Every
/// durable change is appended to the topology's log before the lock is left, so that the log has
/// the order of the changes. All checks of one method are made in one place and in RabbitMQ's
/// order; the texts are RabbitMQ's.
class Topology {
 public:
  Topology(storage::Store& store, const Clock& clock, TopologyOptions options);
  ~Topology();
  Topology(const Topology&) = delete;
  Topology& operator=(const Topology&) = delete;

  /// Loads what the store recovered; on a fresh store makes the default vhost and user. Once,
  /// before any other call.
  Result<void> load(const storage::Recovered& recovered);
  void set_listener(TopologyListener* listener);

  // ---- exchanges
  Checked<TopologyTicket> declare_exchange(const Access& access,
                                           const ExchangeDeclaration& declaration);
  Checked<TopologyTicket> delete_exchange(const Access& access, std::string_view name,
                                          bool if_unused);

  // ---- queues
  /// The whole of queue.declare but the counts: checks, the name, equivalence, and for a new queue
  /// its record.
  Checked<DeclaredQueue> declare_queue(const Access& access, const QueueDeclaration& declaration);
  /// A queue by name with the check of its exclusive lock (405) or 404; for consume, get, purge,
  /// delete, bind.
  Checked<std::shared_ptr<QueueRecord>> usable_queue(std::string_view vhost, std::string_view name,
                                                     ConnectionId connection) const;
  [[nodiscard]] std::shared_ptr<QueueRecord> find_queue(std::string_view vhost,
                                                        std::string_view name) const;
  [[nodiscard]] std::shared_ptr<QueueRecord> find_queue(QueueId id) const;
  /// Removes the queue and its bindings (and auto-delete exchanges that lose their last one).
  /// Called by the owning shard's thread only, which has decided that the queue goes, and which has
  /// its rows deleted. Marks the record as deleted. @return 0: nothing to wait for.
  TopologyTicket remove_queue(const QueueRecord& queue);

  // ---- bindings
  Checked<TopologyTicket> bind(const Access& access, const BindingDescription& binding,
                               ConnectionId connection);
  Checked<TopologyTicket> unbind(const Access& access, const BindingDescription& binding,
                                 ConnectionId connection);

  // ---- routing
  [[nodiscard]] std::shared_ptr<Exchange> find_exchange(std::string_view vhost,
                                                        std::string_view name) const;
  /// All queues that a message goes to: bindings, exchange-to-exchange, alternate exchanges, CC and
  /// BCC keys.
  /// @param properties  null: the routing key alone is known; see Route::needs_properties
  [[nodiscard]] Route route(std::string_view vhost, std::string_view exchange,
                            std::string_view routing_key,
                            const amqp::BasicProperties* properties) const;

  // ---- opening a connection
  /// The user, if name and password fit and the user may log in from there. The error is for the
  /// log.
  Result<User> authenticate(std::string_view user, std::string_view password,
                            bool from_loopback) const;
  /// The same for a user whom a verified certificate names.
  Result<User> authenticate_certified(std::string_view user, bool from_loopback) const;
  /// connection.open: 530 if there is no such vhost or the user has no permissions in it, or
  /// nothing.
  [[nodiscard]] std::optional<ProtocolError> check_vhost_access(std::string_view user,
                                                                std::string_view vhost) const;
  /// For one thread; not longer than the topology.
  [[nodiscard]] std::unique_ptr<Access> make_access(std::string_view user,
                                                    std::string_view vhost) const;

  // ---- users, vhosts and permissions, for management
  // ---------------------------------------------------------- Errors are the words of the
  // management API: no_such_user, vhost_or_user_not_found, invalid_regexp, …
  [[nodiscard]] std::vector<User> list_users() const;
  [[nodiscard]] std::optional<User> find_user(std::string_view name) const;
  Result<TopologyTicket> put_user(User user);
  Result<TopologyTicket> delete_user(std::string_view name);

  [[nodiscard]] std::vector<VhostDescription> list_vhosts() const;
  [[nodiscard]] std::optional<VhostDescription> find_vhost(std::string_view name) const;
  /// Whether the vhost's messages are traced now; any thread, for as long as it is kept.
  [[nodiscard]] std::shared_ptr<const std::atomic<bool>> tracing_of(std::string_view vhost) const;
  /// Makes the vhost with its predeclared exchanges, or changes what is described of it. Fails with
  /// the management API's text where there are enough of them.
  Result<TopologyTicket> put_vhost(VhostDescription vhost);
  /// Removes the vhost with everything in it; see DeletedVhost. Connections to it are the caller's
  /// to close.
  Result<DeletedVhost> delete_vhost(std::string_view name);

  [[nodiscard]] std::vector<UserPermissions> list_permissions() const;
  [[nodiscard]] std::optional<UserPermissions> find_permissions(std::string_view user,
                                                                std::string_view vhost) const;
  Result<TopologyTicket> put_permissions(const UserPermissions& permissions);
  Result<TopologyTicket> delete_permissions(std::string_view user, std::string_view vhost);

  [[nodiscard]] std::vector<TopicPermissions> list_topic_permissions() const;
  Result<TopologyTicket> put_topic_permissions(const TopicPermissions& permissions);
  /// @param exchange  empty: those of all exchanges
  Result<TopologyTicket> delete_topic_permissions(std::string_view user, std::string_view vhost,
                                                  std::string_view exchange);

  [[nodiscard]] std::vector<RuntimeParameter> list_parameters(std::string_view component) const;
  TopologyTicket put_parameter(RuntimeParameter parameter);
  /// 0 if there is none.
  TopologyTicket delete_parameter(std::string_view component, std::string_view vhost,
                                  std::string_view name);

  // ---- policies
  /// Makes or replaces the policy, which check_policy() has made. Queues and exchanges of the vhost
  /// follow it at once; queues' owners look at policies_version().
  Result<TopologyTicket> put_policy(PolicyDescription policy);
  /// 0 if there is none.
  TopologyTicket delete_policy(PolicyKind kind, std::string_view vhost, std::string_view name);
  [[nodiscard]] std::optional<PolicyDescription> find_policy(PolicyKind kind,
                                                             std::string_view vhost,
                                                             std::string_view name) const;
  /// By vhost, and there in the order in which they are tried.
  /// @param vhost  empty: all vhosts
  [[nodiscard]] std::vector<PolicyDescription> list_policies(PolicyKind kind,
                                                             std::string_view vhost) const;
  /// Rises whenever settings of queues may have changed. Any thread, without a lock.
  [[nodiscard]] std::uint64_t policies_version() const;
  /// What is in force for the queue now. The settings are the same object until they change.
  [[nodiscard]] std::shared_ptr<const QueueSettings> settings_of(
      const std::shared_ptr<QueueRecord>& queue) const;
  [[nodiscard]] std::vector<QueueWithSettings> list_settings(ShardIndex owner) const;
  [[nodiscard]] AppliedPolicies policies_of(const QueueRecord& queue) const;
  [[nodiscard]] std::shared_ptr<const Policy> policy_of(const Exchange& exchange) const;

  // ---- listings for management: snapshots, in no order
  /// @param vhost  empty: all vhosts. The default exchange is among them.
  [[nodiscard]] std::vector<std::shared_ptr<const Exchange>> list_exchanges(
      std::string_view vhost) const;
  [[nodiscard]] std::vector<std::shared_ptr<QueueRecord>> list_queues(std::string_view vhost) const;
  /// Of all delayed exchanges; none of these are among list_queues().
  [[nodiscard]] std::vector<std::shared_ptr<QueueRecord>> list_delay_queues() const;
  [[nodiscard]] std::size_t queue_count(std::string_view vhost) const;
  /// All bindings of a vhost with the implied ones of the default exchange.
  [[nodiscard]] std::vector<BindingDescription> list_bindings(std::string_view vhost) const;
  [[nodiscard]] std::vector<BindingDescription> list_bindings_from(std::string_view vhost,
                                                                   std::string_view exchange) const;
  [[nodiscard]] std::vector<BindingDescription> list_bindings_to(
      std::string_view vhost, BindingDestination destination_type,
      std::string_view destination) const;

  // ---- the log
  /// Up to where the topology's log is committed. Any thread, without a lock.
  [[nodiscard]] TopologyTicket committed() const;
  /// How the batch of this ticket ended, nothing while it is under way. `unknown` becomes
  /// `committed` when a later batch of the log is: the log has no gaps. Any thread.
  [[nodiscard]] std::optional<storage::Outcome> outcome_of(TopologyTicket ticket) const;
  /// Ids of progress records that belong to no queue, for Store::recovery_finished. After load().
  [[nodiscard]] std::vector<QueueId> orphans(const storage::Recovered& recovered) const;

 private:
  friend struct TopologyLoader;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace lepus::model
