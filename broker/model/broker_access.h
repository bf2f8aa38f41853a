#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/clock.h"
#include "broker/base/result.h"
#include "broker/model/connection_counts.h"
#include "broker/model/ids.h"
#include "broker/model/protocol_error.h"
#include "broker/model/queue.h"
#include "broker/model/queue_record.h"
#include "broker/model/statistics_rows.h"
#include "broker/model/topology.h"
#include "storage/statistics.h"

namespace lepus::model {

/// What a queue's owner knows of it at one moment.
struct QueueRow {
  std::shared_ptr<const QueueRecord> record;
  QueueCounters counters;
  std::uint64_t ready_count = 0;
  std::uint64_t ready_bytes = 0;
  std::uint64_t unacked_count = 0;
  std::uint64_t unacked_bytes = 0;
  std::uint64_t memory_bytes = 0;
  std::uint64_t count_in_memory = 0;  ///< ready messages that need not be read from disk
  std::uint32_t consumer_count = 0;
  std::string exclusive_consumer_tag;             ///< empty: none
  std::string active_consumer_tag;                ///< of a single active consumer, or empty
  ConsumerId active_consumer = ConsumerId::none;  ///< the same one
};

/// A port that clients can connect to.
struct ListenerDescription {
  std::string protocol;  ///< "amqp", "amqp/ssl", "http", "http/prometheus"
  std::string address;
  std::uint16_t port = 0;
  /// When the certificate it shows ends, in seconds since 1970; nothing: it shows none.
  std::optional<std::int64_t> certificate_expires_at_s;
};

/// What is constant about this node while it runs, but for `listeners`.
struct NodeDescription {
  std::string name;          ///< "rabbit@host"
  std::string cluster_name;  ///< the configured one
  std::string lepus_version;
  std::string data_dir;
  std::vector<std::string> log_files;
  std::vector<std::string> config_files;
  std::vector<std::string> auth_mechanisms;
  std::int64_t started_at_ms = 0;  ///< steady clock
  std::uint32_t shards = 1;
  std::string default_queue_type = "classic";
  std::optional<std::int64_t> connection_max;  ///< nothing: as many as come
  std::vector<ListenerDescription> listeners;
};

/// What the node takes of its machine; 0: not known.
struct NodeResources {
  std::uint64_t memory_used_bytes = 0;
  std::uint64_t memory_limit_bytes = 0;
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t disk_limit_bytes = 0;
  bool memory_alarm = false;
  bool disk_alarm = false;
  std::string store_problem = {};  ///< why the store does not do its work; it raises the disk alarm
};

/// The last backup of the store that was asked for.
struct BackupStatus {
  enum class State { none, running, done, failed };

  State state = State::none;
  std::string path;
  std::string reason;  ///< why it failed
};

/// What an AMQP method of a DirectClient was answered with.
struct DirectAnswer {
  /// The method failed; the text is without the code's name.
  std::optional<ProtocolError> error;
  /// The answering method's payload: ids and arguments. Empty after an error.
  std::string method;
  std::string properties;  ///< of basic.get-ok
  std::string body;        ///< of basic.get-ok
  bool returned = false;   ///< a publish was unroutable
  bool refused = false;    ///< a publish was answered with basic.nack
};

/// A user's AMQP channel inside the broker. Methods run in the order of the calls, with the checks
/// and texts of any client's; an error ends its method, not the channel. Destroying it closes the
/// channel: what was not acknowledged goes back. Callable from any one thread.
class DirectClient {
 public:
  using Handler = std::function<void(DirectAnswer)>;

  /// The channel that frames name.
  static constexpr std::uint16_t channel_number = 1;

  virtual ~DirectClient() = default;
  /// Executes a method, given as its frame; the answer comes on a thread of the broker's.
  virtual void execute(std::string frame, Handler handler) = 0;
  /// Executes a method that is never answered, such as basic.ack.
  virtual void execute_unanswered(std::string frame) = 0;
  /// Publishes, mandatory, and answers when the message is confirmed.
  virtual void publish(std::string exchange, std::string routing_key, std::string properties,
                       std::string body, Handler handler) = 0;
};

/// Through this, management reaches the running broker. Callable from any thread; answers come
/// once, on a thread of the broker's, and must only be handed over there. Rows of all shards come
/// together and are in no order. Looking costs the shards slices of some ten microseconds.
class BrokerAccess {
 public:
  template <typename T>
  using Answer = std::function<void(T)>;

  virtual ~BrokerAccess() = default;

  [[nodiscard]] virtual Topology& topology() = 0;
  [[nodiscard]] virtual const Clock& clock() const = 0;
  [[nodiscard]] virtual NodeDescription node() const = 0;
  [[nodiscard]] virtual const ConnectionCounts& connection_counts() const = 0;
  virtual void resources(Answer<NodeResources> answer) = 0;

  /// A row for each of these queues that still exists.
  virtual void queue_rows(std::vector<std::shared_ptr<QueueRecord>> queues,
                          Answer<std::vector<QueueRow>> answer) = 0;
  virtual void connection_rows(Answer<std::vector<ConnectionRow>> answer) = 0;
  virtual void channel_rows(Answer<std::vector<ChannelRow>> answer) = 0;
  virtual void consumer_rows(Answer<std::vector<ConsumerRow>> answer) = 0;
  /// Of one connection; none if it is gone.
  virtual void connection_rows_of(ConnectionId connection,
                                  Answer<std::vector<ConnectionRow>> answer) = 0;
  virtual void channel_rows_of(ConnectionId connection, Answer<std::vector<ChannelRow>> answer) = 0;
  virtual void consumer_rows_of(ConnectionId connection,
                                Answer<std::vector<ConsumerRow>> answer) = 0;
  /// Of all channels that ever were; never falls.
  virtual void total_counters(Answer<MessageCounters> answer) = 0;

  /// What the store has done and what it holds; looking costs it a moment, no shard anything.
  [[nodiscard]] virtual storage::StoreStatistics store_statistics() const { return {}; }

  /// Begins to make a data directory at this absolute path of everything that is committed by now.
  /// Fails if a backup is under way already, or can't be made of this store.
  virtual Result<void> start_backup(const std::string& /*path*/) {
    return fail("this broker's store can't be backed up");
  }

  [[nodiscard]] virtual BackupStatus backup_status() const { return {}; }

  /// The connection gets connection.close 320 with this text (without the code's name). Nothing
  /// happens if it is gone.
  virtual void close_connection(ConnectionId connection, std::string text) = 0;
  /// Drops what a vhost's deletion left (DeletedVhost::queues).
  virtual void drop_queues(std::vector<std::shared_ptr<QueueRecord>> queues) = 0;
  /// Answers once the topology's log is committed up to the ticket; false: that commit failed.
  virtual void wait_for_topology(TopologyTicket ticket, Answer<bool> answer) = 0;
  /// @param user  already authenticated. Fails as connection.open would.
  virtual void open_client(std::string user, std::string vhost,
                           Answer<Checked<std::shared_ptr<DirectClient>>> answer) = 0;
};

}  // namespace lepus::model
