#pragma once

#include <functional>
#include <string>

namespace lepus::storage {

enum class LogLevel { debug, info, warning, error };

/// Where the storage layer reports what an operator should know, one line a call. It knows no
/// logger of its own; called from any of its threads, must not block and must not call back into
/// the store.
using LogSink = std::function<void(LogLevel, std::string)>;

}  // namespace lepus::storage
