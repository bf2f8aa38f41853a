#pragma once

#include <string>
#include <utility>

#include "amqp/constants.h"
#include "broker/base/result.h"

namespace lepus::model {

/// An answer to a client's mistake: closes the channel or, if amqp::is_hard(code), the connection.
/// The text is the explanation alone, as in "no queue 'q' in vhost '/'".
struct ProtocolError {
  amqp::ReplyCode code{};
  std::string text;
};

/// Called by Result::value() on an error, which only tests do.
[[noreturn]] void throw_exception_from_error(const ProtocolError& error,
                                             const boost::source_location& location);

template <typename T>
using Checked = Result<T, ProtocolError>;

}  // namespace lepus::model
