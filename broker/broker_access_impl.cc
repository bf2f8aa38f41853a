#include "broker/broker_access_impl.h"

#include <algorithm>
#include <iterator>
#include <optional>
#include <utility>

#include <boost/asio/post.hpp>
#include <spdlog/spdlog.h>

#include "broker/connection/connection_walk.h"
#include "broker/connection/direct_connection.h"

namespace lepus {

namespace {

/// Queues that one task looks at: some ten microseconds.
constexpr std::size_t queues_per_slice = 128;
constexpr std::size_t rows_per_slice = 128;
constexpr std::size_t connections_per_slice = 128;

/// Collects rows from several tasks on several threads; the last one answers.
template <typename Rows>
class Gathering {
 public:
  Gathering(std::size_t parts, std::function<void(Rows)> answer)
      : parts_(parts), answer_(std::move(answer)) {}

  void add(Rows rows) {
    std::unique_lock lock{mutex_};
    if (rows_.empty()) {
      rows_ = std::move(rows);
    } else {
      rows_.insert(rows_.end(), std::make_move_iterator(rows.begin()),
                   std::make_move_iterator(rows.end()));
    }
    if (--parts_ == 0) {
      lock.unlock();
      answer_(std::move(rows_));
    }
  }

 private:
  std::mutex mutex_;
  std::size_t parts_;
  std::function<void(Rows)> answer_;
  Rows rows_;
};

/// One shard's part of a gathering over its connections, in as many tasks as it takes. `step` goes
/// on with the walk and tells whether there is more.
template <typename Step, typename Part>
struct WalkTask {
  transport::ShardThread* shard;
  Step step;
  std::shared_ptr<Gathering<Part>> gathering;
  Part part;
  connection::ConnectionWalk walk;

  void run() {
    if (step(walk, part)) {
      auto rest = std::make_shared<WalkTask>(std::move(*this));
      shard->post([rest] { rest->run(); });
    } else {
      gathering->add(std::move(part));
    }
  }
};

void raise_to(std::uint64_t& value, std::uint64_t other) {
  value = std::max(value, other);
}

void raise_to(model::MessageCounters& value, const model::MessageCounters& other) {
  raise_to(value.publish, other.publish);
  raise_to(value.confirm, other.confirm);
  raise_to(value.return_unroutable, other.return_unroutable);
  raise_to(value.drop_unroutable, other.drop_unroutable);
  raise_to(value.deliver, other.deliver);
  raise_to(value.deliver_no_ack, other.deliver_no_ack);
  raise_to(value.get, other.get);
  raise_to(value.get_no_ack, other.get_no_ack);
  raise_to(value.get_empty, other.get_empty);
  raise_to(value.redeliver, other.redeliver);
  raise_to(value.ack, other.ack);
}

model::QueueRow row_of(const std::shared_ptr<model::QueueRecord>& record,
                       const model::Queue* queue) {
  model::QueueRow row;
  row.record = record;
  if (queue == nullptr) {
    return row;  // Declared and not used yet.
  }
  row.counters = queue->counters();
  row.ready_count = queue->ready_count();
  row.ready_bytes = queue->ready_bytes();
  row.unacked_count = queue->unacked_count();
  row.unacked_bytes = queue->unacked_bytes();
  row.memory_bytes = queue->memory_bytes();
  row.count_in_memory = queue->count_in_memory();
  const model::Consumers& consumers = queue->consumers();
  row.consumer_count = static_cast<std::uint32_t>(consumers.size());
  if (consumers.has_exclusive()) {
    row.exclusive_consumer_tag = consumers.all().front()->specification.tag;
  }
  if (const model::Consumer* active = consumers.single_active()) {
    row.active_consumer_tag = active->specification.tag;
    row.active_consumer = active->specification.id;
  }
  return row;
}

/// A DirectConnection that is reached from another thread; it lives and dies on its shard's.
class PostedClient final : public model::DirectClient {
 public:
  using Connection = std::unique_ptr<connection::DirectConnection>;

  PostedClient(transport::ShardThread& shard, Connection connection)
      : shard_(shard), connection_(std::make_shared<Connection>(std::move(connection))) {}

  PostedClient(const PostedClient&) = delete;
  PostedClient& operator=(const PostedClient&) = delete;

  ~PostedClient() override {
    shard_.post([connection = connection_] { connection->reset(); });
  }

  void execute(std::string frame, Handler handler) override {
    shard_.post([connection = connection_, frame = std::move(frame), handler = std::move(handler)] {
      (*connection)->execute_frame(frame, translated(handler));
    });
  }

  void execute_unanswered(std::string frame) override {
    shard_.post([connection = connection_, frame = std::move(frame)] {
      (*connection)->execute_frame(frame, nullptr);
    });
  }

  void publish(std::string exchange, std::string routing_key, std::string properties,
               std::string body, Handler handler) override {
    shard_.post([connection = connection_, exchange = std::move(exchange),
                 routing_key = std::move(routing_key), properties = std::move(properties),
                 body = std::move(body), handler = std::move(handler)] {
      (*connection)->publish(exchange, routing_key, properties, body, translated(handler));
    });
  }

 private:
  static connection::DirectConnection::Handler translated(Handler handler) {
    return [handler = std::move(handler)](connection::DirectAnswer&& answer) {
      handler({.error = std::move(answer.error),
               .method = std::move(answer.method),
               .properties = std::move(answer.properties),
               .body = std::move(answer.body),
               .returned = answer.returned,
               .refused = answer.refused});
    };
  }

  transport::ShardThread& shard_;
  std::shared_ptr<Connection> connection_;
};

}  // namespace

BrokerAccessImpl::BrokerAccessImpl(BrokerAccessEnvironment environment)
    : environment_(std::move(environment)) {}

// ---- the node

void BrokerAccessImpl::add_listener(model::ListenerDescription listener) {
  const std::lock_guard lock{mutex_};
  listeners_.push_back(std::move(listener));
}

model::NodeDescription BrokerAccessImpl::node() const {
  model::NodeDescription node = environment_.node;
  const std::lock_guard lock{mutex_};
  node.listeners = listeners_;
  return node;
}

storage::StoreStatistics BrokerAccessImpl::store_statistics() const {
  return environment_.store->statistics();
}

Result<void> BrokerAccessImpl::start_backup(const std::string& path) {
  using State = model::BackupStatus::State;
  {
    const std::lock_guard lock{backup_->mutex};
    if (backup_->status.state == State::running) {
      return fail("a backup to " + backup_->status.path + " is under way");
    }
    backup_->status = {.state = State::running, .path = path};
  }
  spdlog::info("backup to {} begins", path);
  environment_.store->backup(path, [backup = backup_, path](const Result<void>& made) {
    if (made) {
      spdlog::info("backup to {} is done", path);
    } else {
      spdlog::error("backup: {}", made.error().text);
    }
    const std::lock_guard lock{backup->mutex};
    backup->status.state = made ? State::done : State::failed;
    backup->status.reason = made ? "" : made.error().text;
  });
  return {};
}

model::BackupStatus BrokerAccessImpl::backup_status() const {
  const std::lock_guard lock{backup_->mutex};
  return backup_->status;
}

void BrokerAccessImpl::resources(Answer<model::NodeResources> answer) {
  boost::asio::post(*environment_.context,
                    [monitor = environment_.resources, answer = std::move(answer)] {
                      const ResourceUse& use = monitor->use();
                      answer({.memory_used_bytes = use.memory_used_bytes,
                              .memory_limit_bytes = use.memory_limit_bytes,
                              .disk_free_bytes = use.disk_free_bytes,
                              .disk_limit_bytes = use.disk_limit_bytes,
                              .memory_alarm = use.memory_alarm(),
                              .disk_alarm = use.disk_alarm(),
                              .store_problem = use.store_problem});
                    });
}

// ---- rows

void BrokerAccessImpl::queue_rows(std::vector<std::shared_ptr<model::QueueRecord>> queues,
                                  Answer<std::vector<model::QueueRow>> answer) {
  using Queues = std::vector<std::shared_ptr<model::QueueRecord>>;
  std::vector<std::pair<transport::ShardThread*, Queues>> slices;
  std::vector<std::size_t> open_slices(environment_.shards.size(), SIZE_MAX);
  for (auto& queue : queues) {
    std::size_t& open = open_slices[queue->owner];
    if (open == SIZE_MAX || slices[open].second.size() == queues_per_slice) {
      open = slices.size();
      slices.emplace_back(environment_.shards[queue->owner], Queues{});
    }
    slices[open].second.push_back(std::move(queue));
  }
  if (slices.empty()) {
    answer({});
    return;
  }
  auto gathering =
      std::make_shared<Gathering<std::vector<model::QueueRow>>>(slices.size(), std::move(answer));
  for (auto& [shard, slice] : slices) {
    shard->post([shard = shard, slice = std::move(slice), gathering] {
      std::vector<model::QueueRow> rows;
      rows.reserve(slice.size());
      for (const auto& queue : slice) {
        if (!queue->deleted) {
          rows.push_back(row_of(queue, shard->shard().find_queue(queue->id)));
        }
      }
      gathering->add(std::move(rows));
    });
  }
}

template <typename Row>
void BrokerAccessImpl::collect_rows(Answer<std::vector<Row>> answer) {
  auto gathering =
      std::make_shared<Gathering<std::vector<Row>>>(environment_.shards.size(), std::move(answer));
  const auto append = [](connection::ConnectionWalk& walk, std::vector<Row>& rows) {
    return walk.append_rows(rows, rows_per_slice);
  };
  for (transport::ShardThread* shard : environment_.shards) {
    shard->post([shard, gathering, append] {
      using Part = std::vector<Row>;
      WalkTask<decltype(append), Part>{
          shard, append, gathering, {}, connection::ConnectionWalk{shard->connections()}}
          .run();
    });
  }
}

template <typename Row>
void BrokerAccessImpl::collect_rows_of(model::ConnectionId connection,
                                       Answer<std::vector<Row>> answer) {
  const model::ShardIndex index = model::shard_of(connection);
  if (index >= environment_.shards.size()) {
    answer({});
    return;
  }
  transport::ShardThread* shard = environment_.shards[index];
  shard->post([shard, connection, answer = std::move(answer)] {
    std::vector<Row> rows;
    if (const connection::Connection* found = shard->connections().find(connection)) {
      found->append_rows(rows);
    }
    answer(std::move(rows));
  });
}

void BrokerAccessImpl::connection_rows(Answer<std::vector<model::ConnectionRow>> answer) {
  collect_rows(std::move(answer));
}

void BrokerAccessImpl::channel_rows(Answer<std::vector<model::ChannelRow>> answer) {
  collect_rows(std::move(answer));
}

void BrokerAccessImpl::consumer_rows(Answer<std::vector<model::ConsumerRow>> answer) {
  collect_rows(std::move(answer));
}

void BrokerAccessImpl::connection_rows_of(model::ConnectionId connection,
                                          Answer<std::vector<model::ConnectionRow>> answer) {
  collect_rows_of(connection, std::move(answer));
}

void BrokerAccessImpl::channel_rows_of(model::ConnectionId connection,
                                       Answer<std::vector<model::ChannelRow>> answer) {
  collect_rows_of(connection, std::move(answer));
}

void BrokerAccessImpl::consumer_rows_of(model::ConnectionId connection,
                                        Answer<std::vector<model::ConsumerRow>> answer) {
  collect_rows_of(connection, std::move(answer));
}

void BrokerAccessImpl::total_counters(Answer<model::MessageCounters> answer) {
  using Parts = std::vector<model::MessageCounters>;
  auto gathering = std::make_shared<Gathering<Parts>>(
      environment_.shards.size(), [this, answer = std::move(answer)](const Parts& parts) {
        model::MessageCounters total;
        for (const model::MessageCounters& part : parts) {
          total += part;
        }
        {
          // A channel that was closed between its shard's slices is in neither of them.
          const std::lock_guard lock{mutex_};
          raise_to(totals_, total);
          total = totals_;
        }
        answer(total);
      });
  const auto add = [](connection::ConnectionWalk& walk, Parts& parts) {
    return walk.add_counters(parts.front(), connections_per_slice);
  };
  for (transport::ShardThread* shard : environment_.shards) {
    shard->post([shard, gathering, add] {
      WalkTask<decltype(add), Parts>{shard, add, gathering,
                                     Parts{shard->connections().closed_counters()},
                                     connection::ConnectionWalk{shard->connections()}}
          .run();
    });
  }
}

// ---- actions

void BrokerAccessImpl::close_connection(model::ConnectionId connection, std::string text) {
  const model::ShardIndex index = model::shard_of(connection);
  if (index >= environment_.shards.size()) {
    return;
  }
  transport::ShardThread* shard = environment_.shards[index];
  shard->post([shard, connection, text = std::move(text)] {
    shard->connections().close_connection({.connection = connection, .text = text});
  });
}

void BrokerAccessImpl::drop_queues(std::vector<std::shared_ptr<model::QueueRecord>> queues) {
  for (auto& queue : queues) {
    transport::ShardThread* shard = environment_.shards[queue->owner];
    shard->post([shard, queue = std::move(queue)] { shard->shard().drop_queue(*queue); });
  }
}

void BrokerAccessImpl::wait_for_topology(model::TopologyTicket ticket, Answer<bool> answer) {
  if (ticket != 0) {
    const std::lock_guard lock{mutex_};
    if (!environment_.topology->outcome_of(ticket)) {
      waiting_.emplace(ticket, std::move(answer));
      return;
    }
  }
  answer(ticket == 0 || environment_.topology->outcome_of(ticket) == storage::Outcome::committed);
}

void BrokerAccessImpl::topology_committed() {
  std::vector<std::pair<Answer<bool>, bool>> answered;
  {
    const std::lock_guard lock{mutex_};
    while (!waiting_.empty()) {
      const auto first = waiting_.begin();
      const auto outcome = environment_.topology->outcome_of(first->first);
      if (!outcome) {
        break;
      }
      answered.emplace_back(std::move(first->second), *outcome == storage::Outcome::committed);
      waiting_.erase(first);
    }
  }
  for (auto& [answer, is_committed] : answered) {
    answer(is_committed);
  }
}

void BrokerAccessImpl::open_client(
    std::string user, std::string vhost,
    Answer<model::Checked<std::shared_ptr<model::DirectClient>>> answer) {
  const std::size_t index = next_shard_++ % environment_.shards.size();
  transport::ShardThread* shard = environment_.shards[index];
  shard->post(
      [shard, user = std::move(user), vhost = std::move(vhost), answer = std::move(answer)] {
        auto opened = connection::DirectConnection::open(shard->connections(), user, vhost);
        if (!opened) {
          answer(opened.error());
          return;
        }
        std::shared_ptr<model::DirectClient> client =
            std::make_shared<PostedClient>(*shard, *std::move(opened));
        answer(std::move(client));
      });
}

}  // namespace lepus
