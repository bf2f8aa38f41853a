#include "tests/benchmarks/run.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <memory>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "amqp/methods/basic.h"
#include "amqp/methods/confirm.h"
#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/consumer.h"
#include "tests/benchmarks/publisher.h"
#include "tests/benchmarks/topology.h"
#include "tests/benchmarks/worker.h"

namespace lepus::benchmarks {

namespace {

/// With an unknown number of deliveries to come, so long without any is the end.
constexpr std::int64_t quiet_end_ns = 500'000'000;

/// One run from connecting to the result.
class Run {
 public:
  explicit Run(const RunOptions& options) : options_(options) {}

  Result<void> prepare(const Topology& topology);
  Result<RunResult> measure();

 private:
  using Workers = std::vector<std::unique_ptr<Worker>>;

  Result<void> add_publisher(std::size_t index, const Topology& topology);
  Result<void> add_consumer(std::size_t index, const Topology& topology);
  Result<Client> connect() const;

  [[nodiscard]] std::uint64_t sum(Counter Counters::*counter) const;
  [[nodiscard]] std::uint64_t last(Counter Counters::*counter) const;

  /// Waits until the condition holds, with progress; false at the deadline or on an error.
  template <typename Condition>
  bool wait_until(Condition&& condition, std::int64_t deadline_ns);
  void show_progress();
  [[nodiscard]] ProcessUsage sample() const;

  bool subscribe_all();
  void publish_all();
  void wait_for_deliveries();
  [[nodiscard]] bool drained() const;
  void collect(RunResult& result);

  const RunOptions& options_;
  RunState state_;
  Workers workers_;
  std::vector<const Publisher*> publishers_;
  std::size_t subscriptions_ = 0;

  std::int64_t start_ns_ = 0;
  std::int64_t consume_ns_ = 0;
  ProcessUsage published_all_;
  std::uint64_t peak_bytes_ = 0;
  std::int64_t next_progress_ns_ = 0;
  std::int64_t broker_cpu_ns_ = 0;
  std::uint64_t shown_published_ = 0;
  std::uint64_t shown_delivered_ = 0;
};

Result<Client> Run::connect() const {
  auto client = Client::connect(options_.target);
  if (!client) {
    return client;
  }
  for (std::size_t channel = 1; channel <= options_.channels; ++channel) {
    if (auto opened = client->open_channel(static_cast<std::uint16_t>(channel)); !opened) {
      return opened.error();
    }
  }
  return client;
}

Result<void> Run::prepare(const Topology& topology) {
  const std::size_t publisher_threads =
      std::min(options_.publisher_threads, std::max<std::size_t>(options_.publishers, 1));
  const std::size_t consumer_threads =
      std::min(options_.consumer_threads, std::max<std::size_t>(options_.consumers, 1));
  for (std::size_t index = 0; index < publisher_threads + consumer_threads; ++index) {
    workers_.push_back(std::make_unique<Worker>(state_));
  }
  for (std::size_t index = 0; index < options_.publishers; ++index) {
    if (auto added = add_publisher(index, topology); !added) {
      return added;
    }
  }
  for (std::size_t index = 0; index < options_.consumers; ++index) {
    if (auto added = add_consumer(index, topology); !added) {
      return added;
    }
  }
  return {};
}

Result<void> Run::add_publisher(std::size_t index, const Topology& topology) {
  auto client = connect();
  if (!client) {
    return client.error();
  }
  for (std::size_t channel = 1; options_.confirms() && channel <= options_.channels; ++channel) {
    auto selected = client->call<amqp::ConfirmSelectOk>(static_cast<std::uint16_t>(channel),
                                                        amqp::ConfirmSelect{});
    if (!selected) {
      return selected.error();
    }
  }
  PublishBuffer buffer{options_, topology.exchange(), topology.routing_keys_of(index, options_),
                       client->frame_max_bytes()};
  Pace pace{.tick_ns = static_cast<std::int64_t>(options_.tick_us) * 1000};
  if (options_.rate_per_second > 0) {
    const auto count = static_cast<double>(options_.publishers);
    pace.interval_ns = count * 1e9 / options_.rate_per_second;
    pace.offset_ns = pace.interval_ns * static_cast<double>(index) / count;
  }
  const std::uint64_t messages = options_.messages / options_.publishers +
                                 (index < options_.messages % options_.publishers ? 1 : 0);
  if (options_.messages != 0 && messages == 0) {
    return {};
  }
  const InFlightShare in_flight{
      .limit = options_.in_flight == 0
                   ? 0
                   : std::max<std::uint64_t>(options_.in_flight / options_.publishers, 1),
      .deliveries_per_message =
          std::max<std::size_t>(Topology::copies(options_), 1) * options_.publishers};
  const std::size_t threads = std::min(options_.publisher_threads, options_.publishers);
  Worker& worker = *workers_[index % threads];
  auto publisher = std::make_unique<Publisher>(client->release(), worker.context(), options_,
                                               std::move(buffer), pace, messages, in_flight);
  publishers_.push_back(publisher.get());
  worker.add(std::move(publisher));
  return {};
}

Result<void> Run::add_consumer(std::size_t index, const Topology& topology) {
  auto client = connect();
  if (!client) {
    return client.error();
  }
  for (std::size_t channel = 1; options_.prefetch != 0 && channel <= options_.channels; ++channel) {
    auto limited = client->call<amqp::BasicQosOk>(
        static_cast<std::uint16_t>(channel), amqp::BasicQos{.prefetch_count = options_.prefetch});
    if (!limited) {
      return limited.error();
    }
  }
  const std::vector<std::string> queues = topology.queues_of(index, options_);
  subscriptions_ += queues.size();
  const std::size_t threads = std::min(options_.consumer_threads, options_.consumers);
  Worker& worker = *workers_[workers_.size() - 1 - index % threads];
  worker.add(std::make_unique<Consumer>(client->release(), worker.context(), options_, queues));
  return {};
}

std::uint64_t Run::sum(Counter Counters::*counter) const {
  std::uint64_t total = 0;
  for (const auto& worker : workers_) {
    total += (worker->context().counters.*counter).get();
  }
  return total;
}

std::uint64_t Run::last(Counter Counters::*counter) const {
  std::uint64_t latest = 0;
  for (const auto& worker : workers_) {
    latest = std::max(latest, (worker->context().counters.*counter).get());
  }
  return latest;
}

ProcessUsage Run::sample() const {
  return options_.broker_pid == 0 ? ProcessUsage{} : read_usage(options_.broker_pid);
}

template <typename Condition>
bool Run::wait_until(Condition&& condition, std::int64_t deadline_ns) {
  while (!condition()) {
    if (state_.failed() || now_ns() >= deadline_ns) {
      return false;
    }
    if (start_ns_ != 0 && now_ns() >= next_progress_ns_) {
      show_progress();
      next_progress_ns_ += to_ns(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  return true;
}

void Run::show_progress() {
  const std::uint64_t published = sum(&Counters::published);
  const std::uint64_t delivered = sum(&Counters::delivered);
  std::string broker;
  if (options_.broker_pid != 0) {
    const ProcessUsage usage = read_usage(options_.broker_pid);
    peak_bytes_ = std::max(peak_bytes_, usage.resident_bytes);
    broker = fmt::format("   broker {:>4.0f}% CPU {:>6} MiB",
                         100 * to_s(usage.cpu_ns - broker_cpu_ns_), usage.resident_bytes >> 20);
    broker_cpu_ns_ = usage.cpu_ns;
  }
  if (!options_.quiet) {
    fmt::print(stderr, "{:>4.0f} s   published {:>9}/s   delivered {:>9}/s{}\n",
               to_s(now_ns() - start_ns_), published - shown_published_,
               delivered - shown_delivered_, broker);
  }
  shown_published_ = published;
  shown_delivered_ = delivered;
}

bool Run::subscribe_all() {
  consume_ns_ = now_ns();
  state_.consume = true;
  return wait_until([&] { return sum(&Counters::subscribed) >= subscriptions_; },
                    now_ns() + to_ns(30));
}

void Run::publish_all() {
  const std::int64_t end_ns =
      publishers_.empty()
          ? start_ns_
          : (options_.duration_s > 0 ? start_ns_ + to_ns(options_.duration_s) : INT64_MAX);
  state_.publish_end_ns = end_ns;
  state_.publish_start_ns = start_ns_;
  const auto finished = [&] { return sum(&Counters::finished_publishers) >= publishers_.size(); };
  if (options_.consumer_delay_s > 0 && !options_.consume_after_publish) {
    wait_until([] { return false; }, start_ns_ + to_ns(options_.consumer_delay_s));
    consume_ns_ = now_ns();
    state_.consume = true;
  }
  wait_until(finished, end_ns == INT64_MAX ? end_ns : end_ns + to_ns(options_.drain_s));
  published_all_ = sample();
}

bool Run::drained() const {
  const std::uint64_t expected = sum(&Counters::published) * Topology::copies(options_);
  if (expected != 0 || publishers_.empty()) {
    return sum(&Counters::delivered) >= expected;
  }
  const auto last_ns = static_cast<std::int64_t>(last(&Counters::last_delivery_ns));
  return now_ns() - std::max(last_ns, consume_ns_) > quiet_end_ns;
}

void Run::wait_for_deliveries() {
  if (options_.consumers == 0) {
    return;
  }
  if (!state_.consume) {
    consume_ns_ = now_ns();
    state_.consume = true;
  }
  wait_until([&] { return drained(); }, now_ns() + to_ns(options_.drain_s));
}

Result<RunResult> Run::measure() {
  for (const auto& worker : workers_) {
    worker->start();
  }
  const bool late = options_.consume_after_publish || options_.consumer_delay_s > 0;
  RunResult result;
  if (late || options_.consumers == 0 || subscribe_all()) {
    result.start = sample();
    broker_cpu_ns_ = result.start.cpu_ns;
    peak_bytes_ = result.start.resident_bytes;
    start_ns_ = now_ns();
    next_progress_ns_ = start_ns_ + to_ns(1);
    publish_all();
    wait_for_deliveries();
    result.end = sample();
  } else {
    state_.fail("not all consumers were subscribed within 30 s");
  }
  state_.stop = true;
  for (const auto& worker : workers_) {
    worker->join();
  }
  if (state_.failed()) {
    return fail(state_.error());
  }
  collect(result);
  return result;
}

void Run::collect(RunResult& result) {
  const auto elapsed_s = [](std::uint64_t until_ns, std::int64_t from_ns) {
    return until_ns == 0 ? 0 : to_s(static_cast<std::int64_t>(until_ns) - from_ns);
  };
  result.published = sum(&Counters::published);
  result.confirmed = sum(&Counters::confirmed);
  result.nacked = sum(&Counters::nacked);
  result.returned = sum(&Counters::returned);
  result.delivered = sum(&Counters::delivered);
  result.blocked = sum(&Counters::blocked);
  result.expected = options_.consumers == 0 ? 0 : result.published * Topology::copies(options_);
  result.publish_s = elapsed_s(last(&Counters::last_publish_ns), start_ns_);
  result.confirm_s = elapsed_s(last(&Counters::last_confirm_ns), start_ns_);
  result.deliver_s = elapsed_s(last(&Counters::last_delivery_ns), std::max(start_ns_, consume_ns_));
  result.published_all = published_all_;
  result.broker_resident_peak_bytes = std::max(peak_bytes_, result.end.resident_bytes);
  for (const auto& worker : workers_) {
    result.delivery_latency.merge(worker->context().delivery_latency);
    result.confirm_latency.merge(worker->context().confirm_latency);
    result.generator_cpu_ns += worker->context().cpu_ns;
  }
  for (const Publisher* publisher : publishers_) {
    result.behind += publisher->behind();
  }
}

}  // namespace

Result<RunResult> run(const RunOptions& options) {
  if (auto checked = check(options); !checked) {
    return checked.error();
  }
  auto topology = Topology::declare(options);
  if (!topology) {
    return topology.error();
  }
  // On the heap: histograms are large, and workers hold references into it.
  auto run = std::make_unique<Run>(options);
  if (auto prepared = run->prepare(*topology); !prepared) {
    return prepared.error();
  }
  auto result = run->measure();
  // The connections are closed first, so that deleting does not wait for their consumers.
  run.reset();
  if (options.keep) {
    return result;
  }
  if (auto removed = topology->remove(); !removed && result) {
    return removed.error();
  }
  return result;
}

}  // namespace lepus::benchmarks
