#include "tests/scenarios/scenario.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <iterator>
#include <string>
#include <utility>

namespace lepus::scenarios {

namespace {

/// What is wrong with a line. Only thrown within this file.
struct BadLine {
  std::string why;
};

template <typename Number>
std::optional<Number> whole_number(std::string_view text) {
  Number number{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{number}
                                                                  : std::nullopt;
}

/// A bare word as a table's value: true, void, 5 (signedint), 5l (long), 5T (timestamp), 1.5, or a
/// string.
amqp::FieldValue bare_value(std::string_view word) {
  if (word == "true" || word == "false") {
    return {word == "true"};
  }
  if (word == "void") {
    return {amqp::Void{}};
  }
  if (const auto number = whole_number<std::int32_t>(word)) {
    return {*number};
  }
  const std::string_view digits = word.substr(0, word.empty() ? 0 : word.size() - 1);
  if (const auto number = whole_number<std::int64_t>(digits)) {
    switch (word.back()) {
      case 'l':
        return {*number};
      case 's':
        return {static_cast<std::int16_t>(*number)};
      case 'B':
        return {static_cast<std::uint8_t>(*number)};
      case 'T':
        return {amqp::Timestamp{static_cast<std::uint64_t>(*number)}};
      default:
        break;
    }
  }
  if (const auto number = whole_number<std::int64_t>(word)) {
    return {*number};
  }
  if (const auto number = whole_number<double>(word)) {
    return {*number};
  }
  return {word};
}

/// Takes a line apart from left to right.
class LineReader {
 public:
  explicit LineReader(std::string_view line) : rest_(line) {}

  void skip_spaces() {
    while (!rest_.empty() && rest_.front() == ' ') {
      rest_.remove_prefix(1);
    }
  }

  bool at_end() {
    skip_spaces();
    return rest_.empty();
  }

  bool take(std::string_view word) {
    skip_spaces();
    if (!rest_.starts_with(word)) {
      return false;
    }
    rest_.remove_prefix(word.size());
    return true;
  }

  /// Up to one of the octets or the end.
  std::string_view until(std::string_view ends) {
    const std::string_view word = rest_.substr(0, rest_.find_first_of(ends));
    rest_.remove_prefix(word.size());
    return word;
  }

  std::string_view word() {
    skip_spaces();
    return until(" ");
  }

  [[nodiscard]] char next() const { return rest_.empty() ? '\0' : rest_.front(); }

  /// A value that ends at one of the octets, unless it has quotes or brackets of its own.
  Argument value(std::string_view ends) {
    Argument read;
    const std::string_view from = rest_;
    if (next() == '\'' || next() == '"') {
      read.text = quoted();
      read.value = {read.text};
      read.quoted = true;
    } else if (next() == '{') {
      read.value = {table()};
      read.text = from.substr(0, from.size() - rest_.size());
    } else if (next() == '[') {
      read.value = {array()};
      read.text = from.substr(0, from.size() - rest_.size());
    } else {
      read.text = until(ends);
      read.value = bare_value(read.text);
    }
    return read;
  }

 private:
  std::string quoted() {
    const char quote = rest_.front();
    std::string text;
    for (std::size_t at = 1; at < rest_.size(); ++at) {
      if (rest_[at] == quote) {
        rest_.remove_prefix(at + 1);
        return text;
      }
      if (rest_[at] == '\\' && at + 1 < rest_.size()) {
        ++at;
        text += escaped(at);
      } else {
        text += rest_[at];
      }
    }
    throw BadLine{"a quote is not closed"};
  }

  /// What stands behind a backslash at that place, which is moved to its last character.
  char escaped(std::size_t& at) {
    switch (rest_[at]) {
      case '0':
        return '\0';
      case 'n':
        return '\n';
      case 'r':
        return '\r';
      case 'x': {
        unsigned char octet = 0;
        const std::string_view digits = rest_.substr(at + 1, 2);
        if (std::from_chars(digits.data(), digits.data() + digits.size(), octet, 16).ptr !=
            digits.data() + 2) {
          throw BadLine{"\\x wants two digits"};
        }
        at += 2;
        return static_cast<char>(octet);
      }
      default:
        return rest_[at];
    }
  }

  amqp::FieldTable table() {
    amqp::FieldTable table;
    take("{");
    while (!take("}")) {
      skip_spaces();
      std::string name = next() == '\'' || next() == '"' ? quoted() : std::string{until(":} ")};
      if (!take(":")) {
        throw BadLine{"a table is {name: value, name: value}"};
      }
      skip_spaces();
      table.fields().push_back({std::move(name), value(", }").value});
      take(",");
    }
    return table;
  }

  amqp::FieldArray array() {
    amqp::FieldArray array;
    take("[");
    while (!take("]")) {
      skip_spaces();
      if (rest_.empty()) {
        throw BadLine{"an array is not closed"};
      }
      array.values().push_back(value(", ]").value);
      take(",");
    }
    return array;
  }

  std::string_view rest_;
};

/// `404 "text" 50,10`: the fields of a close or a return without their names.
void add_nameless(Argument argument, std::vector<Argument>& arguments) {
  const std::size_t comma = argument.text.find(',');
  if (argument.quoted) {
    argument.name = "reply-text";
  } else if (whole_number<std::uint16_t>(argument.text)) {
    argument.name = "reply-code";
  } else if (comma != std::string::npos) {
    arguments.push_back({.name = "failing-class-id", .text = argument.text.substr(0, comma)});
    argument = {.name = "failing-method-id", .text = argument.text.substr(comma + 1)};
  } else {
    throw BadLine{"what is '" + argument.text + "'?"};
  }
  arguments.push_back(std::move(argument));
}

std::vector<Argument> parse_arguments(LineReader& line) {
  std::vector<Argument> arguments;
  while (!line.at_end() && !line.take("->")) {
    const char first = line.next();
    if (first == '"' || std::isdigit(static_cast<unsigned char>(first)) != 0) {
      add_nameless(line.value(" "), arguments);
      continue;
    }
    std::string name{line.until("= ")};
    if (!line.take("=")) {
      throw BadLine{"'" + name + "' has no value"};
    }
    Argument argument = line.value(" ");
    argument.name = std::move(name);
    arguments.push_back(std::move(argument));
  }
  return arguments;
}

WrittenMethod parse_expected(LineReader& line) {
  std::string name{line.word()};
  if (name == "nothing") {
    return {};
  }
  return {std::move(name), parse_arguments(line)};
}

void parse_client_step(LineReader& line, std::string_view first, Step& step) {
  first.remove_suffix(1);
  step.client = first.substr(0, first.find('/'));
  if (step.client.size() < first.size()) {
    const auto channel = whole_number<std::uint16_t>(first.substr(step.client.size() + 1));
    if (!channel) {
      throw BadLine{"a channel is a number"};
    }
    step.channel = *channel;
  }
  std::string name{line.word()};
  if (name == "bare" || name == "start") {
    step.bare = name == "bare";
    step.starts = name == "start";
    name = line.word();
  }
  if (name == "cut") {
    step.kind = Step::Kind::cut;
  } else if (name == "frame" || name == "header") {
    step.kind = Step::Kind::frame;
    step.sent = WrittenMethod{name, parse_arguments(line)};
    if (!line.at_end()) {
      step.expected = parse_expected(line);
    }
  } else if (name == "expect") {
    step.expected = parse_expected(line);
  } else {
    const std::string method = name == "publish" ? "basic.publish" : name;
    step.sent = WrittenMethod{method, parse_arguments(line)};
    // parse_arguments stopped behind the arrow, if there is one.
    if (!line.at_end()) {
      step.expected = parse_expected(line);
    }
  }
}

/// `policy NAME …`, `no policy NAME`, `alarm …`, and the others of their kind.
/// @return false if the line is nothing of this
bool parse_administration(LineReader& line, std::string_view first, Step& step) {
  constexpr std::string_view kinds[] = {"policy",      "operator-policy",   "user",
                                        "permissions", "topic-permissions", "vhost"};
  step.removes = first == "no";
  const std::string what{step.removes ? line.word() : first};
  const bool has_subject = std::ranges::find(kinds, what) != std::end(kinds);
  if (!has_subject && what != "alarm" && what != "setting") {
    return false;
  }
  step.kind = Step::Kind::administer;
  if (has_subject) {
    step.subject = line.word();
  }
  step.sent = WrittenMethod{what, parse_arguments(line)};
  if (!line.at_end()) {
    step.expected = parse_expected(line);
    if (step.expected->name != "refused" || step.expected->arguments.size() != 1) {
      throw BadLine{"what fails is 'refused \"text\"'"};
    }
  }
  return true;
}

Step parse_step(std::string_view text) {
  Step step{.text = std::string{text}};
  LineReader line(text);
  const std::string_view first = line.word();
  if (first.ends_with(':')) {
    parse_client_step(line, first, step);
  } else if (first == "client") {
    step.kind = Step::Kind::client;
    step.client = line.word();
    step.bare = line.take("bare");
    step.settings = parse_arguments(line);
    if (!line.at_end()) {
      step.expected = parse_expected(line);
    }
  } else if (first == "advance") {
    step.kind = Step::Kind::advance;
    const auto amount = whole_number<std::int64_t>(line.word());
    const std::string_view unit = line.word();
    if (!amount || (unit != "ms" && unit != "s")) {
      throw BadLine{"advance NUMBER ms, or s"};
    }
    step.advance_ms = *amount * (unit == "s" ? 1000 : 1);
  } else if (first == "restart") {
    step.kind = Step::Kind::restart;
  } else if (!parse_administration(line, first, step)) {
    throw BadLine{
        "a step begins with 'client', 'advance', 'restart', 'policy' or the like, or a "
        "client and a colon"};
  }
  if (!line.at_end()) {
    throw BadLine{"more than a step is in the line"};
  }
  return step;
}

void parse_line(std::string_view line, int number, Scenario& scenario) {
  constexpr std::string_view name = "# name: ";
  constexpr std::string_view description = "# description: ";
  if (line.starts_with(name)) {
    scenario.name = line.substr(name.size());
  } else if (line.starts_with(description)) {
    scenario.description = line.substr(description.size());
  } else if (!line.empty() && line.front() != '#') {
    scenario.steps.push_back(parse_step(line));
    scenario.steps.back().line = number;
  }
}

}  // namespace

Scenario parse_scenario(std::string_view text) {
  Scenario scenario;
  for (int number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    try {
      parse_line(line, number, scenario);
    } catch (const BadLine& bad) {
      scenario.error = "line " + std::to_string(number) + ": " + bad.why;
      return scenario;
    }
  }
  if (scenario.name.empty() || scenario.description.empty() || scenario.steps.empty()) {
    scenario.error = "a scenario has '# name: ', '# description: ' and steps";
  }
  return scenario;
}

}  // namespace lepus::scenarios
