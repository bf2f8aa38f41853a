#include <cstdint>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "amqp/basic_properties.h"
#include "broker/model/sub_queue.h"

namespace lepus::benchmarks {

namespace {

constexpr std::size_t window_bytes = std::size_t{64} << 20U;
constexpr int messages = 100;

model::MessagePtr make_message(bool persistent) {
  constexpr std::size_t body_bytes = 16;
  auto message = model::Message::create("orders", "new.book", amqp::empty_property_bytes,
                                        body_bytes, {.persistent = persistent});
  message->append_body(std::string(body_bytes, 'x'));
  return message;
}

void create_message(benchmark::State& state) {
  for (auto _ : state) {
    benchmark::DoNotOptimize(make_message(false));
  }
}

BENCHMARK(create_message)->Name("create a message");

/// Pushed, taken, and acked by itself: of a queue whose consumer keeps up.
void pass_queue(benchmark::State& state) {
  const bool durable = state.range(0) != 0;
  model::QueueMemory memory;
  model::SubQueue queue{0, durable ? model::Durability::persistent : model::Durability::none,
                        memory};
  const model::MessagePtr message = make_message(durable);
  std::vector<model::Position> unacked;
  for (auto _ : state) {
    for (int index = 0; index < messages; ++index) {
      benchmark::DoNotOptimize(queue.push(message, window_bytes));
    }
    while (queue.front() != nullptr) {
      const model::ReadyMessage taken = queue.take_front();
      queue.mark_unacked(taken, model::ConsumerId{1});
      unacked.push_back(taken.position);
    }
    for (const model::Position position : unacked) {
      queue.settle_unacked(position);
    }
    unacked.clear();
  }
  state.SetItemsProcessed(state.iterations() * messages);
}

BENCHMARK(pass_queue)->Name("push, deliver, ack 100; durable")->Arg(0)->Arg(1);

}  // namespace

}  // namespace lepus::benchmarks
