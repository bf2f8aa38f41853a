#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <vector>

#include <boost/intrusive/list.hpp>
#include <boost/unordered/unordered_flat_map.hpp>

#include "broker/model/operations.h"

namespace lepus::model {

class Queue;
struct Consumer;
struct ConsumerLevel;

/// How many more bytes may be handed to one connection before its output has left; kept by each
/// shard for each connection that its queues deliver to. `available` may fall below zero by one
/// delivery.
struct OutputWindow {
  std::int64_t available_bytes = 0;
  std::vector<Consumer*> stalled;  ///< consumers that wait for room
};

/// A consumer as its queue knows it.
struct Consumer {
  ConsumerSpecification specification;
  Queue* queue = nullptr;
  OutputWindow* window = nullptr;
  std::uint32_t unacked_count = 0;
  std::uint32_t tokens = 0;  ///< of its channel's limit
  bool token_requested = false;
  bool stalled = false;  ///< in window->stalled

  // ---- for Consumers
  ConsumerLevel* level = nullptr;
  boost::intrusive::list_member_hook<> member_hook;  ///< of its level
  boost::intrusive::list_member_hook<> ready_hook;   ///< in the round robin

  [[nodiscard]] bool has_prefetch_left() const {
    return specification.prefetch_count == 0 || unacked_count < specification.prefetch_count;
  }
};

/// The consumers of one priority.
struct ConsumerLevel {
  template <boost::intrusive::list_member_hook<> Consumer::*hook>
  using List = boost::intrusive::list<
      Consumer, boost::intrusive::member_hook<Consumer, boost::intrusive::list_member_hook<>, hook>,
      boost::intrusive::constant_time_size<false>>;

  std::int32_t priority = 0;
  List<&Consumer::member_hook> members;  ///< in order of arrival
  List<&Consumer::ready_hook> ready;     ///< the round robin
};

/// The consumers of one queue: who gets the next message. Round robin among those with credit at
/// the highest priority; a single active consumer keeps its turn until it goes. What an operation
/// costs does not depend on how many consumers there are, only on how many priorities they have.
class Consumers {
 public:
  explicit Consumers(bool single_active) : single_active_(single_active) {}

  Consumer& add(std::unique_ptr<Consumer> consumer);
  /// Removes it; if it was the single active one, the next takes over.
  std::unique_ptr<Consumer> remove(ConsumerId id);
  [[nodiscard]] Consumer* find(ConsumerId id) const;

  /// The one whose turn it is, without moving the turn; null when nobody may take.
  [[nodiscard]] Consumer* next();
  /// The consumer next() named has taken one: the turn passes on.
  void took(Consumer& consumer);
  /// It may take again (acks, tokens or room came). No effect if it waits in the round already.
  void make_ready(Consumer& consumer);
  /// It may take no more for now.
  void make_unready(Consumer& consumer);

  [[nodiscard]] bool empty() const { return all_.empty(); }

  [[nodiscard]] std::size_t size() const { return all_.size(); }

  [[nodiscard]] bool has_exclusive() const { return exclusive_count_ != 0; }

  /// In order of arrival.
  [[nodiscard]] const std::list<std::unique_ptr<Consumer>>& all() const { return all_; }

  /// Null unless the queue has a single active consumer.
  [[nodiscard]] const Consumer* single_active() const { return active_; }

 private:
  using Place = std::list<std::unique_ptr<Consumer>>::iterator;

  [[nodiscard]] bool may_take(const Consumer& consumer) const {
    return !single_active_ || active_ == &consumer;
  }

  ConsumerLevel& level_for(std::int32_t priority);
  void leave_level(Consumer& consumer);
  void choose_active();

  const bool single_active_;
  std::list<std::unique_ptr<Consumer>> all_;
  boost::unordered_flat_map<ConsumerId, Place> places_;
  std::vector<std::unique_ptr<ConsumerLevel>> levels_;  // highest priority first, none is empty
  std::size_t exclusive_count_ = 0;
  Consumer* active_ = nullptr;
};

}  // namespace lepus::model
