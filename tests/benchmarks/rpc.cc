#include "tests/benchmarks/rpc.h"

#include <utility>

#include <fmt/format.h>
#include <unistd.h>

#include "amqp/basic_properties.h"
#include "amqp/frame_writer.h"
#include "amqp/methods/basic.h"
#include "amqp/methods/queue.h"

namespace lepus::benchmarks {

namespace {

constexpr std::uint16_t channel = 1;

}  // namespace

Result<RpcPair::End> RpcPair::connect_end(const Target& target, const std::string& own_queue,
                                          const std::string& other_queue, std::size_t size_bytes) {
  auto client = Client::connect(target);
  if (!client) {
    return client.error();
  }
  if (auto opened = client->open_channel(channel); !opened) {
    return opened.error();
  }
  auto declared = client->call<amqp::QueueDeclareOk>(
      channel, amqp::QueueDeclare{.queue = own_queue, .exclusive = true});
  if (!declared) {
    return declared.error();
  }
  auto consuming = client->call<amqp::BasicConsumeOk>(
      channel, amqp::BasicConsume{.queue = own_queue, .no_ack = true});
  if (!consuming) {
    return consuming.error();
  }
  std::string message;
  amqp::append_content(
      message, amqp::ChannelNumber{channel}, amqp::BasicPublish{.routing_key = other_queue},
      amqp::encode_properties({.correlation_id = "0123456789", .reply_to = own_queue}),
      std::string(size_bytes, 'x'), client->frame_max_bytes());
  return End{std::move(*client), std::move(message)};
}

Result<std::unique_ptr<RpcPair>> RpcPair::connect(const Target& target, std::size_t index,
                                                  std::size_t size_bytes) {
  const std::string requests = fmt::format("perf-{}-requests-{}", getpid(), index);
  const std::string replies = fmt::format("perf-{}-replies-{}", getpid(), index);
  auto server = connect_end(target, requests, replies, size_bytes);
  if (!server) {
    return server.error();
  }
  auto requester = connect_end(target, replies, requests, size_bytes);
  if (!requester) {
    return requester.error();
  }
  return std::unique_ptr<RpcPair>(new RpcPair(std::move(*requester), std::move(*server)));
}

RpcPair::RpcPair(End requester, End server)
    : requester_(std::move(requester)), server_(std::move(server)), thread_([this] { serve(); }) {}

RpcPair::~RpcPair() {
  server_.client.shut_down();
  thread_.join();
}

void RpcPair::serve() {
  while (server_.client.wait_for<amqp::BasicDeliver>() && server_.client.send(server_.message)) {
  }
}

Result<void> RpcPair::round_trip() {
  if (auto sent = requester_.client.send(requester_.message); !sent) {
    return sent;
  }
  if (auto reply = requester_.client.wait_for<amqp::BasicDeliver>(); !reply) {
    return reply.error();
  }
  return {};
}

}  // namespace lepus::benchmarks
