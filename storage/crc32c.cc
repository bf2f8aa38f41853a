#include "storage/crc32c.h"

#include <algorithm>
#include <cstddef>

#include <isa-l/crc.h>

namespace lepus::storage {

std::uint32_t extend_crc32c(std::uint32_t crc, std::string_view bytes) noexcept {
  // ISA-L counts in int, and leaves the complement before and after to its caller.
  constexpr std::size_t step_bytes = std::size_t{1} << 30;
  std::uint32_t state = ~crc;
  while (!bytes.empty()) {
    const std::string_view step = bytes.substr(0, step_bytes);
    // It only reads.
    auto* const begin = reinterpret_cast<unsigned char*>(const_cast<char*>(step.data()));
    state = crc32_iscsi(begin, static_cast<int>(step.size()), state);
    bytes.remove_prefix(step.size());
  }
  return ~state;
}

}  // namespace lepus::storage

namespace rocksdb::crc32c {

/// Takes the place of the function of this name in RocksDB's library, which calls it through the
/// dynamic linker, for every byte of the log. Debian builds RocksDB for processors without SSE 4.2,
/// where a table computes it, at a quarter of the processor time of storing messages of 1 KiB
/// (docs/adr/0004).
std::uint32_t Extend(std::uint32_t crc, const char* data,  // NOLINT(readability-identifier-naming)
                     std::size_t size_bytes);

std::uint32_t Extend(std::uint32_t crc, const char* data, std::size_t size_bytes) {
  return lepus::storage::extend_crc32c(crc, {data, size_bytes});
}

}  // namespace rocksdb::crc32c
