#include "management/router.h"

#include <algorithm>

namespace lepus::management {

namespace {

/// Only an exchange may be given as nothing: `exchanges/%2F//publish` is the default one's.
bool fits(std::span<const std::string_view> pattern, std::span<const std::string> segments) {
  return std::ranges::equal(pattern, segments, [](std::string_view expected, const auto& given) {
    return expected.starts_with(':') ? !given.empty() || expected == ":exchange"
                                     : expected == given;
  });
}

PathParameters parameters_of(std::span<const std::string_view> pattern,
                             std::span<const std::string> segments) {
  PathParameters parameters;
  for (std::size_t index = 0; index < pattern.size(); ++index) {
    if (pattern[index].starts_with(':')) {
      parameters.emplace(pattern[index].substr(1), segments[index]);
    }
  }
  return parameters;
}

/// In the order in which RabbitMQ lists them.
std::string allow_header(const std::vector<Method>& methods) {
  std::string allow;
  const auto add = [&](Method method, std::string_view name) {
    if (std::ranges::find(methods, method) != methods.end()) {
      allow += (allow.empty() ? "" : ", ") + std::string{name};
    }
  };
  add(Method::get, "HEAD, GET");
  add(Method::put, "PUT");
  add(Method::post, "POST");
  add(Method::del, "DELETE");
  return allow + ", OPTIONS";
}

}  // namespace

Router::Router(std::span<const Route> routes) {
  for (const Route& route : routes) {
    Entry entry{&route, {}};
    std::string_view rest = route.pattern;
    while (!rest.empty()) {
      const std::size_t end = std::min(rest.find('/'), rest.size());
      entry.segments.push_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    entries_.push_back(std::move(entry));
  }
}

Match Router::find(Method method, std::span<const std::string> segments) const {
  const Method wanted = method == Method::head ? Method::get : method;
  Match match;
  std::vector<Method> methods;
  std::size_t names_best = segments.size() + 1;
  for (const Entry& entry : entries_) {
    if (!fits(entry.segments, segments)) {
      continue;
    }
    // "users/bulk-delete" goes before "users/:name".
    const auto names = static_cast<std::size_t>(std::ranges::count_if(
        entry.segments, [](std::string_view segment) { return segment.starts_with(':'); }));
    if (names < names_best) {
      names_best = names;
      methods.clear();
      match.route = nullptr;
    }
    if (names > names_best) {
      continue;
    }
    methods.push_back(entry.route->method);
    if (entry.route->method == wanted) {
      match.route = entry.route;
      match.parameters = parameters_of(entry.segments, segments);
    }
  }
  if (!methods.empty()) {
    match.allow = allow_header(methods);
  }
  return match;
}

}  // namespace lepus::management
