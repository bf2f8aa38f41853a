#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "tests/scenarios/fields.h"
#include "tests/scenarios/scenario.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::scenarios {

/// A method that a client got, with its content, or a heartbeat.
struct Received {
  bool is_heartbeat = false;
  /// Of the method frame.
  std::string payload;
  std::string property_bytes;
  std::string body;
  std::uint64_t body_bytes_missing = 0;
};

/// Carries out steps on a broker in memory. One thread, nothing happens by itself.
class StepRunner {
 public:
  /// The first client comes to shard `first_shard`, the next to the next.
  StepRunner(std::uint32_t shards, std::uint32_t first_shard);

  /// Why the step failed, or nothing.
  std::string run(const Step& step);

  /// What clients got and no step expected, or nothing.
  std::string leftover();

 private:
  struct Client {
    std::unique_ptr<testing::TestClient> connection;
    std::map<std::uint16_t, std::deque<Received>> received;
    std::set<std::uint16_t> open_channels;
    /// The channel whose content is not complete: content is not interleaved within a channel, and
    /// the broker writes each content in one piece.
    Received* incomplete = nullptr;
  };

  std::string open_client(const Step& step);
  std::string shake_hands(const Step& step, Client& client);
  std::string run_method(const Step& step);
  std::string open_channel(Client& client, std::uint16_t channel);
  std::string send(Client& client, const Step& step);
  std::string send_frame(Client& client, const Step& step);
  std::string expect(Client& client, std::uint16_t channel, const WrittenMethod& expected);
  void answer_close(Client& client, std::uint16_t channel, const Received& received);
  void restart();

  std::uint32_t shards_;
  std::uint32_t next_shard_;
  Variables variables_;
  std::shared_ptr<storage::MemoryBackend> backend_ = std::make_shared<storage::MemoryBackend>();
  std::unique_ptr<testing::BrokerInTest> broker_;
  std::map<std::string, Client> clients_;
};

}  // namespace lepus::scenarios
