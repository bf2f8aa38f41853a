#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <fmt/format.h>

#include "amqp/constants.h"
#include "amqp/frame_writer.h"
#include "amqp/method_codec.h"
#include "amqp/types.h"
#include "broker/base/result.h"
#include "tests/benchmarks/options.h"

namespace lepus::benchmarks {

/// A logged-in connection that does one thing at a time and waits for the answer: for all that is
/// not measured. No heartbeats.
class Client {
 public:
  /// Connects and opens the virtual host.
  [[nodiscard]] static Result<Client> connect(const Target& target);

  Client(Client&& other) noexcept;
  Client& operator=(Client&& other) noexcept;
  ~Client();

  /// Opens the channel of that number.
  [[nodiscard]] Result<void> open_channel(std::uint16_t channel);

  /// Sends the method and waits for `Reply` as wait_for() does.
  template <typename Reply, typename Method>
  [[nodiscard]] Result<Reply> call(std::uint16_t channel, const Method& method) {
    std::string frame;
    amqp::append_method_frame(frame, amqp::ChannelNumber{channel}, method);
    if (auto sent = send(frame); !sent) {
      return sent.error();
    }
    return wait_for<Reply>();
  }

  /// What was negotiated.
  [[nodiscard]] std::uint32_t frame_max_bytes() const { return frame_max_bytes_; }

  /// Gives the socket away, in non-blocking mode. The client is then empty.
  [[nodiscard]] int release();

  /// Frees what it keeps for reading, when nothing is expected.
  void forget_input();

  /// Ends both directions, so that whoever waits in another thread gets an error. Any thread.
  void shut_down();

  /// Writes octets as they are.
  [[nodiscard]] Result<void> send(std::string_view bytes);

  /// The next method of that kind, whose views hold until the next call. Everything else that
  /// comes is dropped; a close by the broker is the error.
  template <typename Reply>
  [[nodiscard]] Result<Reply> wait_for() {
    auto payload = wait_for_method(amqp::method_key<Reply>, Reply::name);
    if (!payload) {
      return payload.error();
    }
    Reply reply;
    if (!amqp::decode_arguments(payload->substr(amqp::method_ids_bytes), reply)) {
      return fail(fmt::format("the broker's {} has broken arguments", Reply::name));
    }
    return reply;
  }

 private:
  explicit Client(int socket) : socket_(socket) {}

  [[nodiscard]] Result<void> log_in(const Target& target);

  /// The payload of the next method frame of those ids; a view that holds until the next call.
  [[nodiscard]] Result<std::string_view> wait_for_method(std::uint32_t method_key,
                                                         std::string_view name);

  int socket_ = -1;
  std::uint32_t frame_max_bytes_ = amqp::frame_min_bytes;
  std::string input_;
  /// Octets at the start of the input that are used up.
  std::size_t used_bytes_ = 0;
};

/// The error that a channel.close or connection.close tells, empty for any other method.
[[nodiscard]] std::string describe_close(std::string_view payload);

}  // namespace lepus::benchmarks
