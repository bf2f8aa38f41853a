#include "management/listing.h"

#include <algorithm>
#include <charconv>
#include <numeric>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "broker/base/result.h"
#include "broker/model/pattern.h"
#include "management/authentication.h"

namespace lepus::management {

using nlohmann::json;

namespace {

constexpr std::int64_t page_size_default = 100;
constexpr std::int64_t page_size_max = 500;
/// For matching the names of one list against an expression.
constexpr std::int64_t matching_ms_max = 500;

std::vector<std::string> split(std::string_view text, char separator) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end != 0) {
      parts.emplace_back(text.substr(0, end));
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

const json* find_field(const json& object, const std::vector<std::string>& path) {
  const json* value = &object;
  for (const std::string& name : path) {
    if (!value->is_object()) {
      return nullptr;
    }
    const auto found = value->find(name);
    if (found == value->end()) {
      return nullptr;
    }
    value = &*found;
  }
  return value;
}

/// The columns that a query asks for; none: everything.
class Columns {
 public:
  explicit Columns(const Context& context) {
    for (const std::string& column : split(context.query("columns").value_or(""), ',')) {
      paths_.push_back(split(column, '.'));
    }
  }

  [[nodiscard]] json cut(json object) const {
    if (paths_.empty() || !object.is_object()) {
      return object;
    }
    json kept = json::object();
    for (const auto& path : paths_) {
      const json* value = find_field(object, path);
      if (value == nullptr) {
        continue;
      }
      json* place = &kept;
      for (const std::string& name : path) {
        if (!place->is_null() && !place->is_object()) {
          break;  // The whole is among the columns already.
        }
        place = &(*place)[name];
      }
      *place = *value;
    }
    return kept;
  }

 private:
  std::vector<std::vector<std::string>> paths_;
};

struct Page {
  std::int64_t number = 1;
  std::int64_t size = page_size_default;
};

std::optional<std::int64_t> parse_integer(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? std::optional{value}
                                                                  : std::nullopt;
}

Response invalid_pagination() {
  return bad_request("Pagination parameters are invalid");
}

Result<std::optional<Page>, Response> requested_page(const Context& context) {
  const auto number_text = context.query("page");
  if (!number_text) {
    return std::optional<Page>{};
  }
  const auto size_text = context.query("page_size");
  const auto number = parse_integer(*number_text);
  const auto size = size_text ? parse_integer(*size_text) : std::optional{page_size_default};
  if (!number || !size) {
    return invalid_pagination();
  }
  if (*number < 1 || *size < 1 || *size > page_size_max) {
    return error_response(400, "invalid_pagination_parameters",
                          "Invalid pagination parameters: page number " + std::to_string(*number) +
                              ", page size " +
                              (size_text ? std::to_string(*size) : std::string{"undefined"}));
  }
  return std::optional{Page{*number, *size}};
}

std::string lower_case(std::string_view text) {
  std::string lower{text};
  std::ranges::transform(lower, lower.begin(), [](char letter) {
    return letter >= 'A' && letter <= 'Z' ? static_cast<char>(letter + 32) : letter;
  });
  return lower;
}

/// An expression may take long for each name, and meanwhile nobody else is answered.
std::optional<Response> filter_by_pattern(const Context& context, const List& list,
                                          const model::Pattern& pattern,
                                          std::vector<std::size_t>& indexes) {
  const Clock& clock = context.broker.clock();
  const std::int64_t deadline_ms = clock.steady_ms() + matching_ms_max;
  std::vector<std::size_t> kept;
  for (const std::size_t index : indexes) {
    if (clock.steady_ms() > deadline_ms) {
      return bad_request("the expression takes too long to match");
    }
    if (pattern.matches(list.name(index))) {
      kept.push_back(index);
    }
  }
  indexes = std::move(kept);
  return std::nullopt;
}

/// Removes what the query's name doesn't fit.
std::optional<Response> filter(const Context& context, const List& list,
                               std::vector<std::size_t>& indexes) {
  const std::string_view wanted = context.query("name").value_or("");
  if (wanted.empty()) {
    return std::nullopt;
  }
  if (context.query_is_true("use_regex")) {
    const auto pattern = model::Pattern::compile("(?i)" + std::string{wanted});
    if (!pattern) {
      return invalid_pagination();
    }
    return filter_by_pattern(context, list, *pattern, indexes);
  }
  const std::string lower = lower_case(wanted);
  std::erase_if(indexes, [&](std::size_t index) {
    return lower_case(list.name(index)).find(lower) == std::string::npos;
  });
  return std::nullopt;
}

void sort(const Context& context, const List& list, std::vector<std::size_t>& indexes) {
  const auto default_key = [&list](std::size_t index) {
    return std::tuple{list.vhost ? list.vhost(index) : std::string_view{}, list.name(index)};
  };
  const bool reverse = context.query_is_true("sort_reverse");
  const auto path = split(context.query("sort").value_or(""), '.');
  if (path.empty()) {
    std::ranges::stable_sort(indexes, {}, default_key);
  } else {
    std::vector<json> keys(list.size);
    for (const std::size_t index : indexes) {
      const json item = list.item(index);
      if (const json* value = find_field(item, path)) {
        keys[index] = *value;
      }
    }
    std::ranges::stable_sort(indexes, [&](std::size_t one, std::size_t other) {
      if (keys[one] != keys[other]) {
        return keys[one] < keys[other];  // null, which stands for no such field, comes first
      }
      return default_key(one) < default_key(other);
    });
  }
  if (reverse) {
    std::ranges::reverse(indexes);
  }
}

std::string items_text(const List& list, const Columns& columns,
                       const std::vector<std::size_t>& indexes) {
  std::string text = "[";
  for (const std::size_t index : indexes) {
    if (text.size() > 1) {
      text += ',';
    }
    text += to_text(columns.cut(list.item(index)));
  }
  return text + ']';
}

Response page_response(const List& list, const Columns& columns, const Page& page,
                       std::vector<std::size_t> indexes) {
  const auto filtered = static_cast<std::int64_t>(indexes.size());
  // Divided, as the page's number may be anything. The page after a full last one is just empty.
  if (page.number - 1 > filtered / page.size) {
    return error_response(400, "page_out_of_range",
                          "Page out of range, page: " + std::to_string(page.number) +
                              " page size: " + std::to_string(page.size) +
                              ", len: " + std::to_string(filtered));
  }
  const std::int64_t first = (page.number - 1) * page.size;
  const std::int64_t last = std::min(first + page.size, filtered);
  indexes.erase(indexes.begin() + last, indexes.end());
  indexes.erase(indexes.begin(), indexes.begin() + first);
  json frame{{"total_count", list.size},
             {"filtered_count", filtered},
             {"item_count", indexes.size()},
             {"page", page.number},
             {"page_size", page.size},
             {"page_count", std::max<std::int64_t>(1, (filtered + page.size - 1) / page.size)}};
  std::string text = to_text(frame);
  text.pop_back();
  text += ",\"items\":" + items_text(list, columns, indexes) + '}';
  return {.status = 200, .body = std::move(text)};
}

}  // namespace

Response list_response(const Context& context, const List& list) {
  const Columns columns{context};
  std::vector<std::size_t> indexes(list.size);
  std::iota(indexes.begin(), indexes.end(), std::size_t{0});
  std::optional<Page> page;
  if (list.is_paged) {
    auto requested = requested_page(context);
    if (!requested) {
      return requested.error();
    }
    page = *requested;
  }
  if (page) {
    if (auto error = filter(context, list, indexes)) {
      return *std::move(error);
    }
  }
  sort(context, list, indexes);
  if (page) {
    return page_response(list, columns, *page, std::move(indexes));
  }
  return {.status = 200, .body = items_text(list, columns, indexes)};
}

Response object_response(const Context& context, json object) {
  return json_response(Columns{context}.cut(std::move(object)));
}

}  // namespace lepus::management
