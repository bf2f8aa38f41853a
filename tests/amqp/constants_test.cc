#include "amqp/constants.h"

#include <string>

#include <gtest/gtest.h>

namespace lepus::amqp {
namespace {

TEST(ReplyText, is_the_name_and_the_explanation) {
  EXPECT_EQ(reply_text(ReplyCode::precondition_failed, "unknown delivery tag 5"),
            "PRECONDITION_FAILED - unknown delivery tag 5");
}

TEST(ReplyText, without_explanation_is_the_bare_name) {
  EXPECT_EQ(reply_text(ReplyCode::internal_error, ""), "INTERNAL_ERROR");
}

TEST(ReplyText, of_255_octets_is_left_alone_and_one_more_is_cut_to_252_and_dots) {
  const std::string prefix = "NOT_FOUND - ";
  const std::string fits(255 - prefix.size(), 'x');
  EXPECT_EQ(reply_text(ReplyCode::not_found, fits), prefix + fits);
  const std::string cut = reply_text(ReplyCode::not_found, fits + "y");
  EXPECT_EQ(cut, (prefix + fits).substr(0, 252) + "...");
  EXPECT_EQ(cut.size(), 255U);
}

TEST(ReplyCodes, are_soft_or_hard_as_the_specification_says) {
  struct Row {
    ReplyCode code;
    std::uint16_t number;
    const char* name;
    bool hard;
  };

  const Row rows[] = {
      {ReplyCode::reply_success, 200, "REPLY_SUCCESS", false},
      {ReplyCode::content_too_large, 311, "CONTENT_TOO_LARGE", false},
      {ReplyCode::no_route, 312, "NO_ROUTE", false},
      {ReplyCode::no_consumers, 313, "NO_CONSUMERS", false},
      {ReplyCode::connection_forced, 320, "CONNECTION_FORCED", true},
      {ReplyCode::invalid_path, 402, "INVALID_PATH", true},
      {ReplyCode::access_refused, 403, "ACCESS_REFUSED", false},
      {ReplyCode::not_found, 404, "NOT_FOUND", false},
      {ReplyCode::resource_locked, 405, "RESOURCE_LOCKED", false},
      {ReplyCode::precondition_failed, 406, "PRECONDITION_FAILED", false},
      {ReplyCode::frame_error, 501, "FRAME_ERROR", true},
      {ReplyCode::syntax_error, 502, "SYNTAX_ERROR", true},
      {ReplyCode::command_invalid, 503, "COMMAND_INVALID", true},
      {ReplyCode::channel_error, 504, "CHANNEL_ERROR", true},
      {ReplyCode::unexpected_frame, 505, "UNEXPECTED_FRAME", true},
      {ReplyCode::resource_error, 506, "RESOURCE_ERROR", true},
      {ReplyCode::not_allowed, 530, "NOT_ALLOWED", true},
      {ReplyCode::not_implemented, 540, "NOT_IMPLEMENTED", true},
      {ReplyCode::internal_error, 541, "INTERNAL_ERROR", true},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(to_number(row.code), row.number);
    EXPECT_EQ(reply_name(row.code), row.name);
    EXPECT_EQ(is_hard(row.code), row.hard);
  }
}

}  // namespace
}  // namespace lepus::amqp
