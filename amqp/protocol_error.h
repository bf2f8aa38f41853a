#pragma once

#include <string>

#include "amqp/constants.h"
#include "amqp/types.h"

namespace lepus::amqp {

/// A violation as it is reported to the client: connection.close if `is_hard(code)`, else
/// channel.close.
struct ProtocolError {
  ReplyCode code = ReplyCode::internal_error;
  /// What follows "NAME - " in the reply text; may be empty.
  std::string explanation;
  /// The offending method; {0, 0} for errors of frames.
  MethodId method;

  /// The reply text: at most 255 octets.
  [[nodiscard]] std::string text() const { return reply_text(code, explanation); }

  friend bool operator==(const ProtocolError&, const ProtocolError&) = default;
};

}  // namespace lepus::amqp
