#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "broker/model/topology.h"
#include "tests/support/fake_store.h"

namespace lepus::model {

class StandingClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t steady_ms() const override { return 0; }

  [[nodiscard]] std::int64_t wall_ms() const override { return 1'700'000'000'000; }
};

/// "406 text", or "ok".
template <typename T>
std::string outcome_of(const Checked<T>& checked) {
  return checked
             ? "ok"
             : std::to_string(amqp::to_number(checked.error().code)) + " " + checked.error().text;
}

inline std::string outcome_of(const std::optional<ProtocolError>& error) {
  return error ? std::to_string(amqp::to_number(error->code)) + " " + error->text : "ok";
}

/// A topology over a store in memory, asked by "guest" in "/".
class TopologyFixture : public ::testing::Test {
 protected:
  static constexpr ConnectionId here{7};
  static constexpr ConnectionId elsewhere{8};

  explicit TopologyFixture(TopologyOptions options = {.shards = 4}) : options_(std::move(options)) {
    start();
  }

  /// The broker stops without a word and starts again over what was committed.
  void restart() {
    auto backend = store_->backend();
    topology_.reset();
    backend->reopen();
    store_ = std::make_unique<testing::FakeStore>(backend);
    start();
  }

  void start() {
    topology_ = std::make_unique<Topology>(*store_, clock_, options_);
    recovered_ = store_->take_recovered();
    const auto loaded = topology_->load(recovered_);
    ASSERT_TRUE(loaded.has_value()) << loaded.error().text;
    guest_ = topology_->make_access("guest", "/");
  }

  Checked<TopologyTicket> declare_exchange(std::string_view name, std::string_view type,
                                           const ExchangeDeclaration& rest = {.durable = true}) {
    ExchangeDeclaration declaration = rest;
    declaration.name = name;
    declaration.type = type;
    return topology_->declare_exchange(*guest_, declaration);
  }

  Checked<DeclaredQueue> declare_queue(std::string_view name,
                                       const QueueDeclaration& rest = {.durable = true}) {
    QueueDeclaration declaration = rest;
    declaration.name = name;
    if (declaration.connection == ConnectionId::none) {
      declaration.connection = here;
    }
    return topology_->declare_queue(*guest_, declaration);
  }

  std::shared_ptr<QueueRecord> make_queue(std::string_view name,
                                          const QueueDeclaration& rest = {.durable = true}) {
    auto declared = declare_queue(name, rest);
    EXPECT_TRUE(declared.has_value()) << outcome_of(declared);
    return declared ? declared->queue : nullptr;
  }

  Checked<TopologyTicket> bind(std::string_view source, std::string_view queue,
                               std::string_view routing_key, amqp::FieldTable arguments = {}) {
    return topology_->bind(*guest_, to_queue(source, queue, routing_key, std::move(arguments)),
                           here);
  }

  Checked<TopologyTicket> bind_exchange(std::string_view source, std::string_view destination,
                                        std::string_view routing_key) {
    return topology_->bind(*guest_, to_exchange(source, destination, routing_key), here);
  }

  static BindingDescription to_queue(std::string_view source, std::string_view queue,
                                     std::string_view routing_key,
                                     amqp::FieldTable arguments = {}) {
    return {.source = std::string{source},
            .destination_type = BindingDestination::queue,
            .destination = std::string{queue},
            .routing_key = std::string{routing_key},
            .arguments = std::move(arguments)};
  }

  static BindingDescription to_exchange(std::string_view source, std::string_view destination,
                                        std::string_view routing_key) {
    return {.source = std::string{source},
            .destination_type = BindingDestination::exchange,
            .destination = std::string{destination},
            .routing_key = std::string{routing_key},
            .arguments = {}};
  }

  /// Names of the queues a message reaches, in the order of their ids.
  static std::vector<std::string> names_in(const Route& route) {
    std::vector<std::string> names;
    names.reserve(route.queues.size());
    for (const auto& queue : route.queues) {
      names.push_back(queue->name);
    }
    return names;
  }

  std::vector<std::string> routed(std::string_view exchange, std::string_view routing_key,
                                  const amqp::FieldTable& headers = {}) {
    const std::string bytes = headers.encode();
    return routed(exchange, routing_key, properties_with(bytes));
  }

  std::vector<std::string> routed(std::string_view exchange, std::string_view routing_key,
                                  const amqp::BasicProperties& properties) {
    return names_in(topology_->route("/", exchange, routing_key, &properties));
  }

  /// @param headers  an encoded table, which they point into; empty: none
  static amqp::BasicProperties properties_with(std::string_view headers) {
    amqp::BasicProperties properties;
    if (!headers.empty()) {
      properties.headers = amqp::FieldTableView{headers};
    }
    return properties;
  }

  const TopologyOptions options_;
  StandingClock clock_;
  std::unique_ptr<testing::FakeStore> store_ = std::make_unique<testing::FakeStore>();
  storage::Recovered recovered_;
  std::unique_ptr<Topology> topology_;
  std::unique_ptr<Access> guest_;
};

}  // namespace lepus::model
