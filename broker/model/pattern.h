#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include "broker/base/result.h"

namespace lepus::model {

/// Why an expression does not compile.
struct PatternError {
  std::string message;
  std::size_t offset = 0;  ///< octets into the expression
};

/// A regular expression (PCRE) that is searched anywhere in a name, octet by octet. The empty one
/// matches only the empty name, as in RabbitMQ. Matching stops at a limit of steps, which counts as
/// no match, so that no expression can hold a thread up. Immutable; may be shared by threads.
class Pattern {
 public:
  static Result<Pattern, PatternError> compile(std::string_view expression);

  [[nodiscard]] bool matches(std::string_view name) const;

 private:
  enum class Kind { everything, nothing_but_empty, expression };

  Pattern() = default;

  Kind kind_ = Kind::everything;
  std::shared_ptr<const void> code_;  ///< a pcre2_code
};

[[noreturn]] void throw_exception_from_error(const PatternError& error,
                                             const boost::source_location& location);

}  // namespace lepus::model
