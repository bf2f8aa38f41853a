#include "broker/resource_monitor.h"

#include <algorithm>
#include <fstream>
#include <string_view>
#include <utility>

#include <spdlog/spdlog.h>
#include <sys/statvfs.h>
#include <unistd.h>

namespace lepus {

namespace {

std::uint64_t in_bytes(const Watermark& watermark, std::uint64_t total_bytes) {
  if (watermark.absolute_bytes) {
    return *watermark.absolute_bytes;
  }
  return static_cast<std::uint64_t>(watermark.relative.value_or(0.0) *
                                    static_cast<double>(total_bytes));
}

std::uint64_t page_bytes() {
  return static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// Resident memory; 0 if the system does not tell.
std::uint64_t memory_used_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t size = 0;
  std::uint64_t resident = 0;
  return file >> size >> resident ? resident * page_bytes() : 0;
}

void report(bool alarm, std::string_view resource, const std::string& node_name,
            const std::string& figures) {
  if (alarm) {
    spdlog::warn(
        "{} resource limit alarm set on node {}: {}. Publishers are blocked until it "
        "clears",
        resource, node_name, figures);
  } else {
    spdlog::warn("{} resource limit alarm cleared on node {}: {}", resource, node_name, figures);
  }
}

}  // namespace

std::uint64_t total_memory_bytes() {
  const auto pages = static_cast<std::uint64_t>(::sysconf(_SC_PHYS_PAGES));
  std::uint64_t total_bytes = pages * page_bytes();
  for (const char* name :
       {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream file(name);
    std::uint64_t limit_bytes = 0;
    if (file >> limit_bytes && limit_bytes != 0) {  // "max" is no number
      total_bytes = std::min(total_bytes, limit_bytes);
    }
  }
  return total_bytes;
}

ResourceUse resource_limits(const Configuration& configuration, std::uint64_t memory_total_bytes) {
  ResourceUse use;
  use.memory_total_bytes = configuration.total_memory_bytes.value_or(memory_total_bytes);
  use.memory_limit_bytes = in_bytes(configuration.memory_high_watermark, use.memory_total_bytes);
  if (configuration.store != StoreKind::memory) {
    use.disk_limit_bytes = in_bytes(configuration.disk_free_limit, use.memory_total_bytes);
  }
  return use;
}

ResourceMonitor::ResourceMonitor(boost::asio::io_context& context,
                                 const Configuration& configuration, Changed changed)
    : timer_(context),
      changed_(std::move(changed)),
      node_name_(configuration.node_name),
      data_dir_(configuration.data_dir),
      use_(resource_limits(configuration, total_memory_bytes())) {}

void ResourceMonitor::start() {
  look();
  timer_.expires_after(interval);
  timer_.async_wait([this](const boost::system::error_code& error) {
    if (!error) {
      start();
    }
  });
}

void ResourceMonitor::look() {
  use_.memory_used_bytes = memory_used_bytes();

  struct statvfs disk {};

  // A file system that does not answer is not taken for a full one.
  use_.disk_free_bytes = ::statvfs(data_dir_.c_str(), &disk) == 0
                             ? std::uint64_t{disk.f_bavail} * disk.f_frsize
                             : use_.disk_limit_bytes;
  use_.store_problem = store_health_ ? store_health_().problem : std::string();
  const bool memory_alarm = use_.memory_alarm();
  const bool disk_alarm = use_.disk_alarm();
  if (memory_alarm != memory_alarm_) {
    report(memory_alarm, "memory", node_name_,
           fmt::format("{} bytes used, the limit is {}", use_.memory_used_bytes,
                       use_.memory_limit_bytes));
  }
  if (disk_alarm != disk_alarm_) {
    report(disk_alarm, "disk", node_name_,
           use_.store_problem.empty() ? fmt::format("{} bytes free, the limit is {}",
                                                    use_.disk_free_bytes, use_.disk_limit_bytes)
                                      : "the store has a problem");
  }
  if (memory_alarm != memory_alarm_ || disk_alarm != disk_alarm_) {
    memory_alarm_ = memory_alarm;
    disk_alarm_ = disk_alarm;
    changed_(memory_alarm, disk_alarm);
  }
}

}  // namespace lepus
