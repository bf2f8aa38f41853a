#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "management/path.h"

namespace lepus::management {

enum class Method { get, head, put, post, del, options, other };

/// One HTTP request as it came, with a complete body.
struct Request {
  Method method = Method::get;
  std::string target;  ///< path and query, not decoded
  std::string authorization;
  std::string accept;
  std::string content_type;
  std::string close_reason;  ///< the header X-Reason
  std::string body;
  bool from_loopback = true;
};

}  // namespace lepus::management
