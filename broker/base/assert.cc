#include "broker/base/assert.h"

#include <cstdio>
#include <cstdlib>

namespace lepus {

void assertion_failed(const char* condition, std::string_view why, const char* file,
                      int line) noexcept {
  std::fprintf(stderr, "%s:%d: assertion failed: %s (%.*s)\n", file, line, condition,
               static_cast<int>(why.size()), why.data());
  std::abort();
}

}  // namespace lepus
