#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <tuple>

#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/model/string_map.h"
#include "broker/model/topology.h"
#include "broker/model/topology_log.h"
#include "broker/model/user_directory.h"
#include "broker/model/vhost.h"

namespace lepus::model {

/// One queue.declare under way (topology_queues.cc).
struct QueueDeclaring;
struct TopologyLoader;

/// What is inside a Topology; for its own source files.
struct Topology::State {
  /// component, vhost, name
  using ParameterPlace = std::tuple<std::string, std::string, std::string>;

  State(storage::Store& store, const Clock& clock, TopologyOptions options);

  const Clock& clock;
  const TopologyOptions options;
  TopologyLog log;
  UserDirectory users;  ///< has a lock of its own, taken after this one

  mutable std::shared_mutex mutex;
  // Protected by mutex:
  StringMap<std::unique_ptr<Vhost>> vhosts;
  boost::unordered_flat_map<std::uint64_t, std::shared_ptr<QueueRecord>> queues_by_id;
  std::map<ParameterPlace, RuntimeParameter> parameters;
  /// Written under the lock, read without.
  std::atomic<std::uint64_t> policies_version{0};
  QueueIds ids;

  /// The queue's entry, or null if it is not there any more.
  [[nodiscard]] const Vhost::QueueEntry* find_entry(const QueueRecord& queue) const;
  /// Null if there is none.
  [[nodiscard]] Vhost* find_vhost(std::string_view name) const;
  /// The vhost of a connection; 530 when it was deleted under it.
  [[nodiscard]] Checked<Vhost*> vhost_of(const Access& access) const;

  /// What a repeated declaration waits for: 0 if the first one's batch is committed.
  [[nodiscard]] TopologyTicket ticket_of(storage::BatchNumber declared_in) const;
  /// The batch ended without being committed for sure: the record must be written once more.
  [[nodiscard]] bool is_doubtful(storage::BatchNumber declared_in) const;
  /// Appends a batch with this one record. Under the writer lock.
  TopologyTicket write_record(std::string_view key, std::string_view value);
  /// Appends the batch if something durable is in it, else drops it and answers 0.
  TopologyTicket append_if(bool durable, std::unique_ptr<storage::Batch> batch);

  /// Adds a vhost with its predeclared exchanges to memory.
  Vhost& add_vhost(VhostDescription description);
  /// The default vhost, user and permissions, in memory and in the batch. Fails if these are not
  /// possible.
  Result<void> add_defaults(storage::Batch& batch);
  /// Erases the records of what is gone, and the ids of what was delayed; whether any of it was
  /// durable.
  bool erase_removed(const RemovedObjects& removed, storage::Batch& batch);
  /// The queue that has the name already, if it is the same; null if there is none.
  [[nodiscard]] Checked<std::shared_ptr<QueueRecord>> find_same(
      const QueueDeclaring& declaring) const;
  /// The id of a new exchange's delay queue, and where it lives.
  std::optional<ProtocolError> give_delay_queue(ExchangeRecord& exchange);
  /// If the exchange has one, it can be found by its id. False if the id is taken.
  bool note_delay_queue(const Exchange& exchange);
  /// A new queue's record, checked and written, under the writer lock.
  Checked<std::shared_ptr<QueueRecord>> create_queue(const QueueDeclaring& declaring);
};

/// 403 for the default exchange, which nobody may declare, delete or bind.
[[nodiscard]] ProtocolError default_exchange_refused();

/// 506 while all reserved ids are taken and the store has not answered for more.
[[nodiscard]] ProtocolError no_queue_id();

/// Where a queue of that name lives follows from this.
[[nodiscard]] std::uint64_t spread_of(std::string_view vhost, std::string_view name);

/// 404 "no queue 'q' in vhost '/'".
[[nodiscard]] ProtocolError not_found(std::string_view described);

/// 405 for a queue that is exclusive to somebody else.
[[nodiscard]] ProtocolError queue_locked(std::string_view described);

/// 406 if these are too many octets to be kept, or nothing.
[[nodiscard]] std::optional<ProtocolError> check_size(const amqp::FieldTable& arguments,
                                                      std::string_view described);

/// "queue 'q' in vhost '/'".
[[nodiscard]] std::string describe_queue(std::string_view vhost, std::string_view name);

}  // namespace lepus::model
