#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <fmt/format.h>

#include "broker/configuration_settings.h"
#include "broker/configuration_values.h"

/// The kinds of settings. `access` takes a Configuration (const or not) and gives a reference to
/// the member.
namespace lepus::configuration {

/// The access to a member of Configuration itself.
template <typename Member>
auto member(Member Configuration::*pointer) {
  return [pointer](auto& of) -> auto& { return of.*pointer; };
}

/// A whole number within limits.
template <typename Access>
Setting integer_setting(std::string key, Access access, std::uint64_t lowest,
                        std::uint64_t highest) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto number = parse_integer(value, lowest, highest);
    if (!number) {
      return number.error().text;
    }
    access(into) = static_cast<std::remove_cvref_t<decltype(access(into))>>(*number);
    return {};
  };
  const auto print = [=](const Configuration& from) {
    return std::vector{fmt::format("{} = {}", key, access(from))};
  };
  return {key, set, print};
}

/// A number of bytes, with units, within limits.
template <typename Access>
Setting size_setting(std::string key, Access access, std::uint64_t lowest, std::uint64_t highest) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto bytes = parse_size_bytes(value);
    if (!bytes) {
      return bytes.error().text;
    }
    if (*bytes < lowest || *bytes > highest) {
      return fmt::format("must be from {} to {} bytes", lowest, highest);
    }
    access(into) = static_cast<std::remove_cvref_t<decltype(access(into))>>(*bytes);
    return {};
  };
  const auto print = [=](const Configuration& from) {
    return std::vector{fmt::format("{} = {}", key, access(from))};
  };
  return {key, set, print};
}

/// `true` or `false`.
template <typename Access>
Setting boolean_setting(std::string key, Access access) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto flag = parse_boolean(value);
    if (!flag) {
      return flag.error().text;
    }
    access(into) = *flag;
    return {};
  };
  const auto print = [=](const Configuration& from) {
    return std::vector{fmt::format("{} = {}", key, access(from))};
  };
  return {key, set, print};
}

/// A number, or `infinity` for none.
template <typename Access>
Setting limit_setting(std::string key, Access access) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    const auto limit = parse_limit(value);
    if (!limit) {
      return limit.error().text;
    }
    access(into) = *limit;
    return {};
  };
  const auto print = [=](const Configuration& from) {
    const auto& limit = access(from);
    return std::vector{key + " = " + (limit ? std::to_string(*limit) : "infinity")};
  };
  return {key, set, print};
}

/// Any text; empty is unset and not printed.
template <typename Access>
Setting text_setting(std::string key, Access access) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view value) -> Problem {
    access(into) = std::string(value);
    return {};
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (!access(from).empty()) {
      lines.push_back(key + " = " + quoted(access(from)));
    }
    return lines;
  };
  return {key, set, print};
}

/// A password: as text_setting, but printed as stars unless it is `built_in`.
template <typename Access>
Setting password_setting(std::string key, Access access, std::string built_in) {
  Setting setting = text_setting(key, access);
  setting.print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    if (!access(from).empty()) {
      lines.push_back(key + " = " + (access(from) == built_in ? built_in : "********"));
    }
    return lines;
  };
  return setting;
}

/// One of a few words, each with its value.
template <typename Access, typename Value>
Setting choice_setting(std::string key, Access access,
                       std::vector<std::pair<std::string, Value>> choices) {
  const auto set = [=](Configuration& into, std::string_view, std::string_view text) -> Problem {
    std::string words;
    for (const auto& [word, value] : choices) {
      if (word == text) {
        access(into) = value;
        return {};
      }
      words.append(words.empty() ? "" : ", ").append(word);
    }
    return "must be one of " + words;
  };
  const auto print = [=](const Configuration& from) {
    std::vector<std::string> lines;
    for (const auto& [word, value] : choices) {
      if (value == access(from)) {
        lines.push_back(fmt::format("{} = {}", key, word));
        break;
      }
    }
    return lines;
  };
  return {key, set, print};
}

}  // namespace lepus::configuration
