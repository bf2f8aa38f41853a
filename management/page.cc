#include "management/page.h"

#include <string_view>

namespace lepus::management {

namespace {

constexpr std::string_view start_page = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Lepus Management</title></head>
<body>
<h1>Lepus</h1>
<p>This broker's <a href="/api/index.html">HTTP API</a> is below <code>/api</code>;
<a href="/api/overview">overview</a> asks for a login.</p>
</body>
</html>
)";

constexpr std::string_view api_page = R"(<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><title>Lepus Management HTTP API</title></head>
<body>
<h1>HTTP API</h1>
<p>The API is that of RabbitMQ 3.13: <code>/api/overview</code>, <code>/api/queues</code>, … with HTTP Basic
authentication.</p>
</body>
</html>
)";

Response html(std::string_view text) {
  return {.status = 200, .body = std::string{text}, .content_type = "text/html; charset=utf-8"};
}

}  // namespace

std::optional<Response> find_page(std::span<const std::string> segments) {
  if (segments.empty() || (segments.size() == 1 && segments[0] == "index.html")) {
    return html(start_page);
  }
  if (segments.size() == 2 && segments[0] == "api" && segments[1] == "index.html") {
    return html(api_page);
  }
  return std::nullopt;
}

}  // namespace lepus::management
