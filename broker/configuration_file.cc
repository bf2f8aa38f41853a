#include "broker/configuration_file.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

#include <fmt/format.h>

#include "broker/base/folder.h"

namespace lepus::configuration {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view trim(std::string_view text) {
  const auto first = text.find_first_not_of(blanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(blanks) - first + 1);
}

bool is_key(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char character) {
    return character > ' ' && character != '\'' && character != '"';
  });
}

/// The value behind `=`, without quotes and comment. The error says what is wrong with it.
Result<std::string> parse_value(std::string_view text) {
  if (!text.starts_with('\'')) {
    const auto value = trim(text.substr(0, text.find('#')));
    if (value.empty()) {
      return fail("a value is missing");
    }
    return Result<std::string>(boost::system::in_place_value, value);
  }
  const auto end = text.find('\'', 1);
  if (end == std::string_view::npos) {
    return fail("the closing ' is missing");
  }
  const auto rest = trim(text.substr(end + 1));
  if (!rest.empty() && !rest.starts_with('#')) {
    return fail(fmt::format("'{}' behind the closing quote", rest));
  }
  return Result<std::string>(boost::system::in_place_value, text.substr(1, end - 1));
}

void parse_line(std::string_view line, const std::string& place, ParsedFile& into) {
  const auto equals = line.find('=');
  if (equals == std::string_view::npos) {
    into.problems.push_back(fmt::format("{}: expected 'key = value', found '{}'", place, line));
    return;
  }
  const auto key = trim(line.substr(0, equals));
  if (!is_key(key)) {
    into.problems.push_back(fmt::format("{}: '{}' is not a key", place, key));
    return;
  }
  auto value = parse_value(trim(line.substr(equals + 1)));
  if (!value) {
    into.problems.push_back(fmt::format("{}: {}: {}", place, key, value.error().text));
    return;
  }
  if (value->size() > 1 && value->front() == '"' && value->back() == '"') {
    into.warnings.push_back(fmt::format(
        "{}: {}: the double quotes are part of the value; single quotes are not", place, key));
  }
  into.assignments.push_back({std::string(key), std::move(*value), {OriginKind::file, place}});
}

Result<ParsedFile> read_file(const std::filesystem::path& path) {
  std::ifstream stream(path, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  if (!stream) {
    return fail(fmt::format("cannot read the configuration file {}: {}", path.string(),
                            std::strerror(errno)));
  }
  return parse_configuration_text(text, path.string());
}

void append(ParsedFile& into, ParsedFile&& from) {
  const auto move_all = [](auto& target, auto& source) {
    std::move(source.begin(), source.end(), std::back_inserter(target));
  };
  move_all(into.assignments, from.assignments);
  move_all(into.problems, from.problems);
  move_all(into.warnings, from.warnings);
}

}  // namespace

ParsedFile parse_configuration_text(std::string_view text, const std::string& name) {
  ParsedFile result;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const auto end = std::min(text.find('\n'), text.size());
    const auto line = trim(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
    if (!line.empty() && !line.starts_with('#')) {
      parse_line(line, fmt::format("{}:{}", name, number), result);
    }
  }
  return result;
}

Result<ParsedFile> read_configuration(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) {
    return read_file(path);
  }
  const auto files = files_of_folder(path, ".conf", error);
  if (error) {
    return fail(fmt::format("cannot list the configuration folder {}: {}", path, error.message()));
  }
  ParsedFile result;
  for (const auto& file : files) {
    auto parsed = read_file(file);
    if (!parsed) {
      return parsed.error();
    }
    append(result, std::move(*parsed));
  }
  return result;
}

}  // namespace lepus::configuration
