#include "broker/base/result.h"

#include <stdexcept>

namespace lepus {

// Called by Result::value() on an error: only start-up code may use value() without asking first.
void throw_exception_from_error(const Error& error, const boost::source_location&) {
  throw std::runtime_error(error.text);
}

}  // namespace lepus
