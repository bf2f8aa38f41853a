#include "amqp/constants.h"

#include "broker/base/assert.h"

namespace lepus::amqp {

std::string_view reply_name(ReplyCode code) {
  switch (code) {
    case ReplyCode::reply_success:
      return "REPLY_SUCCESS";
    case ReplyCode::content_too_large:
      return "CONTENT_TOO_LARGE";
    case ReplyCode::no_route:
      return "NO_ROUTE";
    case ReplyCode::no_consumers:
      return "NO_CONSUMERS";
    case ReplyCode::connection_forced:
      return "CONNECTION_FORCED";
    case ReplyCode::invalid_path:
      return "INVALID_PATH";
    case ReplyCode::access_refused:
      return "ACCESS_REFUSED";
    case ReplyCode::not_found:
      return "NOT_FOUND";
    case ReplyCode::resource_locked:
      return "RESOURCE_LOCKED";
    case ReplyCode::precondition_failed:
      return "PRECONDITION_FAILED";
    case ReplyCode::frame_error:
      return "FRAME_ERROR";
    case ReplyCode::syntax_error:
      return "SYNTAX_ERROR";
    case ReplyCode::command_invalid:
      return "COMMAND_INVALID";
    case ReplyCode::channel_error:
      return "CHANNEL_ERROR";
    case ReplyCode::unexpected_frame:
      return "UNEXPECTED_FRAME";
    case ReplyCode::resource_error:
      return "RESOURCE_ERROR";
    case ReplyCode::not_allowed:
      return "NOT_ALLOWED";
    case ReplyCode::not_implemented:
      return "NOT_IMPLEMENTED";
    case ReplyCode::internal_error:
      return "INTERNAL_ERROR";
  }
  LEPUS_ASSERT(false, "reply codes are made from the enumeration only");
}

bool is_hard(ReplyCode code) {
  switch (code) {
    case ReplyCode::reply_success:
    case ReplyCode::content_too_large:
    case ReplyCode::no_route:
    case ReplyCode::no_consumers:
    case ReplyCode::access_refused:
    case ReplyCode::not_found:
    case ReplyCode::resource_locked:
    case ReplyCode::precondition_failed:
      return false;
    case ReplyCode::connection_forced:
    case ReplyCode::invalid_path:
    case ReplyCode::frame_error:
    case ReplyCode::syntax_error:
    case ReplyCode::command_invalid:
    case ReplyCode::channel_error:
    case ReplyCode::unexpected_frame:
    case ReplyCode::resource_error:
    case ReplyCode::not_allowed:
    case ReplyCode::not_implemented:
    case ReplyCode::internal_error:
      return true;
  }
  LEPUS_ASSERT(false, "reply codes are made from the enumeration only");
}

std::string reply_text(ReplyCode code, std::string_view explanation) {
  std::string text{reply_name(code)};
  if (!explanation.empty()) {
    text.append(" - ").append(explanation);
  }
  if (text.size() > short_string_max_bytes) {
    text.resize(short_string_max_bytes - 3);
    text.append("...");
  }
  return text;
}

}  // namespace lepus::amqp
