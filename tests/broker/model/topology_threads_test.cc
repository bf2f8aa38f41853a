#include <atomic>
#include <thread>
#include <vector>

#include "broker/model/route_cache.h"
#include "tests/broker/model/topology_fixture.h"

namespace lepus::model {
namespace {

using TopologyThreadsTest = TopologyFixture;

/// Reads routes through a cache of its own until told to stop, and counts what contradicts the
/// announced state.
class Reader {
 public:
  Reader(const Topology& topology, const std::atomic<std::uint64_t>& state)
      : topology_(topology), state_(state), thread_([this] { run(); }) {}

  void stop() {
    stopped_ = true;
    thread_.join();
  }

  [[nodiscard]] std::uint64_t contradictions() const { return contradictions_; }

  [[nodiscard]] std::uint64_t checked() const { return checked_; }

 private:
  void run() {
    RouteCache cache{topology_, 64};
    const auto access = topology_.make_access("guest", "/");
    // The first look is before the check, so that every reader looks at least once.
    do {
      const std::uint64_t before = state_.load();
      const std::size_t found = cache.route("/", "x", "k", nullptr).queues.size();
      const bool allowed = !access->check(Resource::exchange, "x", Permission::write);
      // Odd: a change is under way and either answer is right.
      if (before % 2 == 0 && before == state_.load()) {
        ++checked_;
        const std::size_t expected = before / 2 % 2;
        contradictions_ += (found != expected ? 1 : 0) + (allowed ? 0 : 1);
      }
    } while (!stopped_);
  }

  const Topology& topology_;
  const std::atomic<std::uint64_t>& state_;
  std::atomic<bool> stopped_ = false;
  std::uint64_t contradictions_ = 0;
  std::uint64_t checked_ = 0;
  std::thread thread_;
};

void expect_no_contradiction(Reader& first, Reader& second) {
  first.stop();
  second.stop();
  EXPECT_EQ(first.contradictions() + second.contradictions(), 0U);
  EXPECT_GT(first.checked() + second.checked(), 0U);
}

TEST_F(TopologyThreadsTest, ACachedRouteIsNeverOlderThanAnAnsweredChange) {
  make_queue("q");
  declare_exchange("x", "fanout");
  declare_exchange("y", "direct");
  bind_exchange("x", "y", "");
  std::atomic<std::uint64_t> state = 0;
  Reader first{*topology_, state};
  Reader second{*topology_, state};
  for (int i = 0; i < 2000; ++i) {
    ++state;
    // The change is behind the exchange that the readers publish to.
    if (i % 2 == 0) {
      bind("y", "q", "k");
    } else {
      topology_->unbind(*guest_, to_queue("y", "q", "k"), here);
    }
    ++state;
    if (i % 16 == 0) {
      make_queue("other" + std::to_string(i), {.durable = false});
      topology_->put_permissions({"guest", "/", ".*", ".*|" + std::to_string(i), ".*"});
      std::this_thread::yield();
    }
  }
  expect_no_contradiction(first, second);
}

TEST_F(TopologyThreadsTest, APolicysAlternateExchangeIsSeenByCachesAtOnce) {
  make_queue("q");
  declare_exchange("x", "direct");
  bind("amq.fanout", "q", "");
  std::atomic<std::uint64_t> state = 0;
  Reader first{*topology_, state};
  Reader second{*topology_, state};
  for (int i = 0; i < 500; ++i) {
    ++state;
    if (i % 2 == 0) {
      ASSERT_TRUE(topology_->put_policy({.vhost = "/",
                                         .name = "p",
                                         .pattern = "^x",
                                         .definition = {{"alternate-exchange", "amq.fanout"}}}));
    } else {
      ASSERT_NE(topology_->delete_policy(PolicyKind::ordinary, "/", "p"), 0U);
    }
    ++state;
    std::this_thread::yield();
  }
  expect_no_contradiction(first, second);
}

}  // namespace
}  // namespace lepus::model
