#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "amqp/frame_parser.h"
#include "amqp/frame_writer.h"
#include "broker/connection/connection.h"
#include "broker/model/protocol_error.h"

namespace lepus::connection {

class ShardConnections;

/// What came back for one method of the in-process client.
struct DirectAnswer {
  /// The method failed: the code, and the text as of channel.close without the code's name.
  std::optional<model::ProtocolError> error;
  /// The payload of the answering method (for amqp::decode_method), e.g. of queue.declare-ok; empty
  /// after an error.
  std::string method;
  /// Of basic.get-ok.
  std::string properties;
  std::string body;
  /// A publish was unroutable.
  bool returned = false;
  /// A publish was answered with basic.nack.
  bool refused = false;
};

/// A client inside the broker, for management: a connection with one channel (in confirm mode) on
/// which AMQP methods are executed, with exactly the checks and texts that clients get. A channel
/// error ends the method, not the client. Lives on its shard's thread; handlers are called from
/// ShardConnections::end_turn(), in the order of the calls; once it is closed, at once.
class DirectConnection final : public TransportSession {
 public:
  using Handler = std::function<void(DirectAnswer&&)>;

  /// @param user  already authenticated. Fails like connection.open if the user may not use the
  /// vhost.
  static model::Checked<std::unique_ptr<DirectConnection>> open(ShardConnections& host,
                                                                const std::string& user,
                                                                const std::string& vhost);
  /// Closes the channel without an answer. Not inside a handler.
  ~DirectConnection() override;
  DirectConnection(const DirectConnection&) = delete;
  DirectConnection& operator=(const DirectConnection&) = delete;

  /// Executes a method that is answered (no no-wait).
  template <typename Method>
  void execute(const Method& method, Handler handler) {
    static_assert(!Method::has_content);
    std::string frames;
    amqp::append_method_frame(frames, amqp::ChannelNumber{channel_number}, method);
    enqueue({std::move(frames), std::move(handler), true});
  }

  /// Executes a method that is never answered, such as basic.ack. Nobody hears of its error.
  template <typename Method>
  void execute_unanswered(const Method& method) {
    std::string frames;
    amqp::append_method_frame(frames, amqp::ChannelNumber{channel_number}, method);
    enqueue({std::move(frames), nullptr, false});
  }

  /// Executes a method given as its frame on channel 1. Without a handler: one that is never
  /// answered.
  void execute_frame(std::string frame, Handler handler) {
    const bool is_answered = handler != nullptr;
    enqueue({std::move(frame), std::move(handler), is_answered});
  }

  /// Publishes, mandatory, and waits for the confirm.
  void publish(std::string_view exchange, std::string_view routing_key, std::string_view properties,
               std::string_view body, Handler handler);

  /// After a hard error nothing can be executed any more: open another one.
  [[nodiscard]] bool is_closed() const { return closed_; }

  void connection_changed() override;

 private:
  static constexpr std::uint16_t channel_number = 1;

  struct Call {
    std::string frames;
    Handler handler;
    bool is_answered = true;
  };

  DirectConnection(ShardConnections& host, Connection& connection);
  void open_channel();
  void enqueue(Call call);
  void run_next();
  void feed(std::string_view bytes);
  void handle(const amqp::Frame& frame);
  void handle_method(std::string_view payload);
  void fail(std::uint16_t code, std::string_view text);
  void close(std::uint16_t code, std::string_view text);
  void finish();

  ShardConnections& host_;
  Connection* connection_;
  amqp::FrameParser parser_{0};
  std::string input_;
  std::deque<Call> calls_;
  bool running_ = false;  ///< the first of calls_ waits for its answer
  bool closed_ = false;
  model::ProtocolError closing_error_;  ///< once closed_
  DirectAnswer answer_;
  bool in_return_ = false;  ///< content frames belong to basic.return
  std::uint64_t body_remaining_bytes_ = 0;
};

}  // namespace lepus::connection
