#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "amqp/basic_properties.h"
#include "amqp/content_header.h"
#include "amqp/frame_parser.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/any_method.h"
#include "amqp/printer.h"
#include "broker/connection/shard_connections.h"
#include "broker/model/shard.h"
#include "broker/model/topology.h"
#include "tests/support/fake_store.h"

namespace lepus::testing {

class ManualClock final : public Clock {
 public:
  explicit ManualClock(std::int64_t now_ms = 1000) : now_ms(now_ms) {}

  [[nodiscard]] std::int64_t steady_ms() const override { return now_ms; }

  [[nodiscard]] std::int64_t wall_ms() const override { return 1'700'000'000'000 + now_ms; }

  std::int64_t now_ms;
};

/// Shards, topology and connections in one thread, over a store in memory; nothing happens by
/// itself.
class BrokerInTest final : public model::TopologyListener {
 public:
  /// Over what the backend holds, as a restart does, at that time of the clock.
  explicit BrokerInTest(
      std::uint32_t shard_count = 1,
      std::shared_ptr<storage::MemoryBackend> backend = std::make_shared<storage::MemoryBackend>(),
      std::int64_t now_ms = 1000)
      : clock(now_ms),
        store_(std::move(backend)),
        topology_(store_, clock, {.shards = shard_count}) {
    const storage::Recovered recovered = store_.take_recovered();
    EXPECT_TRUE(topology_.load(recovered).has_value());
    topology_.set_listener(this);
    for (model::ShardIndex index = 0; index < shard_count; ++index) {
      shards_.push_back(std::make_unique<OneShard>(*this, index, shard_count));
      shards_.back()->shard->load(recovered);
    }
    store_.recovery_finished(topology_.orphans(recovered));
    run();
  }

  ~BrokerInTest() override {
    tasks_.clear();
    topology_.set_listener(nullptr);
  }

  connection::ShardConnections& connections(std::size_t shard = 0) {
    return *shards_[shard]->connections;
  }

  model::Shard& shard(std::size_t index = 0) { return *shards_[index]->shard; }

  model::Topology& topology() { return topology_; }

  FakeStore& store() { return store_; }

  connection::ConnectionSettings& settings() { return settings_; }

  /// Turns of all shards until there is nothing left to do without the clock.
  void run() {
    for (int quiet = 0; quiet < 2; ++quiet) {
      for (const auto& each : shards_) {
        each->connections->resume();
        each->shard->end_turn();
        each->connections->end_turn();
      }
      while (!tasks_.empty() || !mail_.empty()) {
        quiet = -1;
        if (!tasks_.empty()) {
          const std::function<void()> task = std::move(tasks_.front());
          tasks_.pop_front();
          task();
        } else {
          auto [to, operation] = std::move(mail_.front());
          mail_.pop_front();
          shards_[to]->shard->receive(std::move(operation));
        }
      }
      for (const auto& each : shards_) {
        quiet = each->connections->has_pending_work() ? -1 : quiet;
      }
    }
  }

  /// The shard's turn ends; what it has to say to others is on its way then.
  void end_turn(std::size_t shard) {
    shards_[shard]->shard->end_turn();
    shards_[shard]->connections->end_turn();
  }

  /// The first of what is on its way arrives. @return false: there was nothing.
  bool carry_one() {
    if (mail_.empty()) {
      return false;
    }
    auto [to, operation] = std::move(mail_.front());
    mail_.pop_front();
    shards_[to]->shard->receive(std::move(operation));
    return true;
  }

  void advance(std::int64_t by_ms) {
    clock.now_ms += by_ms;
    for (const auto& each : shards_) {
      each->connections->tick();
      each->shard->tick();
    }
    run();
  }

  void topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) override {
    tasks_.push_back([this, up_to, outcome] {
      for (const auto& each : shards_) {
        each->shard->topology_committed(up_to, outcome);
      }
    });
  }

  ManualClock clock;

 private:
  struct OneShard final : public model::Mailboxes {
    OneShard(BrokerInTest& broker, model::ShardIndex index, std::uint32_t shard_count)
        : broker(broker) {
      connections = std::make_unique<connection::ShardConnections>(
          connection::ShardConnectionsEnvironment{.index = index,
                                                  .shard_count = shard_count,
                                                  .clock = &broker.clock,
                                                  .topology = &broker.topology_,
                                                  .reply_consumers = &broker.reply_consumers_,
                                                  .counts = &broker.counts_,
                                                  .settings = &broker.settings_});
      shard = std::make_unique<model::Shard>(
          model::ShardEnvironment{.index = index,
                                  .shard_count = shard_count,
                                  .clock = &broker.clock,
                                  .store = &broker.store_,
                                  .cut_gate = &broker.cut_gate_,
                                  .topology = &broker.topology_,
                                  .mailboxes = this,
                                  .connections = connections.get(),
                                  .post = [&broker](std::function<void()> task) {
                                    broker.tasks_.push_back(std::move(task));
                                  }});
      connections->set_shard(*shard);
    }

    // The connections give everything back to the shard's queues, so they go first.
    ~OneShard() override { connections.reset(); }

    void send(model::ShardIndex to, model::Operation operation) override {
      broker.mail_.emplace_back(to, std::move(operation));
    }

    BrokerInTest& broker;
    std::unique_ptr<model::Shard> shard;
    std::unique_ptr<connection::ShardConnections> connections;
  };

  FakeStore store_;
  storage::CutGate cut_gate_{store_};
  model::Topology topology_;
  model::ReplyConsumers reply_consumers_;
  model::ConnectionCounts counts_;
  connection::ConnectionSettings settings_;
  std::deque<std::function<void()>> tasks_;
  std::deque<std::pair<model::ShardIndex, model::Operation>> mail_;
  std::vector<std::unique_ptr<OneShard>> shards_;
};

/// A client of one connection: encodes methods, and shows what came back as text, one line a frame.
class TestClient final : public connection::TransportSession {
 public:
  explicit TestClient(BrokerInTest& broker, std::size_t shard = 0,
                      connection::PeerDescription peer = {.peer_host = "127.0.0.1",
                                                          .peer_port = 40000,
                                                          .host = "127.0.0.1",
                                                          .port = 5672})
      : broker_(broker),
        shard_(shard),
        connection_(&broker.connections(shard).accept(std::move(peer), this)) {}

  ~TestClient() override {
    if (connection_ != nullptr) {
      cut();
    }
  }

  /// The socket is gone.
  void cut() {
    broker_.connections(shard_).remove(*std::exchange(connection_, nullptr));
    broker_.run();
  }

  connection::Connection& connection() { return *connection_; }

  void send_bytes(std::string_view bytes) { connection_->receive({bytes.data(), bytes.size()}); }

  template <typename Method>
  TestClient& send(std::uint16_t channel, const Method& method) {
    std::string frame;
    amqp::append_method_frame(frame, amqp::ChannelNumber{channel}, method);
    send_bytes(frame);
    return *this;
  }

  TestClient& publish(std::uint16_t channel, const amqp::BasicPublish& method,
                      std::string_view body, const amqp::BasicProperties& properties = {}) {
    std::string frames;
    amqp::append_content(frames, amqp::ChannelNumber{channel}, method,
                         amqp::encode_properties(properties), body, 131072);
    send_bytes(frames);
    return *this;
  }

  /// Runs the broker and gives what it sent since the last call: "1 queue.declare-ok queue="q" …"
  /// lines.
  std::string answer() {
    broker_.run();
    read_output();
    return std::exchange(received_, {});
  }

  /// Octets are left in the connection's output until this is called.
  void stop_reading() { reads_ = false; }

  void read_on() {
    reads_ = true;
    read_output();
  }

  /// The handshake up to connection.open-ok, and one channel.
  TestClient& open(const amqp::ConnectionTuneOk& tune = {.channel_max = 2047,
                                                         .frame_max = 131072,
                                                         .heartbeat = 0},
                   std::string_view capabilities =
                       "consumer_cancel_notify connection.blocked "
                       "authentication_failure_close") {
    send_bytes(amqp::protocol_header);
    send_start_ok("guest", "guest", capabilities);
    send(0, tune);
    send(0, amqp::ConnectionOpen{.virtual_host = "/"});
    send(1, amqp::ChannelOpen{});
    const std::string answer_lines = answer();
    EXPECT_NE(answer_lines.find("1 channel.open-ok"), std::string::npos) << answer_lines;
    return *this;
  }

  void send_start_ok(std::string_view user, std::string_view password,
                     std::string_view capabilities = "authentication_failure_close") {
    amqp::FieldTable named;
    while (!capabilities.empty()) {
      const std::string_view name = capabilities.substr(0, capabilities.find(' '));
      capabilities.remove_prefix(std::min(capabilities.size(), name.size() + 1));
      named.set(name, true);
    }
    amqp::FieldTable properties;
    properties.set("capabilities", named);
    const std::string encoded = properties.encode();
    const std::string response =
        std::string{'\0'} + std::string{user} + '\0' + std::string{password};
    send(0, amqp::ConnectionStartOk{.client_properties = {encoded},
                                    .mechanism = "PLAIN",
                                    .response = {response},
                                    .locale = "en_US"});
  }

  /// Declares queues of the default vhost on channel 1 until one lives on that shard.
  /// @return its name, which begins with `prefix`.
  std::string declare_on(model::ShardIndex owner, const std::string& prefix,
                         amqp::QueueDeclare method = {}) {
    for (int number = 0;; ++number) {
      std::string name = prefix + std::to_string(number);
      method.queue = name;
      send(1, method);
      EXPECT_NE(answer().find("queue.declare-ok"), std::string::npos);
      if (broker_.topology().find_queue("/", name)->owner == owner) {
        return name;
      }
    }
  }

  /// Also told each frame that came; its payload is valid during the call.
  std::function<void(const amqp::Frame&)> on_frame;

  void connection_changed() override {
    if (reads_) {
      read_output();
    }
  }

 private:
  void read_output() {
    if (connection_ == nullptr || !reads_) {
      return;
    }
    connection::OutgoingBuffer& output = connection_->output();
    std::array<std::span<const char>, 8> pieces;
    while (const std::size_t count = output.gather(pieces)) {
      std::size_t bytes = 0;
      for (std::size_t index = 0; index < count; ++index) {
        input_.append(pieces[index].data(), pieces[index].size());
        bytes += pieces[index].size();
      }
      connection_->output_written(bytes);
    }
    std::string_view rest = input_;
    amqp::Frame frame;
    while (amqp::FrameParser{0}.parse(rest, frame) == amqp::ParseStatus::frame) {
      rest.remove_prefix(frame.wire_size_bytes());
      show(frame);
    }
    input_.erase(0, input_.size() - rest.size());
  }

  void show(const amqp::Frame& frame) {
    if (on_frame) {
      on_frame(frame);
    }
    switch (frame.type) {
      case amqp::FrameType::method: {
        const auto method = amqp::decode_method(frame.payload);
        ASSERT_TRUE(method);
        received_ += std::to_string(frame.channel.value) + ' ' + amqp::to_log_line(*method) + '\n';
        return;
      }
      case amqp::FrameType::header: {
        const auto header = amqp::decode_content_header(frame.payload);
        ASSERT_TRUE(header);
        received_ += "  " + std::to_string(header->body_size_bytes) + " octets";
        if (const auto properties = amqp::decode_properties(header->property_bytes)) {
          if (properties->headers) {
            received_ += " headers=" + amqp::to_log_text(properties->headers->decode());
          }
          if (properties->reply_to) {
            received_ += " reply_to=" + std::string{*properties->reply_to};
          }
        }
        received_ += '\n';
        return;
      }
      case amqp::FrameType::body:
        received_ += frame.payload.size() > 64
                         ? "  body of " + std::to_string(frame.payload.size()) + '\n'
                         : "  \"" + std::string{frame.payload} + "\"\n";
        return;
      case amqp::FrameType::heartbeat:
        received_ += "heartbeat\n";
        return;
    }
  }

  BrokerInTest& broker_;
  std::size_t shard_;
  connection::Connection* connection_;
  bool reads_ = true;
  std::string input_;
  std::string received_;
};

/// The octets of a method frame.
template <typename Method>
std::string method_frame(std::uint16_t channel, const Method& method) {
  std::string frame;
  amqp::append_method_frame(frame, amqp::ChannelNumber{channel}, method);
  return frame;
}

}  // namespace lepus::testing
