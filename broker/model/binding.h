#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include <boost/container/small_vector.hpp>
#include <boost/intrusive/list.hpp>

#include "amqp/field_table.h"
#include "broker/base/assert.h"
#include "broker/model/queue_record.h"
#include "storage/types.h"

namespace lepus::model {

class Exchange;

enum class BindingDestination { queue, exchange };

/// A binding as clients and management name it.
struct BindingDescription {
  std::string source;
  BindingDestination destination_type = BindingDestination::queue;
  std::string destination;
  std::string routing_key;
  amqp::FieldTable arguments;
};

using BindingSourceHook = boost::intrusive::list_base_hook<boost::intrusive::tag<struct BySource>>;
using BindingDestinationHook =
    boost::intrusive::list_base_hook<boost::intrusive::tag<struct ByDestination>>;

/// A binding inside the topology: owned by its vhost, listed at its source and its destination and
/// indexed by its source. Touched under the topology's lock only.
struct Binding : BindingSourceHook, BindingDestinationHook {
  Exchange* source = nullptr;
  std::shared_ptr<QueueRecord> queue;  ///< the destination, or null …
  Exchange* exchange = nullptr;        ///< … if it is this exchange
  std::string routing_key;
  amqp::FieldTable arguments;  ///< sorted by name, as they are compared
  std::string identity;        ///< its key in the vhost and in the store
  bool durable = false;        ///< both ends are
  storage::BatchNumber declared_in = 0;
  std::size_t bucket_index = 0;  ///< where it is in the BindingBucket of its source's index

  [[nodiscard]] BindingDestination destination_type() const {
    return queue ? BindingDestination::queue : BindingDestination::exchange;
  }
};

using BindingSourceList =
    boost::intrusive::list<Binding, boost::intrusive::base_hook<BindingSourceHook>>;
using BindingDestinationList =
    boost::intrusive::list<Binding, boost::intrusive::base_hook<BindingDestinationHook>>;

/// Bindings that match together, in no order; adding and removing cost the same however many there
/// are. A binding is in one bucket at a time.
class BindingBucket {
 public:
  void add(Binding& binding) {
    binding.bucket_index = bindings_.size();
    bindings_.push_back(&binding);
  }

  void remove(const Binding& binding) {
    const std::size_t index = binding.bucket_index;
    LEPUS_ASSERT(index < bindings_.size() && bindings_[index] == &binding,
                 "a binding knows its place in its bucket");
    bindings_[index] = bindings_.back();
    bindings_[index]->bucket_index = index;
    bindings_.pop_back();
  }

  void append_to(std::vector<const Binding*>& matched) const {
    matched.insert(matched.end(), bindings_.begin(), bindings_.end());
  }

  [[nodiscard]] bool empty() const { return bindings_.empty(); }

  [[nodiscard]] std::span<Binding* const> all() const { return bindings_; }

 private:
  boost::container::small_vector<Binding*, 1> bindings_;  // most hold one
};

}  // namespace lepus::model
