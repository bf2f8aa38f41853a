#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"
#include "broker/configuration.h"

namespace lepus::configuration {

/// What a file in rabbitmq.conf syntax says, in its order. Problems are of form, not of meaning.
struct ParsedFile {
  std::vector<Assignment> assignments;
  /// `lepus.conf:3: …`
  std::vector<std::string> problems;
  std::vector<std::string> warnings;
};

/// Lines of `key = value`, blank, or `# comment` (also behind a value). A value in single quotes
/// keeps blanks and
/// `#`. Double quotes are part of the value, as in RabbitMQ, which earns a warning. `name` is for
/// messages.
[[nodiscard]] ParsedFile parse_configuration_text(std::string_view text, const std::string& name);

/// A file, or all *.conf of a folder in the order of their names. The error is about reading.
[[nodiscard]] Result<ParsedFile> read_configuration(const std::string& path);

}  // namespace lepus::configuration
