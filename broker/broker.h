#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/broker_access_impl.h"
#include "broker/configuration.h"
#include "broker/configuration_limits.h"
#include "broker/connection/connection_settings.h"
#include "broker/model/connection_counts.h"
#include "broker/model/reply_consumers.h"
#include "broker/model/topology.h"
#include "broker/resource_monitor.h"
#include "broker/transport/listener.h"
#include "broker/transport/mailboxes.h"
#include "broker/transport/shard_thread.h"
#include "broker/transport/system_clock.h"
#include "management/server.h"
#include "storage/store.h"

namespace lepus {

/// The whole broker, wired: store, topology, shards, listeners, in this order, and stopped in the
/// reverse one. Used by one thread.
class Broker final : public model::TopologyListener {
 public:
  Broker(Configuration configuration, boost::asio::io_context& context);
  /// Stops if it runs.
  ~Broker() override;
  Broker(const Broker&) = delete;
  Broker& operator=(const Broker&) = delete;

  /// Opens the store, loads what is in it, and listens. When it returns clients are served. The
  /// error is one line for the operator; then nothing runs.
  Result<void> start();

  /// "ready amqp=127.0.0.1:5672 management=127.0.0.1:15672", with what was really bound; `off` for
  /// what is not offered.
  [[nodiscard]] std::string ready_line() const;

  /// Says goodbye to all connections, commits what waits and closes the store; takes at most about
  /// 4 s.
  void stop();

  /// Called by the store.
  void topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) override;

 private:
  Result<void> open_store();
  Result<void> load_definitions();
  /// The first start makes the global parameter `internal_cluster_id`, as RabbitMQ's does.
  void identify_cluster();
  Result<void> load();
  [[nodiscard]] BrokerAccessEnvironment access_environment();
  /// Makes the management server, and starts it unless it isn't wanted.
  Result<void> open_management();
  Result<void> open_listeners();
  Result<void> open_listener(const Listener& wanted, bool is_tls);
  void set_alarms(bool memory, bool disk);
  void close_listeners();
  /// @return whether all of them are gone, with what their end sets off
  bool close_connections();
  /// @return whether nothing is left that a shard still has to commit
  bool commit_what_waits();
  /// Runs the task on every shard at once; @return whether all had run it in time.
  bool on_all_shards(const std::function<void(transport::ShardThread&)>& task,
                     std::chrono::milliseconds limit);

  boost::asio::io_context& context_;
  const Configuration configuration_;
  const DescriptorShares descriptors_;
  const transport::SystemClock clock_;
  connection::ConnectionSettings connection_settings_;
  model::ReplyConsumers reply_consumers_;
  model::ConnectionCounts connection_counts_;
  std::unique_ptr<storage::Store> store_;
  std::unique_ptr<storage::CutGate> cut_gate_;
  bool recovered_ = false;  ///< what was in the store is loaded
  std::unique_ptr<model::Topology> topology_;
  std::unique_ptr<transport::MailExchange> mail_;
  std::vector<std::unique_ptr<transport::ShardThread>> shards_;
  std::vector<std::unique_ptr<transport::Listener>> listeners_;
  ResourceMonitor resources_;
  std::shared_ptr<int> alive_ = std::make_shared<int>();  ///< for what is posted by the store
  std::unique_ptr<BrokerAccessImpl> access_;
  std::unique_ptr<management::Server> management_;
};

}  // namespace lepus
