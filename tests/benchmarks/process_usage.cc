#include "tests/benchmarks/process_usage.h"

#include <ctime>
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>

#include <fmt/format.h>
#include <unistd.h>

namespace lepus::benchmarks {

namespace {

/// The number after `name:` in a file of such lines.
std::uint64_t read_field(const std::string& path, std::string_view name) {
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(name) && line[name.size()] == ':') {
      return std::strtoull(line.c_str() + name.size() + 1, nullptr, 10);
    }
  }
  return 0;
}

void read_cpu_times(const std::string& folder, ProcessUsage& usage) {
  std::ifstream file{folder + "stat"};
  std::string line;
  std::getline(file, line);
  // The name in parentheses may hold anything; utime and stime are the 12th and 13th after it.
  const std::size_t name_end = line.rfind(')');
  if (name_end == std::string::npos) {
    return;
  }
  std::istringstream fields{line.substr(name_end + 1)};
  std::string ignored;
  for (int index = 0; index < 11; ++index) {
    fields >> ignored;
  }
  std::int64_t user_ticks = 0;
  std::int64_t system_ticks = 0;
  fields >> user_ticks >> system_ticks;
  const std::int64_t tick_ns = 1'000'000'000 / sysconf(_SC_CLK_TCK);
  usage.user_ns = user_ticks * tick_ns;
  usage.system_ns = system_ticks * tick_ns;
}

}  // namespace

ProcessUsage read_usage(int pid) {
  ProcessUsage usage;
  const std::string folder = fmt::format("/proc/{}/", pid);
  read_cpu_times(folder, usage);
  usage.cpu_ns = usage.user_ns + usage.system_ns;
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) == 0 && clock_gettime(clock, &time) == 0) {
    usage.cpu_ns = std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
  }
  usage.resident_bytes = read_field(folder + "status", "VmRSS") * 1024;
  usage.resident_max_bytes = read_field(folder + "status", "VmHWM") * 1024;
  usage.written_bytes = read_field(folder + "io", "write_bytes");
  return usage;
}

}  // namespace lepus::benchmarks
