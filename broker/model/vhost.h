#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/unordered/unordered_map.hpp>

#include "broker/model/binding.h"
#include "broker/model/exchange.h"
#include "broker/model/policy_list.h"
#include "broker/model/queue_record.h"
#include "broker/model/string_map.h"
#include "broker/model/topology.h"

namespace lepus::model {

/// What left the topology with a queue or an exchange: for the log.
struct RemovedObjects {
  std::vector<std::unique_ptr<Binding>> bindings;
  std::vector<std::shared_ptr<Exchange>>
      exchanges;  ///< auto-delete ones that lost their last binding as a source
};

/// Exchanges, queues and bindings of one vhost in memory: no checks, no log. Touched under the
/// topology's lock only. Every change raises the versions of the exchanges that reach what changed.
class Vhost {
 public:
  /// A queue and the bindings that lead to it. Stays in its place as long as the queue is there.
  struct QueueEntry {
    std::shared_ptr<QueueRecord> record;
    BindingDestinationList bindings;
    AppliedPolicies policies;
    std::shared_ptr<const QueueSettings> settings;  ///< the record's, or with policies
  };

  using QueueMap = boost::unordered_map<std::string, QueueEntry, StringHash, std::equal_to<>>;

  explicit Vhost(VhostDescription description);
  ~Vhost();
  Vhost(const Vhost&) = delete;
  Vhost& operator=(const Vhost&) = delete;

  [[nodiscard]] const std::string& name() const { return description.name; }

  VhostDescription description;
  /// The description's, for threads without the lock.
  std::shared_ptr<std::atomic<bool>> tracing = std::make_shared<std::atomic<bool>>(false);
  /// Its record's batch; 0: nothing to wait for.
  storage::BatchNumber declared_in = 0;

  // ---- exchanges
  /// Null if there is none.
  [[nodiscard]] std::shared_ptr<Exchange> find_exchange(std::string_view exchange) const;
  Exchange& add_exchange(ExchangeRecord record);
  /// With its bindings at both ends, and auto-delete exchanges that lose their last one.
  RemovedObjects remove_exchange(Exchange& exchange);

  [[nodiscard]] const StringMap<std::shared_ptr<Exchange>>& exchanges() const { return exchanges_; }

  // ---- queues
  [[nodiscard]] std::shared_ptr<QueueRecord> find_queue(std::string_view queue) const;
  void add_queue(std::shared_ptr<QueueRecord> queue);
  /// With its bindings, and auto-delete exchanges that lose their last one. Marks the record as
  /// deleted.
  RemovedObjects remove_queue(std::string_view queue);

  [[nodiscard]] const QueueMap& queues() const { return queues_; }

  // ---- policies
  [[nodiscard]] const PolicyList& policies(PolicyKind kind) const;
  [[nodiscard]] PolicyList& policies(PolicyKind kind);
  /// Finds anew which policies are in force for all queues and exchanges: after any change of them.
  void apply_policies();

  // ---- bindings
  /// Null if there is none. Identities are made by binding_key().
  [[nodiscard]] Binding* find_binding(std::string_view identity);
  /// The ends must be there and the identity new.
  Binding& add_binding(const BindingDescription& description, std::string identity);
  /// And the source, if it is auto-delete and this was its last one.
  RemovedObjects remove_binding(Binding& binding);

  [[nodiscard]] const BindingDestinationList* bindings_to_queue(std::string_view queue) const;

  /// For the end of the vhost: nothing that was routed through its exchanges stays valid.
  void raise_all_versions();

 private:
  void raise_versions_reaching(Exchange& changed);
  void apply_policies_to(QueueEntry& queue) const;
  void apply_policies_to(Exchange& exchange);
  void forget_alternate_of(Exchange& exchange);
  std::unique_ptr<Binding> unlink(Binding& binding);
  void collect_unused(std::vector<Exchange*> sources, RemovedObjects& removed);
  void detach_exchange(Exchange& exchange, RemovedObjects& removed);

  StringMap<std::shared_ptr<Exchange>> exchanges_;
  StringMap<std::vector<Exchange*>>
      users_of_alternate_;  ///< by the alternate's name, which need not exist
  QueueMap queues_;
  PolicyList policies_;
  PolicyList operator_policies_;
  StringMap<std::unique_ptr<Binding>> bindings_;  ///< by identity
};

}  // namespace lepus::model
