#include "broker/model/names.h"

#include <algorithm>
#include <array>
#include <cstddef>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "broker/base/assert.h"

namespace lepus::model {

namespace {

constexpr std::size_t random_octets = 16;
constexpr std::size_t random_characters = 22;

int sextet(char letter) {
  if (letter >= 'A' && letter <= 'Z') {
    return letter - 'A';
  }
  if (letter >= 'a' && letter <= 'z') {
    return letter - 'a' + 26;
  }
  if (letter >= '0' && letter <= '9') {
    return letter - '0' + 52;
  }
  return letter == '+' ? 62 : letter == '/' ? 63 : -1;
}

}  // namespace

std::string strip_line_breaks(std::string_view name) {
  std::string stripped{name};
  std::erase_if(stripped, [](char octet) { return octet == '\r' || octet == '\n'; });
  return stripped;
}

bool is_reserved_name(std::string_view name) {
  return name.starts_with("amq.");
}

std::string base64_encode(std::string_view octets) {
  // OpenSSL writes a terminating zero as well.
  std::string text((octets.size() + 2) / 3 * 4 + 1, '\0');
  const int written = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                      reinterpret_cast<const unsigned char*>(octets.data()),
                                      static_cast<int>(octets.size()));
  text.resize(static_cast<std::size_t>(written));
  return text;
}

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) {
    return std::nullopt;
  }
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string octets;
  octets.reserve(text.size() / 4 * 3 + 3);
  unsigned bits = 0;
  unsigned held = 0;
  for (const char letter : text) {
    const int value = sextet(letter);
    if (value < 0) {
      return std::nullopt;
    }
    bits = (bits << 6U | static_cast<unsigned>(value)) & 0xFFFFFFU;
    held += 6;
    if (held >= 8) {
      held -= 8;
      octets += static_cast<char>(bits >> held & 0xFFU);
    }
  }
  return octets;
}

std::string random_name_part(const std::function<void(std::span<unsigned char>)>& random_bytes) {
  std::array<unsigned char, random_octets> octets{};
  if (random_bytes) {
    random_bytes(octets);
  } else {
    fill_with_random_bytes(octets);
  }
  std::string text = base64_encode({reinterpret_cast<const char*>(octets.data()), octets.size()});
  text.resize(random_characters);
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return text;
}

void fill_with_random_bytes(std::span<unsigned char> octets) {
  const int filled = RAND_bytes(octets.data(), static_cast<int>(octets.size()));
  LEPUS_ASSERT(filled == 1, "the system has a source of random numbers");
}

}  // namespace lepus::model
