#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "amqp/field_table.h"

namespace lepus::scenarios {

/// `name=value` of a method, as it was written.
struct Argument {
  std::string name;
  /// The value's octets: a quoted string without its quotes, anything else as it stands there.
  std::string text;
  /// The value as a table would hold it.
  amqp::FieldValue value;
  /// Quoted strings are taken literally: no variable, no `absent`, no `*`.
  bool quoted = false;
};

/// A method with the fields, properties and body that are named, or what else may be written in its
/// place; `nothing` has an empty name.
struct WrittenMethod {
  std::string name;
  std::vector<Argument> arguments;
};

/// One line of a scenario.
struct Step {
  enum class Kind { client, cut, advance, restart, administer, frame, method };

  Kind kind = Kind::method;
  int line = 0;
  std::string text;
  std::string client;
  std::uint16_t channel = 1;
  /// The channel is not opened for the step, or the client does not shake hands.
  bool bare = false;
  /// Only the frame of the method is sent, without its content.
  bool starts = false;
  std::int64_t advance_ms = 0;
  /// What `administer` is about: the name of a policy, user or vhost. `removes` begins with "no".
  std::string subject;
  bool removes = false;
  /// Of `client`.
  std::vector<Argument> settings;
  std::optional<WrittenMethod> sent;
  std::optional<WrittenMethod> expected;
};

/// A scenario file.
struct Scenario {
  std::string name;
  std::string description;
  std::vector<Step> steps;
  /// Why the text is no scenario, with the line; else empty.
  std::string error;
};

/// Reads a scenario; tests/scenarios/README.md describes the language.
[[nodiscard]] Scenario parse_scenario(std::string_view text);

}  // namespace lepus::scenarios
