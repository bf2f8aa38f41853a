#include "broker/configuration_values.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <limits>

#include <arpa/inet.h>
#include <fmt/format.h>

namespace lepus::configuration {

namespace {

std::string lower(std::string_view text) {
  std::string result(text);
  for (char& character : result) {
    character = static_cast<char>(std::tolower(static_cast<unsigned char>(character)));
  }
  return result;
}

/// How many bytes one of `unit` is; 0 if there is no such unit.
std::uint64_t unit_bytes(const std::string& unit) {
  if (unit.empty()) {
    return 1;
  }
  constexpr std::string_view prefixes = "kmgtp";
  const auto power = prefixes.find(unit.front());
  const std::string rest = unit.substr(1);
  const bool decimal = rest.empty() || rest == "b";
  if (power == std::string_view::npos || !(decimal || rest == "i" || rest == "ib")) {
    return 0;
  }
  std::uint64_t bytes = 1;
  for (std::size_t step = 0; step <= power; ++step) {
    bytes *= decimal ? 1000 : 1024;
  }
  return bytes;
}

}  // namespace

Result<std::uint64_t> parse_integer(std::string_view text, std::uint64_t lowest,
                                    std::uint64_t highest) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < lowest ||
      value > highest) {
    if (highest == std::numeric_limits<std::uint64_t>::max()) {
      return fail(fmt::format("must be a whole number of at least {}", lowest));
    }
    return fail(fmt::format("must be a whole number from {} to {}", lowest, highest));
  }
  return value;
}

Result<std::optional<std::uint32_t>> parse_limit(std::string_view text) {
  if (text == "infinity") {
    return std::optional<std::uint32_t>{};
  }
  const auto value = parse_integer(text, 0, std::numeric_limits<std::uint32_t>::max());
  if (!value) {
    return fail("must be a whole number or 'infinity'");
  }
  return std::optional<std::uint32_t>{static_cast<std::uint32_t>(*value)};
}

Result<std::uint64_t> parse_size_bytes(std::string_view text) {
  const auto digits = std::min(text.find_first_not_of("0123456789"), text.size());
  auto unit = text.substr(digits);
  while (unit.starts_with(' ')) {
    unit.remove_prefix(1);
  }
  const std::uint64_t factor = unit_bytes(lower(unit));
  const auto number =
      parse_integer(text.substr(0, digits), 0, std::numeric_limits<std::uint64_t>::max());
  if (factor == 0 || !number || *number > std::numeric_limits<std::uint64_t>::max() / factor) {
    return fail("must be a number of bytes, as in 500MB, 500MiB, 10GB, 2TiB or 10000000000");
  }
  return *number * factor;
}

Result<double> parse_fraction(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value > 0 && value < 1e9)) {
    return fail("must be a number above 0, as in 0.4");
  }
  return value;
}

Result<bool> parse_boolean(std::string_view text) {
  if (text == "true" || text == "on") {
    return true;
  }
  if (text == "false" || text == "off") {
    return false;
  }
  return fail("must be true or false");
}

bool is_ip_address(const std::string& text) {
  std::array<unsigned char, sizeof(in6_addr)> address{};
  return inet_pton(AF_INET, text.c_str(), address.data()) == 1 ||
         inet_pton(AF_INET6, text.c_str(), address.data()) == 1;
}

Result<std::pair<std::string, std::uint16_t>> parse_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  const auto port =
      parse_integer(colon == std::string_view::npos ? text : text.substr(colon + 1), 0, 65535);
  std::string address(colon == std::string_view::npos ? "" : text.substr(0, colon));
  if (address.size() > 2 && address.front() == '[' && address.back() == ']') {
    address = address.substr(1, address.size() - 2);
  }
  if (!port || (colon != std::string_view::npos && !is_ip_address(address))) {
    return fail("must be a port (0 to 65535) or an IP address and a port, as in 127.0.0.1:5672");
  }
  return std::pair{address, static_cast<std::uint16_t>(*port)};
}

}  // namespace lepus::configuration
