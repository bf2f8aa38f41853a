#include "broker/broker.h"

#include <filesystem>
#include <memory>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include "storage/open_store.h"
#include "tests/storage/temporary_directory.h"

namespace lepus {
namespace {

/// A broker without listeners on a data directory of its own.
class BrokerTest : public ::testing::Test {
 protected:
  BrokerTest() {
    configuration_.data_dir = (temporary_.path() / "data").string();
    configuration_.shards = 2;
    configuration_.amqp_listeners.clear();
    configuration_.management_listener.reset();
  }

  std::unique_ptr<storage::Store> open_store() const {
    auto opened = storage::open_rocksdb_store(configuration_.data_dir, {});
    EXPECT_TRUE(opened) << opened.error().text;
    return std::move(*opened);
  }

  storage::TemporaryDirectory temporary_;
  Configuration configuration_;
  boost::asio::io_context context_{1};
};

TEST_F(BrokerTest, AStopInGoodOrderIsACleanStop) {
  {
    Broker broker(configuration_, context_);
    ASSERT_TRUE(broker.start());
    broker.stop();
  }
  EXPECT_TRUE(open_store()->take_recovered().clean_stop);
}

TEST_F(BrokerTest, AStartThatFailsAfterACrashIsNoCleanStop) {
  {
    const auto store = open_store();
    auto batch = store->new_batch();
    batch->put_topology("a key that nobody knows", "");
    std::vector<storage::NumberedBatch> batches;
    batches.push_back({storage::topology_log, 1, std::move(batch)});
    store->append(std::move(batches), {});
    store->close(false);
  }
  {
    Broker broker(configuration_, context_);
    ASSERT_FALSE(broker.start());
  }
  EXPECT_FALSE(open_store()->take_recovered().clean_stop);
}

}  // namespace
}  // namespace lepus
