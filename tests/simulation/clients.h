#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/frame.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/any_method.h"
#include "broker/connection/connection.h"
#include "tests/simulation/checker.h"
#include "tests/simulation/random.h"

namespace lepus::simulation {

/// What clients ask for in connection.tune-ok.
inline constexpr std::uint32_t frame_max_bytes = 131072;

class World;

/// What a client does when it is its turn.
enum class Role {
  publisher,
  consumer,
  getter,
  transactor,     ///< publishes and settles in transactions
  administrator,  ///< declares, binds, purges and deletes; its connection is cut by restarts only
  drainer,        ///< takes all there is, without acks
};

std::string_view to_text(Role role);

// ---- what a client knows of a channel of its own

struct Publisher {
  std::uint32_t id = 0;
  std::uint64_t last_number = 0;
  bool confirms = false;
  std::map<std::uint64_t, std::vector<MessageName>> unconfirmed;
};

struct ConsumerOfClient {
  std::uint32_t queue = 0;
  bool no_ack = false;
  bool cancelling = false;
};

struct Unacked {
  MessageName name;
  std::string consumer_tag;
};

struct HeldSettlement {
  MessageName name;
  std::uint64_t delivery_tag = 0;
  std::string consumer_tag;
  Settling settling = Settling::ack;
};

struct TransactionOfClient {
  TransactionNumber number = 0;  ///< of the open one
  bool has_publishes = false;
  std::vector<HeldSettlement> settlements;
  std::deque<TransactionNumber> committing;  ///< tx.commit was sent, in this order
};

struct ClientChannel {
  std::uint32_t serial = 0;
  bool closing = false;  ///< channel.close was sent
  std::shared_ptr<ObservedChannel> observed;
  std::optional<Publisher> publisher;
  std::optional<TransactionOfClient> transaction;
  std::map<std::string, ConsumerOfClient> consumers;
  std::map<std::uint64_t, Unacked> unacked;  ///< by delivery tag
  std::deque<ConsumerOfClient> gets;         ///< basic.get without an answer as yet
  bool recovering = false;
  bool has_global_qos = false;  ///< quorum queues don't like it
  std::size_t requests = 0;     ///< synchronous methods without an answer as yet
};

/// An AMQP client that does by chance what its role allows. Its octets lie on the way in both
/// directions until the scheduler moves some of them.
class Client final : public connection::TransportSession {
 public:
  Client(World& world, Role role, std::uint32_t number);

  [[nodiscard]] Role role() const { return role_; }

  [[nodiscard]] std::uint32_t number() const { return number_; }

  [[nodiscard]] bool is_connected() const { return connection_ != nullptr; }

  [[nodiscard]] std::size_t shard() const { return shard_; }

  [[nodiscard]] connection::Connection& connection() { return *connection_; }

  // ---- what the scheduler makes it do
  void connect();
  /// The socket is gone in the middle of whatever was on the way.
  void cut();
  /// Something that its role allows. In a calm world nothing new is begun, but all that was
  /// delivered is settled.
  void act(bool calm);
  /// Some octets reach the broker.
  /// @return false if there was nothing to do
  bool deliver_bytes(std::size_t bytes_max);
  /// Some octets are taken from the broker's output, even by a client that has stopped reading if
  /// forced.
  bool read_bytes(std::size_t bytes_max, bool forced);
  /// The broker wants the socket closed and has written everything.
  bool close_if_wished();
  /// The shard's turn has ended, all that was received is executed.
  void turn_ended();
  /// All that it asked for is answered.
  [[nodiscard]] bool is_content() const;
  /// For the trace, and when a run does not come to rest.
  [[nodiscard]] std::string describe() const;

  void connection_changed() override {}

  // ---- for the administrator
  /// Everything is declared, and bindings of which nobody knows whether they are there are made or
  /// removed.
  void set_up();
  void drain_queues();

 private:
  struct SettlingOnItsWay {
    std::uint64_t stream_end = 0;  ///< where in all octets of this connection the method ends
    std::uint16_t channel = 0;
    SentSettling settling;
  };

  struct Content {
    std::uint16_t channel = 0;
    bool is_get = false;
    std::string consumer_tag;
    std::uint64_t delivery_tag = 0;
    bool redelivered = false;
    std::string properties;
    std::uint64_t body_size_bytes = 0;
    std::string body;
  };

  template <typename Method>
  void send(std::uint16_t channel, const Method& method) {
    amqp::append_method_frame(outgoing_, amqp::ChannelNumber{channel}, method);
  }

  void open_channel();
  void close_channel(std::uint16_t number);
  void forget_channel(std::uint16_t number);
  [[nodiscard]] model::ChannelRef reference(std::uint16_t channel) const;
  ClientChannel* any_channel();

  void act_as_publisher(std::uint16_t number, ClientChannel& channel);
  void publish(std::uint16_t number, ClientChannel& channel);
  void act_as_consumer(std::uint16_t number, ClientChannel& channel, bool calm);
  void act_as_getter(std::uint16_t number, ClientChannel& channel, bool calm);
  void act_as_transactor(std::uint16_t number, ClientChannel& channel, bool calm);
  void act_as_administrator(bool calm);
  void start_consumer(std::uint16_t number, ClientChannel& channel);
  std::vector<MessageName> publish_directly(std::uint16_t number, const Publisher& publisher,
                                            const Published& what, const std::string& body);
  std::vector<MessageName> publish_through(std::uint16_t number, const Publisher& publisher,
                                           const Published& what, const std::string& body);
  void send_content(std::uint16_t number, std::string_view exchange, const std::string& key,
                    const Published& what, const std::string& headers, const std::string& body);
  void declare(std::uint16_t number, std::uint32_t queue);
  void bind_to_all(std::uint16_t number, std::uint32_t queue, std::function<void()> done);
  void change_route(std::uint16_t number, std::uint32_t exchange, std::uint32_t queue, bool leads);
  void replace_queue(std::uint16_t number, std::uint32_t queue);
  void settle_some(std::uint16_t number, ClientChannel& channel, bool calm);
  void settle(std::uint16_t number, ClientChannel& channel, std::uint64_t tag, bool multiple,
              Settling settling, bool as_reject);
  void commit(std::uint16_t number, ClientChannel& channel);
  void roll_back(std::uint16_t number, ClientChannel& channel);
  void begin_transaction(ClientChannel& channel);
  void leave_transaction(const ClientChannel& channel);

  void parse_input();
  void handle(const amqp::Frame& frame);
  void handle_method(std::uint16_t number, const amqp::AnyMethod& method);
  void handle_answer(std::uint16_t number, ClientChannel& channel, const amqp::AnyMethod& method);
  void handle_close(std::uint16_t number, const amqp::ChannelClose& close);
  void handle_confirm(ClientChannel& channel, std::uint64_t number, bool multiple, bool refused);
  void handle_content();

  World& world_;
  const Role role_;
  const std::uint32_t number_;
  std::size_t shard_ = 0;
  connection::Connection* connection_ = nullptr;
  bool reads_ = true;
  bool closed_by_broker_ = false;
  std::string outgoing_;
  std::uint64_t stream_bytes_ = 0;  ///< that reached the broker
  std::string incoming_;
  std::uint16_t last_channel_ = 0;
  std::uint32_t last_channel_serial_ = 0;
  std::map<std::uint16_t, ClientChannel> channels_;
  std::deque<SettlingOnItsWay> settlings_;
  std::optional<Content> content_;
  /// What the answers to the administrator's binds and purges mean, in order.
  std::deque<std::function<void()>> awaited_;
  std::uint32_t last_consumer_ = 0;
};

}  // namespace lepus::simulation
