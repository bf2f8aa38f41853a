#include <deque>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>
#include <fmt/format.h>

#include "broker/model/binding.h"
#include "broker/model/route_cache.h"
#include "broker/model/topic_trie.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::benchmarks {

namespace {

/// Patterns of which one matches each key.
void match_topic(benchmark::State& state) {
  model::TopicTrie trie;
  std::deque<model::Binding> bindings;
  std::vector<std::string> keys;
  for (std::int64_t number = 0; number < state.range(0); ++number) {
    bindings.emplace_back().routing_key = fmt::format("word-{}.*", number);
    trie.add(bindings.back());
    keys.push_back(fmt::format("word-{}.x", number));
  }
  std::vector<const model::Binding*> matched;
  std::size_t next = 0;
  for (auto _ : state) {
    matched.clear();
    trie.match(keys[next], matched);
    benchmark::DoNotOptimize(matched.data());
    next = next + 1 == keys.size() ? 0 : next + 1;
  }
}

BENCHMARK(match_topic)->Name("match a topic among patterns")->Arg(1)->Arg(1000)->Arg(100'000);

/// A topic exchange with one binding for each key.
class Routes {
 public:
  explicit Routes(std::int64_t keys) {
    testing::TestClient client{broker_};
    client.open();
    client.send(1, amqp::QueueDeclare{.queue = "q"});
    for (std::int64_t number = 0; number < keys; ++number) {
      keys_.push_back(fmt::format("word-{}.x", number));
      const std::string pattern = fmt::format("word-{}.*", number);
      client.send(
          1, amqp::QueueBind{
                 .queue = "q", .exchange = "amq.topic", .routing_key = pattern, .no_wait = true});
    }
    client.answer();
  }

  void route_next(model::RouteCache& cache) {
    benchmark::DoNotOptimize(&cache.route("/", "amq.topic", keys_[next_], nullptr));
    next_ = next_ + 1 == keys_.size() ? 0 : next_ + 1;
  }

  [[nodiscard]] const model::Topology& topology() { return broker_.topology(); }

 private:
  testing::BrokerInTest broker_;
  std::vector<std::string> keys_;
  std::size_t next_ = 0;
};

void route(benchmark::State& state) {
  Routes routes{state.range(0)};
  model::RouteCache cache{routes.topology()};
  for (auto _ : state) {
    routes.route_next(cache);
  }
  state.counters["asked"] = static_cast<double>(cache.misses());
}

BENCHMARK(route)->Name("route by as many keys in turn")->Arg(1)->Arg(1000)->Arg(20'000);

}  // namespace

}  // namespace lepus::benchmarks
