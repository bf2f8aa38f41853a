#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "broker/base/limits.h"
#include "broker/model/queue.h"

namespace lepus::model {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }

  [[nodiscard]] std::int64_t wall_ms() const override { return now_ms; }

  std::int64_t now_ms = 1'000'000;
};

/// Remembers what the queue asks of its shard, in the words of the test.
class FakeHost final : public QueueHost {
 public:
  [[nodiscard]] const Clock& clock() const override { return manual_clock; }

  void deliver(Deliver&& delivery) override { deliveries.push_back(std::move(delivery)); }

  void add_pending(PendingRow&& row) override { rows.push_back(std::move(row)); }

  void progress_changed(StoredQueue&, bool) override {}

  void start_read(StoredQueue&, Priority, storage::PositionRange, std::size_t,
                  std::uint64_t generation) override {
    read_generations.push_back(generation);
  }

  bool dead_letter(Queue&, std::optional<MessagePlace>, MessagePtr message,
                   DeadLetterReason reason) override {
    letters.emplace_back(message->body(), reason);
    return false;
  }

  void request_token(TokenRequest&& request) override {
    token_requests.push_back(request);
    if (on_token_request) {
      on_token_request(request);
    }
  }

  void return_tokens(TokenReturn&& tokens) override {
    returned_tokens += tokens.count;
    if (on_tokens_returned) {
      on_tokens_returned(tokens);
    }
  }

  void consumer_cancelled(ConsumerCancelled&& notice) override {
    cancelled.push_back(notice.consumer);
  }

  void got(Got&& answer) override { gets.push_back(std::move(answer)); }

  OutputWindow* output_window(ConnectionId) override { return &window; }

  void set_timer(StoredQueue&, std::int64_t at_ms) override { timer_at_ms = at_ms; }

  QueueMemory& memory() override { return queue_memory; }

  void release_due(DelayQueue&) override { ++releases; }

  void wait_for_acks(Queue&) override { ++waits_for_acks; }

  void queue_ended(Queue&) override { ended = true; }

  void read_fault(const StoredQueue&, std::string_view what) override { faults.emplace_back(what); }

  /// "consumer:body", in order, since the last call.
  std::vector<std::string> take_deliveries() {
    std::vector<std::string> result;
    result.reserve(deliveries.size());
    for (const Deliver& delivery : deliveries) {
      result.push_back(std::to_string(static_cast<std::uint64_t>(delivery.consumer)) + ":" +
                       std::string(delivery.message->body()) + (delivery.redelivered ? "!" : ""));
    }
    settled_view = std::move(deliveries);
    deliveries.clear();
    return result;
  }

  ManualClock manual_clock;
  QueueMemory queue_memory;
  int waits_for_acks = 0;
  int releases = 0;
  OutputWindow window{.available_bytes = limits::output_window_bytes_max};
  std::vector<Deliver> deliveries;
  std::vector<Deliver> settled_view;  ///< of the last take_deliveries()
  std::vector<PendingRow> rows;
  std::vector<std::pair<std::string, DeadLetterReason>> letters;
  std::vector<TokenRequest> token_requests;
  std::function<void(const TokenRequest&)> on_token_request;
  std::function<void(const TokenReturn&)> on_tokens_returned;
  std::uint32_t returned_tokens = 0;
  std::vector<ConsumerId> cancelled;
  std::vector<Got> gets;
  std::vector<std::string> faults;
  std::int64_t timer_at_ms = 0;
  std::vector<std::uint64_t> read_generations;
  bool ended = false;
};

}  // namespace lepus::model
