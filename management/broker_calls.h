#pragma once

#include <coroutine>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "amqp/frame_writer.h"
#include "broker/model/broker_access.h"
#include "management/executor.h"

namespace lepus::management {

/// `co_await` starts a call into the broker and waits for its answer; the coroutine goes on on the
/// management thread. If the coroutine is destroyed meanwhile, the answer is dropped.
template <typename T>
class [[nodiscard]] BrokerCall {
 public:
  using Start = std::function<void(std::function<void(T)>)>;

  BrokerCall(std::shared_ptr<Executor> executor, Start start)
      : executor_(std::move(executor)), start_(std::move(start)) {}

  BrokerCall(const BrokerCall&) = delete;
  BrokerCall& operator=(const BrokerCall&) = delete;

  ~BrokerCall() {
    if (state_) {
      state_->waiting = nullptr;
    }
  }

  [[nodiscard]] bool await_ready() const noexcept { return false; }

  void await_suspend(std::coroutine_handle<> waiting) {
    state_ = std::make_shared<State>();
    state_->waiting = waiting;
    start_([state = state_, executor = executor_](T value) {
      state->value.emplace(std::move(value));
      executor->post([state] {
        if (state->waiting) {
          state->waiting.resume();
        }
      });
    });
  }

  T await_resume() {
    // It is resumed by the answer.
    return std::move(*state_->value);  // NOLINT(bugprone-unchecked-optional-access)
  }

 private:
  struct State {
    std::optional<T> value;           // written before the post that hands it over
    std::coroutine_handle<> waiting;  // touched by the management thread alone
  };

  std::shared_ptr<Executor> executor_;
  Start start_;
  std::shared_ptr<State> state_;
};

/// A DirectClient whose answers can be awaited. Copies share the channel.
class Client {
 public:
  Client(std::shared_ptr<Executor> executor, std::shared_ptr<model::DirectClient> client)
      : executor_(std::move(executor)), client_(std::move(client)) {}

  template <typename Method>
  BrokerCall<model::DirectAnswer> execute(const Method& method) const {
    return {executor_, [client = client_, frame = frame_of(method)](auto answer) {
              client->execute(frame, std::move(answer));
            }};
  }

  template <typename Method>
  void execute_unanswered(const Method& method) const {
    client_->execute_unanswered(frame_of(method));
  }

  [[nodiscard]] BrokerCall<model::DirectAnswer> publish(std::string exchange,
                                                        std::string routing_key,
                                                        std::string properties,
                                                        std::string body) const {
    return {executor_,
            [client = client_, exchange = std::move(exchange), routing_key = std::move(routing_key),
             properties = std::move(properties), body = std::move(body)](auto answer) mutable {
              client->publish(std::move(exchange), std::move(routing_key), std::move(properties),
                              std::move(body), std::move(answer));
            }};
  }

 private:
  template <typename Method>
  static std::string frame_of(const Method& method) {
    std::string frame;
    amqp::append_method_frame(frame, amqp::ChannelNumber{model::DirectClient::channel_number},
                              method);
    return frame;
  }

  std::shared_ptr<Executor> executor_;
  std::shared_ptr<model::DirectClient> client_;
};

/// The broker as handlers see it: what is at hand is a plain call, what the shards know is awaited.
class BrokerCalls {
 public:
  using Queues = std::vector<std::shared_ptr<model::QueueRecord>>;

  BrokerCalls(model::BrokerAccess& access, std::shared_ptr<Executor> executor)
      : access_(access), executor_(std::move(executor)) {}

  [[nodiscard]] model::BrokerAccess& access() const { return access_; }

  [[nodiscard]] model::Topology& topology() const { return access_.topology(); }

  [[nodiscard]] const Clock& clock() const { return access_.clock(); }

  [[nodiscard]] model::NodeDescription node() const { return access_.node(); }

  [[nodiscard]] const std::shared_ptr<Executor>& executor() const { return executor_; }

  [[nodiscard]] BrokerCall<model::NodeResources> resources() const {
    return {executor_, [this](auto answer) { access_.resources(std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::QueueRow>> queue_rows(Queues queues) const {
    return {executor_, [this, queues = std::move(queues)](auto answer) {
              access_.queue_rows(queues, std::move(answer));
            }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ConnectionRow>> connection_rows() const {
    return {executor_, [this](auto answer) { access_.connection_rows(std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ChannelRow>> channel_rows() const {
    return {executor_, [this](auto answer) { access_.channel_rows(std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ConsumerRow>> consumer_rows() const {
    return {executor_, [this](auto answer) { access_.consumer_rows(std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ConnectionRow>> connection_rows_of(
      model::ConnectionId connection) const {
    return {executor_, [this, connection](auto answer) {
              access_.connection_rows_of(connection, std::move(answer));
            }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ChannelRow>> channel_rows_of(
      model::ConnectionId connection) const {
    return {executor_, [this, connection](auto answer) {
              access_.channel_rows_of(connection, std::move(answer));
            }};
  }

  [[nodiscard]] BrokerCall<std::vector<model::ConsumerRow>> consumer_rows_of(
      model::ConnectionId connection) const {
    return {executor_, [this, connection](auto answer) {
              access_.consumer_rows_of(connection, std::move(answer));
            }};
  }

  [[nodiscard]] BrokerCall<model::MessageCounters> total_counters() const {
    return {executor_, [this](auto answer) { access_.total_counters(std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<bool> committed(model::TopologyTicket ticket) const {
    return {executor_,
            [this, ticket](auto answer) { access_.wait_for_topology(ticket, std::move(answer)); }};
  }

  [[nodiscard]] BrokerCall<model::Checked<std::shared_ptr<model::DirectClient>>> open_client(
      std::string user, std::string vhost) const {
    return {executor_, [this, user = std::move(user), vhost = std::move(vhost)](auto answer) {
              access_.open_client(user, vhost, std::move(answer));
            }};
  }

 private:
  model::BrokerAccess& access_;
  std::shared_ptr<Executor> executor_;
};

}  // namespace lepus::management
