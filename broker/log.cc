#include "broker/log.h"

#include <chrono>
#include <memory>
#include <utility>
#include <vector>

#include <spdlog/sinks/basic_file_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

namespace lepus {

namespace {

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
    case LogLevel::notice:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::critical:
    case LogLevel::alert:
    case LogLevel::emergency:
      return spdlog::level::critical;
    case LogLevel::none:
      return spdlog::level::off;
  }
  return spdlog::level::info;
}

spdlog::level::level_enum level_of(storage::LogLevel level) {
  switch (level) {
    case storage::LogLevel::debug:
      return spdlog::level::debug;
    case storage::LogLevel::info:
      return spdlog::level::info;
    case storage::LogLevel::warning:
      return spdlog::level::warn;
    case storage::LogLevel::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

}  // namespace

Result<void> start_log(const Configuration& configuration) {
  std::vector<spdlog::sink_ptr> sinks;
  if (configuration.log_to_console) {
    sinks.push_back(std::make_shared<spdlog::sinks::stderr_sink_mt>());
  }
  if (!configuration.log_file.empty()) {
    try {
      sinks.push_back(std::make_shared<spdlog::sinks::basic_file_sink_mt>(configuration.log_file));
    } catch (const spdlog::spdlog_ex& error) {
      return fail("cannot write the log: " + std::string(error.what()));
    }
  }
  auto logger = std::make_shared<spdlog::logger>("lepus", sinks.begin(), sinks.end());
  logger->set_level(level_of(configuration.log_level));
  logger->set_pattern("%Y-%m-%d %H:%M:%S.%f%z [%l] %v");
  logger->flush_on(spdlog::level::warn);
  spdlog::set_default_logger(std::move(logger));
  spdlog::flush_every(std::chrono::seconds(1));
  return {};
}

storage::LogSink storage_log_sink() {
  return [](storage::LogLevel level, const std::string& text) {
    spdlog::log(level_of(level), "storage: {}", text);
  };
}

}  // namespace lepus
