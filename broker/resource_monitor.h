#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include "broker/configuration.h"
#include "storage/health.h"

namespace lepus {

/// What the broker takes of the machine and where its alarms begin, for the alarms and for
/// management. 0: not known, no alarm.
struct ResourceUse {
  std::uint64_t memory_used_bytes = 0;
  std::uint64_t memory_limit_bytes = 0;  ///< above it, alarm
  std::uint64_t memory_total_bytes = 0;  ///< of the machine or the container
  std::uint64_t disk_free_bytes = 0;
  std::uint64_t disk_limit_bytes = 0;  ///< below it, alarm
  std::string store_problem;           ///< why the store does not do its work; if any, alarm

  [[nodiscard]] bool memory_alarm() const {
    return memory_limit_bytes != 0 && memory_used_bytes > memory_limit_bytes;
  }

  [[nodiscard]] bool disk_alarm() const {
    return !store_problem.empty() || (disk_limit_bytes != 0 && disk_free_bytes < disk_limit_bytes);
  }
};

/// The limits that the configuration asks for on a machine with that much memory.
[[nodiscard]] ResourceUse resource_limits(const Configuration& configuration,
                                          std::uint64_t memory_total_bytes);

/// Memory of the machine, or of the control group that the process is in if that is less.
[[nodiscard]] std::uint64_t total_memory_bytes();

/// Looks once a second at memory, disk and store and tells when an alarm comes or goes. Runs on the
/// context's thread.
class ResourceMonitor {
 public:
  static constexpr std::chrono::milliseconds interval{1000};

  using Changed = std::function<void(bool memory_alarm, bool disk_alarm)>;

  ResourceMonitor(boost::asio::io_context& context, const Configuration& configuration,
                  Changed changed);

  /// From now on the store counts as well. Null: there is none (any more).
  void watch_store(std::function<storage::StoreHealth()> health) {
    store_health_ = std::move(health);
  }

  void start();

  /// Looks now.
  void look();

  void stop() { timer_.cancel(); }

  [[nodiscard]] const ResourceUse& use() const { return use_; }

 private:
  boost::asio::steady_timer timer_;
  const Changed changed_;
  const std::string node_name_;
  const std::string data_dir_;
  std::function<storage::StoreHealth()> store_health_;
  ResourceUse use_;
  bool memory_alarm_ = false;
  bool disk_alarm_ = false;
};

}  // namespace lepus
