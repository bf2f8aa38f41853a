#include "amqp/methods/any_method.h"

#include "amqp/erlang_term.h"
#include "broker/base/assert.h"

namespace lepus::amqp {

namespace {

/// Decodes the method with these ids; false if it is another one.
template <typename Method>
bool try_decode(MethodId id, std::string_view arguments, Result<AnyMethod, DecodeError>& result) {
  if (id != id_of_method<Method>) {
    return false;
  }
  Method method;
  if (decode_arguments(arguments, method)) {
    result = AnyMethod{method};
  } else {
    result = DecodeError{DecodeError::Kind::undecodable_arguments, id, arguments};
  }
  return true;
}

template <typename... Methods>
Result<AnyMethod, DecodeError> decode_one_of(std::type_identity<std::variant<Methods...>> /*list*/,
                                             MethodId id, std::string_view arguments) {
  Result<AnyMethod, DecodeError> result =
      DecodeError{DecodeError::Kind::unknown_method, id, arguments};
  static_cast<void>((try_decode<Methods>(id, arguments, result) || ...));
  return result;
}

}  // namespace

ProtocolError DecodeError::to_protocol_error() const {
  switch (kind) {
    case Kind::unknown_method:
      // RabbitMQ drops the socket without a frame here; an answer is kinder.
      return {ReplyCode::not_implemented, "unknown method", method};
    case Kind::undecodable_arguments:
      return {ReplyCode::frame_error, "cannot decode " + erlang_octets(arguments), method};
  }
  LEPUS_ASSERT(false, "kinds are made from the enumeration only");
}

void throw_exception_from_error(const DecodeError& /*error*/,
                                const boost::source_location& location) {
  assertion_failed("has_value()", "errors are looked at before the value is taken",
                   location.file_name(), static_cast<int>(location.line()));
}

Result<AnyMethod, DecodeError> decode_method(std::string_view payload) {
  LEPUS_ASSERT(payload.size() >= method_ids_bytes, "the frame parser refuses shorter ones");
  return decode_one_of(std::type_identity<AnyMethod>{}, peek_method_id(payload),
                       payload.substr(method_ids_bytes));
}

MethodId id_of(const AnyMethod& method) {
  return std::visit([]<typename M>(const M& /*method*/) { return id_of_method<M>; }, method);
}

std::string_view name_of(const AnyMethod& method) {
  return std::visit([]<typename M>(const M& /*method*/) { return M::name; }, method);
}

bool has_content(const AnyMethod& method) {
  return std::visit([]<typename M>(const M& /*method*/) { return M::has_content; }, method);
}

}  // namespace lepus::amqp
