#include "broker/model/pattern.h"

#include <array>
#include <stdexcept>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

namespace lepus::model {

namespace {

/// Ordinary expressions over names of at most 255 octets need a few thousand steps; this is some
/// milliseconds.
constexpr std::uint32_t match_limit_steps = 100'000;
/// Heap that one match may use for backtracking.
constexpr std::uint32_t heap_limit_kib = 1024;
/// The longest expression that is compiled.
constexpr std::size_t expression_max_bytes = 4096;

const pcre2_code* code_of(const std::shared_ptr<const void>& code) {
  return static_cast<const pcre2_code*>(code.get());
}

std::string message_of(int error) {
  std::array<PCRE2_UCHAR, 128> buffer{};
  pcre2_get_error_message(error, buffer.data(), buffer.size());
  std::string text = reinterpret_cast<const char*>(buffer.data());
  // The wording of Erlang's older PCRE, which clients know.
  return text == "missing closing parenthesis" ? "missing )" : text;
}

struct MatchState {
  MatchState() {
    pcre2_set_match_limit(context, match_limit_steps);
    pcre2_set_heap_limit(context, heap_limit_kib);
  }

  ~MatchState() {
    pcre2_match_data_free(data);
    pcre2_match_context_free(context);
  }

  MatchState(const MatchState&) = delete;
  MatchState& operator=(const MatchState&) = delete;

  pcre2_match_context* context = pcre2_match_context_create(nullptr);
  pcre2_match_data* data = pcre2_match_data_create(1, nullptr);
};

}  // namespace

Result<Pattern, PatternError> Pattern::compile(std::string_view expression) {
  Pattern pattern;
  if (expression.empty()) {
    pattern.kind_ = Kind::nothing_but_empty;
    return pattern;
  }
  if (expression == ".*") {
    return pattern;
  }
  if (expression.size() > expression_max_bytes) {
    return PatternError{"regular expression is too large", expression_max_bytes};
  }
  int error = 0;
  PCRE2_SIZE offset = 0;
  pcre2_code* code = pcre2_compile(reinterpret_cast<PCRE2_SPTR>(expression.data()),
                                   expression.size(), 0, &error, &offset, nullptr);
  if (code == nullptr) {
    return PatternError{message_of(error), offset};
  }
  pattern.kind_ = Kind::expression;
  pattern.code_ = {code, [](pcre2_code* held) { pcre2_code_free(held); }};
  return pattern;
}

bool Pattern::matches(std::string_view name) const {
  switch (kind_) {
    case Kind::everything:
      return true;
    case Kind::nothing_but_empty:
      return name.empty();
    case Kind::expression:
      break;
  }
  const MatchState state;
  return pcre2_match(code_of(code_), reinterpret_cast<PCRE2_SPTR>(name.data()), name.size(), 0, 0,
                     state.data, state.context) >= 0;
}

void throw_exception_from_error(const PatternError& error,
                                const boost::source_location& /*location*/) {
  throw std::runtime_error(error.message);
}

}  // namespace lepus::model
