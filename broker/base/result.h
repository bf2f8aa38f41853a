#pragma once

#include <string>
#include <utility>

#include <boost/system/result.hpp>

namespace lepus {

/// What went wrong, in a sentence for the log or the user.
struct Error {
  std::string text;
};

/// A value or the reason why there is none. `Result<T, E>` for errors that callers tell apart.
template <typename T, typename E = Error>
using Result = boost::system::result<T, E>;

/// `return fail("text")` from a function that returns a Result.
inline Error fail(std::string text) {
  return Error{std::move(text)};
}

[[noreturn]] void throw_exception_from_error(const Error& error,
                                             const boost::source_location& location);

}  // namespace lepus
