#include "tests/benchmarks/worker.h"

#include <algorithm>
#include <array>
#include <ctime>

#include <sys/epoll.h>
#include <sys/prctl.h>

#include "tests/benchmarks/clock.h"

namespace lepus::benchmarks {

namespace {

/// How soon a worker notices that the run has ended.
constexpr std::int64_t stop_poll_ns = 20'000'000;

}  // namespace

Worker::Worker(RunState& state)
    : state_(state),
      context_(std::make_unique<WorkerContext>(state)),
      epoll_(epoll_create1(EPOLL_CLOEXEC)) {}

Worker::~Worker() {
  join();
  close(epoll_);
}

void Worker::add(std::unique_ptr<Endpoint> endpoint) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET;
  event.data.ptr = endpoint.get();
  epoll_ctl(epoll_, EPOLL_CTL_ADD, endpoint->socket(), &event);
  endpoints_.push_back(std::move(endpoint));
}

void Worker::start() {
  thread_ = std::thread{[this] { run(); }};
}

void Worker::join() {
  if (thread_.joinable()) {
    thread_.join();
  }
}

void Worker::run() {
  // Ticks are far below the kernel's usual tolerance of 50 µs.
  prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
  std::array<epoll_event, 256> events{};
  const std::int64_t cpu_start_ns = thread_cpu_ns();
  std::int64_t now = now_ns();
  while (!state_.stop.load(std::memory_order_relaxed) && !state_.failed()) {
    const std::int64_t wait_ns =
        runnable_.empty() ? std::clamp<std::int64_t>(next_turn_ns_ - now, 0, stop_poll_ns) : 0;
    const timespec timeout{.tv_sec = 0, .tv_nsec = wait_ns};
    const int count =
        epoll_pwait2(epoll_, events.data(), static_cast<int>(events.size()), &timeout, nullptr);
    now = now_ns();
    for (int index = 0; index < count; ++index) {
      auto& endpoint = *static_cast<Endpoint*>(events[static_cast<std::size_t>(index)].data.ptr);
      endpoint.on_events(events[static_cast<std::size_t>(index)].events);
      pump(endpoint, now);
    }
    pump_runnable(now);
    if (now >= next_turn_ns_) {
      pump_all(now);
    }
  }
  context_->cpu_ns = thread_cpu_ns() - cpu_start_ns;
}

void Worker::pump(Endpoint& endpoint, std::int64_t turn_ns) {
  const std::int64_t next = endpoint.pump(turn_ns);
  if (next > turn_ns) {
    next_turn_ns_ = std::min(next_turn_ns_, next);
  } else if (!endpoint.runnable) {
    endpoint.runnable = true;
    runnable_.push_back(&endpoint);
  }
}

void Worker::pump_runnable(std::int64_t turn_ns) {
  turn_.swap(runnable_);
  for (Endpoint* endpoint : turn_) {
    endpoint->runnable = false;
    pump(*endpoint, turn_ns);
  }
  turn_.clear();
}

void Worker::pump_all(std::int64_t turn_ns) {
  next_turn_ns_ = turn_ns + stop_poll_ns;
  for (const auto& endpoint : endpoints_) {
    if (!endpoint->runnable) {
      pump(*endpoint, turn_ns);
    }
  }
}

}  // namespace lepus::benchmarks
