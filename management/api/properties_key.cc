#include "management/api/properties_key.h"

#include <algorithm>
#include <cstdint>

#include "amqp/byte_order.h"
#include "broker/model/names.h"
#include "management/path.h"

namespace lepus::management::api {

namespace {

/// FNV-1a; it stays the same over restarts, as clients keep the key.
std::uint32_t hash(const amqp::FieldTable& arguments) {
  amqp::FieldTable sorted = arguments;
  std::ranges::stable_sort(sorted.fields(), {}, &amqp::Field::name);
  std::uint32_t value = 2166136261U;
  for (const char octet : sorted.encode()) {
    value = (value ^ static_cast<unsigned char>(octet)) * 16777619U;
  }
  return value;
}

std::string hash_text(const amqp::FieldTable& arguments) {
  std::string octets(4, '\0');
  amqp::store_big_endian(octets.data(), hash(arguments));
  constexpr std::size_t letters = 6;
  std::string text = model::base64_encode(octets).substr(0, letters);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

}  // namespace

std::string properties_key(const model::BindingDescription& binding) {
  const std::string key = form_encode(binding.routing_key);
  if (binding.arguments.empty()) {
    return key.empty() ? "~" : key;
  }
  return key + '~' + hash_text(binding.arguments);
}

}  // namespace lepus::management::api
