#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <boost/asio/io_context.hpp>

#include "broker/model/broker_access.h"
#include "broker/resource_monitor.h"
#include "broker/transport/shard_thread.h"
#include "storage/store_operations.h"

namespace lepus {

/// What the broker lends to its BrokerAccess. All of it outlives the access.
struct BrokerAccessEnvironment {
  storage::StoreOperations* store = nullptr;
  model::Topology* topology = nullptr;
  const Clock* clock = nullptr;
  const model::ConnectionCounts* connection_counts = nullptr;
  /// The thread that ResourceMonitor lives on.
  boost::asio::io_context* context = nullptr;
  const ResourceMonitor* resources = nullptr;
  std::vector<transport::ShardThread*> shards;
  model::NodeDescription node;  ///< without listeners
};

/// Reaches the shards by tasks that are posted to their threads.
class BrokerAccessImpl final : public model::BrokerAccess {
 public:
  explicit BrokerAccessImpl(BrokerAccessEnvironment environment);

  /// One more port is served. Any thread.
  void add_listener(model::ListenerDescription listener);
  /// The store's answer, by Broker::topology_committed.
  void topology_committed();

  [[nodiscard]] model::Topology& topology() override { return *environment_.topology; }

  [[nodiscard]] const Clock& clock() const override { return *environment_.clock; }

  [[nodiscard]] model::NodeDescription node() const override;

  [[nodiscard]] const model::ConnectionCounts& connection_counts() const override {
    return *environment_.connection_counts;
  }

  void resources(Answer<model::NodeResources> answer) override;
  void queue_rows(std::vector<std::shared_ptr<model::QueueRecord>> queues,
                  Answer<std::vector<model::QueueRow>> answer) override;
  void connection_rows(Answer<std::vector<model::ConnectionRow>> answer) override;
  void channel_rows(Answer<std::vector<model::ChannelRow>> answer) override;
  void consumer_rows(Answer<std::vector<model::ConsumerRow>> answer) override;
  void connection_rows_of(model::ConnectionId connection,
                          Answer<std::vector<model::ConnectionRow>> answer) override;
  void channel_rows_of(model::ConnectionId connection,
                       Answer<std::vector<model::ChannelRow>> answer) override;
  void consumer_rows_of(model::ConnectionId connection,
                        Answer<std::vector<model::ConsumerRow>> answer) override;
  void total_counters(Answer<model::MessageCounters> answer) override;
  [[nodiscard]] storage::StoreStatistics store_statistics() const override;
  Result<void> start_backup(const std::string& path) override;
  [[nodiscard]] model::BackupStatus backup_status() const override;
  void close_connection(model::ConnectionId connection, std::string text) override;
  void drop_queues(std::vector<std::shared_ptr<model::QueueRecord>> queues) override;
  void wait_for_topology(model::TopologyTicket ticket, Answer<bool> answer) override;
  void open_client(std::string user, std::string vhost,
                   Answer<model::Checked<std::shared_ptr<model::DirectClient>>> answer) override;

 private:
  template <typename Row>
  void collect_rows(Answer<std::vector<Row>> answer);
  template <typename Row>
  void collect_rows_of(model::ConnectionId connection, Answer<std::vector<Row>> answer);

  const BrokerAccessEnvironment environment_;
  std::atomic<std::uint32_t> next_shard_{0};
  mutable std::mutex mutex_;
  std::vector<model::ListenerDescription> listeners_;           // under the mutex
  model::MessageCounters totals_;                               // under the mutex
  std::multimap<model::TopologyTicket, Answer<bool>> waiting_;  // under the mutex

  struct Backup {
    mutable std::mutex mutex;
    model::BackupStatus status;  // under the mutex
  };

  /// The store's thread writes to it, perhaps after this object is gone.
  const std::shared_ptr<Backup> backup_ = std::make_shared<Backup>();
};

}  // namespace lepus
