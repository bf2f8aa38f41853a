#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

#include "broker/model/operations.h"

namespace lepus::model {

class Queue;
struct Consumer;

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
  bool stalled = false;   ///< in window->stalled
  bool is_ready = false;  ///< in the round robin

  [[nodiscard]] bool has_prefetch_left() const {
    return specification.prefetch_count == 0 || unacked_count < specification.prefetch_count;
  }
};

/// The consumers of one queue: who gets the next message. Round robin among those with credit at
/// the highest priority; a single active consumer keeps its turn until it goes.
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

  [[nodiscard]] bool has_exclusive() const;

  [[nodiscard]] const std::vector<std::unique_ptr<Consumer>>& all() const { return all_; }

  /// Null unless the queue has a single active consumer.
  [[nodiscard]] const Consumer* single_active() const { return active_; }

 private:
  struct Level {
    std::int32_t priority = 0;
    std::deque<Consumer*> ready;
  };

  [[nodiscard]] bool may_take(const Consumer& consumer) const {
    return !single_active_ || active_ == &consumer;
  }

  Level& level_of(const Consumer& consumer);
  void choose_active();

  const bool single_active_;
  std::vector<std::unique_ptr<Consumer>> all_;  // in order of arrival
  std::vector<std::unique_ptr<Level>> levels_;  // highest priority first
  Consumer* active_ = nullptr;
};

}  // namespace lepus::model
