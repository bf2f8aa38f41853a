#pragma once

#include "broker/base/result.h"
#include "broker/configuration.h"
#include "storage/log_sink.h"

namespace lepus {

/// Sets up spdlog's default logger: lines on standard error (log_to_console) and in the log file,
/// each with time and level. Once, before anything logs.
Result<void> start_log(const Configuration& configuration);

/// The storage layer's lines, for the same log.
[[nodiscard]] storage::LogSink storage_log_sink();

}  // namespace lepus
