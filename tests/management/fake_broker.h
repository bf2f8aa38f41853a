#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/model/broker_access.h"
#include "management/application.h"
#include "storage/open_store.h"

namespace lepus::management {

class FixedClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override {
    now_ms += step_ms;
    return now_ms;
  }

  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }

  mutable std::int64_t now_ms = 1'000'000;
  std::int64_t step_ms = 0;  ///< it goes on by this whenever it is asked
};

/// Runs tasks when the test says so.
class QueuedExecutor final : public Executor {
 public:
  void post(std::function<void()> task) override { tasks_.push_back(std::move(task)); }

  void run() {
    while (!tasks_.empty()) {
      auto task = std::move(tasks_.front());
      tasks_.pop_front();
      task();
    }
  }

 private:
  std::deque<std::function<void()>> tasks_;
};

/// A broker without shards: a real topology over a store in memory, and rows that the test gives.
class FakeBroker final : public model::BrokerAccess {
 public:
  FakeBroker() : store_(storage::make_memory_store()), topology_(*store_, fixed_clock, {}) {
    static_cast<void>(topology_.load(store_->take_recovered()));
  }

  [[nodiscard]] model::Topology& topology() override { return topology_; }

  [[nodiscard]] const Clock& clock() const override { return fixed_clock; }

  [[nodiscard]] model::NodeDescription node() const override {
    return {.name = "rabbit@test",
            .cluster_name = "rabbit@test",
            .lepus_version = "0.1.0",
            .connection_max = connection_max,
            .listeners = listeners};
  }

  [[nodiscard]] const model::ConnectionCounts& connection_counts() const override {
    return counts_;
  }

  void resources(Answer<model::NodeResources> answer) override { answer(resources_now); }

  void queue_rows(std::vector<std::shared_ptr<model::QueueRecord>> queues,
                  Answer<std::vector<model::QueueRow>> answer) override {
    std::vector<model::QueueRow> rows;
    rows.reserve(queues.size());
    for (auto& queue : queues) {
      rows.push_back({.record = std::move(queue), .counters = queue_counters});
    }
    answer(std::move(rows));
  }

  void connection_rows(Answer<std::vector<model::ConnectionRow>> answer) override {
    answer(connections);
  }

  void channel_rows(Answer<std::vector<model::ChannelRow>> answer) override { answer(channels); }

  void connection_rows_of(model::ConnectionId connection,
                          Answer<std::vector<model::ConnectionRow>> answer) override {
    std::vector<model::ConnectionRow> rows = connections;
    std::erase_if(rows, [&](const auto& row) { return row.id != connection; });
    answer(std::move(rows));
  }

  void channel_rows_of(model::ConnectionId connection,
                       Answer<std::vector<model::ChannelRow>> answer) override {
    std::vector<model::ChannelRow> rows = channels;
    std::erase_if(rows, [&](const auto& row) { return row.connection != connection; });
    answer(std::move(rows));
  }

  void consumer_rows_of(model::ConnectionId connection,
                        Answer<std::vector<model::ConsumerRow>> answer) override {
    static_cast<void>(connection);
    answer({});
  }

  void consumer_rows(Answer<std::vector<model::ConsumerRow>> answer) override { answer({}); }

  void total_counters(Answer<model::MessageCounters> answer) override { answer(totals); }

  [[nodiscard]] storage::StoreStatistics store_statistics() const override { return figures; }

  Result<void> start_backup(const std::string& path) override {
    if (backup.state == model::BackupStatus::State::running) {
      return fail("a backup is under way");
    }
    backup = {.state = model::BackupStatus::State::running, .path = path};
    return {};
  }

  [[nodiscard]] model::BackupStatus backup_status() const override { return backup; }

  void close_connection(model::ConnectionId connection, std::string text) override {
    closed.emplace_back(connection, std::move(text));
  }

  void drop_queues(std::vector<std::shared_ptr<model::QueueRecord>> queues) override {
    static_cast<void>(queues);
  }

  void wait_for_topology(model::TopologyTicket ticket, Answer<bool> answer) override {
    static_cast<void>(ticket);
    answer(true);
  }

  void open_client(std::string user, std::string vhost,
                   Answer<model::Checked<std::shared_ptr<model::DirectClient>>> answer) override {
    static_cast<void>(user);
    static_cast<void>(vhost);
    waiting_clients.push_back(std::move(answer));
  }

  /// A transient queue of the default vhost.
  void declare_queue(const std::string& name) {
    const auto access = topology_.make_access("guest", "/");
    static_cast<void>(topology_.declare_queue(*access, {.name = name}));
  }

  FixedClock fixed_clock;
  std::vector<model::ListenerDescription> listeners{{"amqp", "127.0.0.1", 5672, std::nullopt}};
  std::optional<std::int64_t> connection_max;
  model::NodeResources resources_now;
  model::QueueCounters queue_counters;
  model::MessageCounters totals;
  storage::StoreStatistics figures;
  model::BackupStatus backup;
  std::vector<model::ConnectionRow> connections;
  std::vector<model::ChannelRow> channels;
  std::vector<std::pair<model::ConnectionId, std::string>> closed;
  std::vector<Answer<model::Checked<std::shared_ptr<model::DirectClient>>>> waiting_clients;

 private:
  std::unique_ptr<storage::Store> store_;
  model::Topology topology_;
  model::ConnectionCounts counts_;
};

}  // namespace lepus::management
