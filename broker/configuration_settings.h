#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/configuration.h"

namespace lepus::configuration {

/// Why a value is refused, as the end of a sentence; empty: it was taken.
using Problem = std::optional<std::string>;

/// One key of rabbitmq.conf (or of ours) and what it does.
struct Setting {
  /// A pattern as for `matches`; a `*` stands for a name that the file chooses.
  std::string key;
  /// Takes the value into the configuration. `name` is what the `*` stands for.
  std::function<Problem(Configuration&, std::string_view name, std::string_view value)> set;
  /// The `key = value` lines of the current value; none if it is unset.
  std::function<std::vector<std::string>(const Configuration&)> print;
  /// What a source of higher rank does to the entries of a lower one before the first `set`: lists
  /// are replaced as a whole by the source that names an entry. Settings with the same group share
  /// that list.
  std::string list_group{};
  std::function<void(Configuration&)> clear{};
  /// The key under which the value is printed, for another name of the same setting.
  std::string alias_of{};
};

/// All settings, made once.
[[nodiscard]] const std::vector<Setting>& settings();

/// The settings of sockets, TLS and the web; a part of settings().
[[nodiscard]] std::vector<Setting> listener_settings();

/// `text` in single quotes if the file's syntax needs them.
[[nodiscard]] std::string quoted(const std::string& text);

}  // namespace lepus::configuration
