#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "broker/base/result.h"
#include "broker/configuration.h"
#include "broker/store_command_line.h"

namespace lepus {

/// What the program was started for.
enum class Action : std::uint8_t {
  serve,
  print_configuration,
  /// Print `text` and leave with success.
  print_text,
  /// `lepus store …`
  run_store_tool
};

struct CommandLine {
  Action action = Action::serve;
  /// The version or the help.
  std::string text;
  /// `--config`
  std::optional<std::string> config_file;
  /// The options that are settings, as values of their keys.
  std::vector<Assignment> assignments;
  /// Of run_store_tool.
  StoreCommand store;
};

/// `lepus 0.1.0 (RabbitMQ-compatible 3.13.7)`
[[nodiscard]] std::string version_text();

/// Reads the arguments, the program's name first. The error is for standard error: what is wrong,
/// and that
/// `--help` says more.
[[nodiscard]] Result<CommandLine> parse_command_line(int argument_count,
                                                     const char* const* arguments);

}  // namespace lepus
