#pragma once

#include <cstdint>
#include <string_view>

namespace lepus::model {

/// Spreads every bit over all others; one to one.
constexpr std::uint64_t scramble_bits(std::uint64_t bits) {
  bits ^= bits >> 33U;
  bits *= 0xFF51AFD7ED558CCD;
  bits ^= bits >> 33U;
  bits *= 0xC4CEB9FE1A85EC53;
  bits ^= bits >> 33U;
  return bits;
}

/// A hash of octets that is the same in every run, release and machine, for routes that users
/// rely on. Unlike hash_text() it may never change.
/// @param seed  another seed, another hash; a hash as the seed of the next joins several texts
constexpr std::uint64_t stable_hash(std::string_view octets, std::uint64_t seed = 0) {
  constexpr std::uint64_t offset = 0xCBF29CE484222325;
  constexpr std::uint64_t prime = 0x100000001B3;
  std::uint64_t hash = offset ^ seed;
  for (const char octet : octets) {
    hash = (hash ^ static_cast<unsigned char>(octet)) * prime;
  }
  return scramble_bits(hash + octets.size());
}

/// One of `count` numbers from 0, each as likely as the others over all hashes. `count` is not 0.
constexpr std::uint64_t choose_by(std::uint64_t hash, std::uint64_t count) {
  __extension__ using Wide = unsigned __int128;
  return static_cast<std::uint64_t>((static_cast<Wide>(hash) * count) >> 64U);
}

}  // namespace lepus::model
