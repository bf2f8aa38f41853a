#pragma once

#include <chrono>
#include <cstdint>
#include <future>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include "broker/model/topology.h"
#include "broker/transport/listener.h"
#include "broker/transport/shard_thread.h"
#include "storage/open_store.h"

namespace lepus::transport {

/// Shards over a store in memory, and a listener on any free port.
class TestBroker final : public model::TopologyListener {
 public:
  explicit TestBroker(std::uint32_t shard_count = 1, ListenerOptions options = {})
      : store_(storage::make_memory_store()),
        topology_(*store_, clock_, {.shards = shard_count}),
        mail_(shard_count) {
    const storage::Recovered recovered = store_->take_recovered();
    EXPECT_TRUE(topology_.load(recovered));
    for (model::ShardIndex index = 0; index < shard_count; ++index) {
      shards_.push_back(std::make_unique<ShardThread>(
          ShardThreadEnvironment{.index = index,
                                 .shard_count = shard_count,
                                 .store = store_.get(),
                                 .cut_gate = &cut_gate_,
                                 .topology = &topology_,
                                 .reply_consumers = &reply_consumers_,
                                 .connection_counts = &connection_counts_,
                                 .settings = &settings_,
                                 .mail = &mail_}));
      shards_.back()->shard().load(recovered);
    }
    topology_.set_listener(this);
    std::vector<ShardThread*> shards;
    for (const auto& shard : shards_) {
      shard->start();
      shards.push_back(shard.get());
    }
    store_->recovery_finished({});
    options.address = "127.0.0.1";
    listener_ = std::make_unique<Listener>(shards, std::move(options));
    EXPECT_TRUE(listener_->open());
    listener_->start();
  }

  ~TestBroker() override {
    if (!threads_ended_) {
      listener_->close();
      for (const auto& shard : shards_) {
        shard->run([&] { shard->drop_sessions(); }).wait();
      }
      for (const auto& shard : shards_) {
        shard->stop();
      }
    }
    store_->close(true);
  }

  void topology_committed(model::TopologyTicket up_to, storage::Outcome outcome) override {
    for (const auto& shard : shards_) {
      shard->post([shard = shard.get(), up_to, outcome] {
        shard->shard().topology_committed(up_to, outcome);
      });
    }
  }

  /// The threads end while clients are connected; the store stays open.
  void end_threads() {
    listener_->close();
    for (const auto& shard : shards_) {
      shard->stop();
    }
    threads_ended_ = true;
  }

  [[nodiscard]] ShardThread& shard(std::size_t index) { return *shards_[index]; }

  [[nodiscard]] Listener& listener() { return *listener_; }

  [[nodiscard]] boost::asio::ip::tcp::endpoint endpoint() const { return listener_->endpoint(); }

  /// Asked on the shard's thread, behind everything that it had to do.
  [[nodiscard]] std::size_t connection_count(std::size_t index) {
    std::size_t count = 0;
    shards_[index]->run([&] { count = shards_[index]->connections().connection_count(); }).wait();
    return count;
  }

 private:
  SystemClock clock_;
  connection::ConnectionSettings settings_;
  model::ReplyConsumers reply_consumers_;
  model::ConnectionCounts connection_counts_;
  std::unique_ptr<storage::Store> store_;
  storage::CutGate cut_gate_{*store_};
  model::Topology topology_;
  MailExchange mail_;
  std::vector<std::unique_ptr<ShardThread>> shards_;
  std::unique_ptr<Listener> listener_;
  bool threads_ended_ = false;
};

/// Writes and reads octets, blocking, over any of Asio's streams.
template <typename Stream>
class OctetClient {
 public:
  template <typename... Arguments>
  explicit OctetClient(Arguments&&... arguments)
      : stream_(context_, std::forward<Arguments>(arguments)...) {}

  void send(std::string_view octets) {
    boost::asio::write(stream_, boost::asio::buffer(octets.data(), octets.size()));
  }

  /// Exactly so many octets; fewer if the broker ends the stream or breaks it.
  std::string receive(std::size_t bytes) {
    std::string octets(bytes, '\0');
    octets.resize(boost::asio::read(stream_, boost::asio::buffer(octets), error_));
    return octets;
  }

  /// One whole frame: type, channel, payload.
  std::string receive_frame() {
    std::string frame = receive(7);
    if (frame.size() < 7) {
      return frame;
    }
    std::size_t payload_bytes = 0;
    for (int i = 3; i < 7; ++i) {
      payload_bytes = payload_bytes << 8U | static_cast<unsigned char>(frame[i]);
    }
    return frame + receive(payload_bytes + 1);
  }

  /// Everything until the stream ends.
  std::string receive_rest() {
    std::string octets;
    boost::asio::read(stream_, boost::asio::dynamic_buffer(octets), error_);
    return octets;
  }

  /// How the last read ended.
  [[nodiscard]] const boost::system::error_code& error() const { return error_; }

  Stream& stream() { return stream_; }

 private:
  boost::asio::io_context context_;
  Stream stream_;
  boost::system::error_code error_;
};

class RawClient : public OctetClient<boost::asio::ip::tcp::socket> {
 public:
  explicit RawClient(const boost::asio::ip::tcp::endpoint& endpoint) { socket().connect(endpoint); }

  boost::asio::ip::tcp::socket& socket() { return stream(); }
};

inline constexpr std::string_view protocol_header{"AMQP\0\0\x09\x01", 8};

/// The class and method id of a method frame, as in 0x000a000a for connection.start.
inline std::uint32_t method_of(std::string_view frame) {
  std::uint32_t id = 0;
  for (std::size_t i = 7; i < 11 && i < frame.size(); ++i) {
    id = id << 8U | static_cast<unsigned char>(frame[i]);
  }
  return id;
}

inline std::string frame_of(char type, std::uint16_t channel, std::string_view payload) {
  std::string frame{type, static_cast<char>(channel >> 8U), static_cast<char>(channel & 0xffU)};
  for (int shift = 24; shift >= 0; shift -= 8) {
    frame += static_cast<char>(payload.size() >> static_cast<unsigned>(shift) & 0xffU);
  }
  return frame + std::string(payload) + '\xce';
}

inline std::string method_frame(std::string_view payload, std::uint16_t channel = 0) {
  return frame_of('\1', channel, payload);
}

inline constexpr std::uint32_t connection_start = 0x000a000a;
inline constexpr std::uint32_t connection_tune = 0x000a001e;
inline constexpr std::uint32_t connection_open_ok = 0x000a0029;
inline constexpr std::uint32_t connection_close = 0x000a0032;

inline constexpr std::string_view close_ok{"\0\x0a\0\x33", 4};

inline std::string start_ok() {
  using std::literals::string_literals::operator""s;
  return method_frame(
      "\0\x0a\0\x0b"
      "\0\0\0\0"  // client_properties
      "\5PLAIN"
      "\0\0\0\x0c\0guest\0guest"
      "\5en_US"s);
}

inline std::string tune_ok() {
  using std::literals::string_literals::operator""s;
  return method_frame("\0\x0a\0\x1f\x07\xff\0\2\0\0\0\0"s);
}

inline std::string open() {
  using std::literals::string_literals::operator""s;
  return method_frame("\0\x0a\0\x28\1/\0\0"s);
}

/// Through the handshake until connection.open-ok.
template <typename Client>
void log_in(Client& client) {
  client.send(protocol_header);
  ASSERT_EQ(method_of(client.receive_frame()), connection_start);
  client.send(start_ok());
  ASSERT_EQ(method_of(client.receive_frame()), connection_tune);
  client.send(tune_ok() + open());
  ASSERT_EQ(method_of(client.receive_frame()), connection_open_ok);
}

}  // namespace lepus::transport
