// lepus-path: takes messages the whole way through the broker's core in one thread, publish → queue
// → deliver → ack, without sockets, disk or clock. Run under callgrind it tells how many
// instructions that takes, the same on every machine and however busy it is; see instructions.py.

#include <array>
#include <cstdlib>
#include <span>
#include <string>
#include <string_view>

#include <fmt/format.h>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/basic.h"
#include "amqp/methods/channel.h"
#include "amqp/methods/confirm.h"
#include "amqp/methods/queue.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::benchmarks {

namespace {

constexpr amqp::ChannelNumber channel{1};
constexpr std::uint32_t frame_max_bytes = 131072;
/// Messages of one turn, about as many as one read from a busy socket brings.
constexpr std::uint64_t turn_messages = 50;

/// A client whose output goes nowhere.
class Peer final : public connection::TransportSession {
 public:
  explicit Peer(testing::BrokerInTest& broker)
      : broker_(broker),
        connection_(broker.connections().accept({.peer_host = "127.0.0.1"}, this)) {
    connection_.open_directly("guest", "/");
    send(amqp::ChannelOpen{});
  }

  ~Peer() override { broker_.connections().remove(connection_); }

  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  template <typename Method>
  void send(const Method& method) {
    std::string frame;
    amqp::append_method_frame(frame, channel, method);
    send_bytes(frame);
  }

  void send_bytes(std::string_view bytes) { connection_.receive({bytes.data(), bytes.size()}); }

  void connection_changed() override {
    std::array<std::span<const char>, 64> pieces;
    while (const std::size_t count = connection_.output().gather(pieces)) {
      std::size_t bytes = 0;
      for (std::size_t index = 0; index < count; ++index) {
        bytes += pieces[index].size();
      }
      connection_.output_written(bytes);
      sent_bytes_ += bytes;
    }
  }

  [[nodiscard]] std::size_t sent_bytes() const { return sent_bytes_; }

 private:
  testing::BrokerInTest& broker_;
  connection::Connection& connection_;
  std::size_t sent_bytes_ = 0;
};

struct Kind {
  std::string_view name;
  std::size_t body_bytes;
  bool acks;
  bool persistent;  ///< in a durable queue, with confirms
};

constexpr std::array kinds{
    Kind{"transient-16", 16, false, false},
    Kind{"transient-1k-acks", 1024, true, false},
    Kind{"persistent-1k-acks", 1024, true, true},
};

std::string publishes(const Kind& kind) {
  const std::string properties = amqp::encode_properties(
      {.delivery_mode = kind.persistent ? amqp::persistent_delivery_mode : std::uint8_t{1}});
  const std::string body(kind.body_bytes, 'x');
  std::string frames;
  for (std::uint64_t number = 0; number < turn_messages; ++number) {
    amqp::append_content(frames, channel, amqp::BasicPublish{.routing_key = "q"}, properties, body,
                         frame_max_bytes);
  }
  return frames;
}

/// @return false if not everything was delivered.
bool run(const Kind& kind, std::uint64_t messages) {
  testing::BrokerInTest broker;
  Peer publisher{broker};
  Peer consumer{broker};
  publisher.send(amqp::QueueDeclare{.queue = "q", .durable = kind.persistent});
  if (kind.persistent) {
    publisher.send(amqp::ConfirmSelect{});
  }
  broker.run();
  consumer.send(amqp::BasicConsume{.queue = "q", .no_ack = !kind.acks});
  broker.run();
  const std::size_t before_bytes = consumer.sent_bytes();
  const std::string frames = publishes(kind);
  for (std::uint64_t done = 0; done < messages; done += turn_messages) {
    publisher.send_bytes(frames);
    broker.run();
    for (std::uint64_t number = 1; kind.acks && number <= turn_messages; ++number) {
      consumer.send(amqp::BasicAck{.delivery_tag = {done + number}});
    }
    broker.run();
  }
  return consumer.sent_bytes() - before_bytes >= messages * kind.body_bytes;
}

}  // namespace

}  // namespace lepus::benchmarks

int main(int argc, char** argv) {
  using namespace lepus::benchmarks;
  for (const Kind& kind : kinds) {
    if (argc == 3 && kind.name == argv[1]) {
      return run(kind, std::strtoull(argv[2], nullptr, 10)) ? 0 : 1;
    }
  }
  fmt::print(stderr, "lepus-path KIND MESSAGES, with a kind of:");
  for (const Kind& kind : kinds) {
    fmt::print(stderr, " {}", kind.name);
  }
  fmt::print(stderr, "\n");
  return 2;
}
