#pragma once

#include <cstdint>
#include <memory>

#include <gtest/gtest.h>

#include "tests/support/amqp_test_client.h"

namespace lepus::connection {

/// A broker of so many shards as the parameter says, with a client; it can be started again over
/// what it has stored.
class RestartFixture : public ::testing::TestWithParam<std::uint32_t> {
 protected:
  RestartFixture() { boot(); }

  void restart() {
    now_ms_ = broker_->clock.now_ms;
    client_.reset();
    broker_.reset();
    backend_->reopen();
    boot();
  }

 private:
  void boot() {
    broker_ = std::make_unique<testing::BrokerInTest>(GetParam(), backend_, now_ms_);
    client_ = std::make_unique<testing::TestClient>(*broker_);
    client_->open();
  }

  std::int64_t now_ms_ = 1000;

 protected:
  std::shared_ptr<storage::MemoryBackend> backend_ = std::make_shared<storage::MemoryBackend>();
  std::unique_ptr<testing::BrokerInTest> broker_;
  std::unique_ptr<testing::TestClient> client_;
};

}  // namespace lepus::connection
