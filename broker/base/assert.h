#pragma once

#include <string_view>

namespace lepus {

/// Prints the broken invariant with its place to standard error and aborts. Never returns.
[[noreturn]] void assertion_failed(const char* condition, std::string_view why, const char* file,
                                   int line) noexcept;

}  // namespace lepus

/// States an invariant of our own code and why it holds; on in every build. Never used for input:
/// what comes from outside is handled.
#define LEPUS_ASSERT(condition, why)                                    \
  do {                                                                  \
    if (!(condition)) [[unlikely]] {                                    \
      ::lepus::assertion_failed(#condition, (why), __FILE__, __LINE__); \
    }                                                                   \
  } while (false)
