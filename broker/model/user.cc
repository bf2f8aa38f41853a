#include "broker/model/user.h"

#include <algorithm>
#include <array>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include "broker/base/assert.h"
#include "broker/model/names.h"

namespace lepus::model {

namespace {

const EVP_MD* digest_of(PasswordHashing hashing) {
  switch (hashing) {
    case PasswordHashing::sha256:
      return EVP_sha256();
    case PasswordHashing::sha512:
      return EVP_sha512();
    case PasswordHashing::md5:
      return EVP_md5();
  }
  return nullptr;
}

/// salt || digest(salt || password), or nothing if the library has this digest switched off.
std::string salted_digest(std::string_view password, std::string_view salt,
                          PasswordHashing hashing) {
  std::string input{salt};
  input += password;
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int digest_bytes = 0;
  const int made = EVP_Digest(input.data(), input.size(), digest.data(), &digest_bytes,
                              digest_of(hashing), nullptr);
  OPENSSL_cleanse(input.data(), input.size());
  if (made != 1) {
    return {};
  }
  std::string result{salt};
  result.append(reinterpret_cast<const char*>(digest.data()), digest_bytes);
  return result;
}

}  // namespace

std::string_view name_of(PasswordHashing hashing) {
  switch (hashing) {
    case PasswordHashing::sha256:
      return "rabbit_password_hashing_sha256";
    case PasswordHashing::sha512:
      return "rabbit_password_hashing_sha512";
    case PasswordHashing::md5:
      return "rabbit_password_hashing_md5";
  }
  return {};
}

std::optional<PasswordHashing> password_hashing_from(std::string_view name) {
  for (const PasswordHashing hashing :
       {PasswordHashing::sha256, PasswordHashing::sha512, PasswordHashing::md5}) {
    if (name == name_of(hashing)) {
      return hashing;
    }
  }
  return std::nullopt;
}

bool User::has_tag(std::string_view tag) const {
  return std::ranges::find(tags, tag) != tags.end();
}

std::string hash_password(std::string_view password, std::string_view salt,
                          PasswordHashing hashing) {
  LEPUS_ASSERT(salt.size() == password_salt_bytes, "hashes begin with a salt of four octets");
  return base64_encode(salted_digest(password, salt, hashing));
}

std::string hash_password(std::string_view password, PasswordHashing hashing) {
  std::array<unsigned char, password_salt_bytes> salt{};
  fill_with_random_bytes(salt);
  return hash_password(password, {reinterpret_cast<const char*>(salt.data()), salt.size()},
                       hashing);
}

bool password_matches(std::string_view password, std::string_view password_hash,
                      PasswordHashing hashing) {
  const auto expected = base64_decode(password_hash);
  if (!expected || expected->size() <= password_salt_bytes) {
    return false;
  }
  const std::string actual =
      salted_digest(password, std::string_view{*expected}.substr(0, password_salt_bytes), hashing);
  return actual.size() == expected->size() &&
         CRYPTO_memcmp(actual.data(), expected->data(), expected->size()) == 0;
}

}  // namespace lepus::model
