#pragma once

#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "tests/benchmarks/endpoint.h"

namespace lepus::benchmarks {

/// A thread that drives its connections with epoll.
class Worker {
 public:
  explicit Worker(RunState& state);
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  ~Worker();

  /// Adds a connection, before `start`.
  void add(std::unique_ptr<Endpoint> endpoint);

  void start();

  /// Waits for the end, which the state's `stop` brings about.
  void join();

  /// What its connections share; the counters may be read at any time, the rest after `join`.
  [[nodiscard]] WorkerContext& context() { return *context_; }

  [[nodiscard]] const std::vector<std::unique_ptr<Endpoint>>& endpoints() const {
    return endpoints_;
  }

 private:
  void run();
  void pump(Endpoint& endpoint, std::int64_t turn_ns);
  void pump_all(std::int64_t turn_ns);
  void pump_runnable(std::int64_t turn_ns);

  RunState& state_;
  std::unique_ptr<WorkerContext> context_;
  std::vector<std::unique_ptr<Endpoint>> endpoints_;
  /// Those that want a turn at once.
  std::vector<Endpoint*> runnable_;
  std::vector<Endpoint*> turn_;
  /// The earliest time at which any endpoint wants a turn.
  std::int64_t next_turn_ns_ = 0;
  int epoll_ = -1;
  std::thread thread_;
};

}  // namespace lepus::benchmarks
