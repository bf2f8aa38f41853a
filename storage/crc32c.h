#pragma once

#include <cstdint>
#include <string_view>

namespace lepus::storage {

/// The CRC-32C (Castagnoli; RFC 3720, appendix B.4) of what `crc` is the checksum of, followed by
/// `bytes`. Of nothing it is 0. Uses the processor's instructions for it.
[[nodiscard]] std::uint32_t extend_crc32c(std::uint32_t crc, std::string_view bytes) noexcept;

}  // namespace lepus::storage
