#include "broker/resource_monitor.h"

#include <vector>

#include <gtest/gtest.h>

namespace lepus {
namespace {

constexpr std::uint64_t gibibyte = std::uint64_t{1} << 30U;

TEST(ResourceLimits, AShareOfMemoryIsOfWhatTheMachineHas) {
  Configuration configuration;
  configuration.memory_high_watermark = {.relative = 0.25};
  EXPECT_EQ(resource_limits(configuration, 8 * gibibyte).memory_limit_bytes, 2 * gibibyte);
}

TEST(ResourceLimits, ConfiguredMemoryReplacesTheMachines) {
  Configuration configuration;
  configuration.memory_high_watermark = {.relative = 0.5};
  configuration.total_memory_bytes = 2 * gibibyte;
  EXPECT_EQ(resource_limits(configuration, 8 * gibibyte).memory_limit_bytes, gibibyte);
}

TEST(ResourceLimits, BytesWinOverShares) {
  Configuration configuration;
  configuration.memory_high_watermark = {.absolute_bytes = 1000, .relative = 0.5};
  configuration.disk_free_limit = {.absolute_bytes = 2000, .relative = 1.0};
  const ResourceUse use = resource_limits(configuration, 8 * gibibyte);
  EXPECT_EQ(use.memory_limit_bytes, 1000U);
  EXPECT_EQ(use.disk_limit_bytes, 2000U);
}

TEST(ResourceLimits, AShareOfDiskIsOfMemory) {
  Configuration configuration;
  configuration.disk_free_limit = {.relative = 1.5};
  EXPECT_EQ(resource_limits(configuration, 2 * gibibyte).disk_limit_bytes, 3 * gibibyte);
}

TEST(ResourceLimits, AStoreInMemoryNeedsNoDisk) {
  Configuration configuration;
  configuration.store = StoreKind::memory;
  EXPECT_EQ(resource_limits(configuration, gibibyte).disk_limit_bytes, 0U);
}

TEST(ResourceUse, AlarmsBeginBeyondTheLimits) {
  EXPECT_FALSE((ResourceUse{.memory_used_bytes = 10, .memory_limit_bytes = 10}.memory_alarm()));
  EXPECT_TRUE((ResourceUse{.memory_used_bytes = 11, .memory_limit_bytes = 10}.memory_alarm()));
  EXPECT_FALSE((ResourceUse{.disk_free_bytes = 10, .disk_limit_bytes = 10}.disk_alarm()));
  EXPECT_TRUE((ResourceUse{.disk_free_bytes = 9, .disk_limit_bytes = 10}.disk_alarm()));
}

TEST(ResourceUse, WhatIsNotKnownIsNoAlarm) {
  EXPECT_FALSE((ResourceUse{.memory_used_bytes = 10}.memory_alarm()));
  EXPECT_FALSE((ResourceUse{.disk_free_bytes = 0}.disk_alarm()));
}

TEST(ResourceUse, AStoreWithAProblemIsADiskAlarm) {
  EXPECT_TRUE((ResourceUse{.store_problem = "a write failed"}.disk_alarm()));
}

TEST(ResourceMonitor, TellsWhenTheStoreFailsAndWhenItIsWellAgain) {
  boost::asio::io_context context;
  Configuration configuration;
  configuration.data_dir = "/";
  configuration.memory_high_watermark = {.absolute_bytes = std::uint64_t{1} << 60U};
  configuration.disk_free_limit = {.absolute_bytes = 1};
  std::vector<bool> disk_alarms;
  ResourceMonitor monitor(context, configuration,
                          [&](bool, bool disk) { disk_alarms.push_back(disk); });
  storage::StoreHealth health{false, "a write failed"};
  monitor.watch_store([&] { return health; });
  monitor.look();
  monitor.look();
  EXPECT_EQ(disk_alarms, std::vector<bool>{true});
  EXPECT_EQ(monitor.use().store_problem, "a write failed");
  health = {};
  monitor.look();
  EXPECT_EQ(disk_alarms, (std::vector<bool>{true, false}));
}

TEST(ResourceMonitor, TellsOnceThatAnAlarmHasCome) {
  boost::asio::io_context context;
  Configuration configuration;
  configuration.data_dir = "/";
  configuration.memory_high_watermark = {.absolute_bytes = 1};
  configuration.disk_free_limit = {.absolute_bytes = 1};
  int calls = 0;
  bool memory_alarm = false;
  bool disk_alarm = true;
  ResourceMonitor monitor(context, configuration, [&](bool memory, bool disk) {
    ++calls;
    memory_alarm = memory;
    disk_alarm = disk;
  });
  monitor.start();
  monitor.start();
  EXPECT_EQ(calls, 1);
  EXPECT_TRUE(memory_alarm);
  EXPECT_FALSE(disk_alarm);
  EXPECT_GT(monitor.use().memory_used_bytes, 0U);
  EXPECT_GT(monitor.use().disk_free_bytes, 0U);
}

}  // namespace
}  // namespace lepus
