#include "management/application.h"

#include <span>
#include <utility>

#include <spdlog/spdlog.h>

#include "management/authentication.h"
#include "management/page.h"

namespace lepus::management {

namespace {

std::optional<std::string> existing_vhost(const model::Topology& topology, const Match& match,
                                          bool& missing) {
  const auto found = match.parameters.find("vhost");
  if (found == match.parameters.end()) {
    return std::nullopt;
  }
  if (!topology.find_vhost(found->second)) {
    missing = true;
    return std::nullopt;
  }
  return found->second;
}

/// Names of AMQP have at most 255 octets, and are not looked up or encoded if they are longer.
bool has_too_long_name(const Match& match) {
  constexpr std::size_t name_max_bytes = 255;
  for (const std::string_view parameter :
       {"vhost", "queue", "exchange", "destination", "user", "policy", "component", "name"}) {
    const auto found = match.parameters.find(parameter);
    if (found != match.parameters.end() && found->second.size() > name_max_bytes) {
      return true;
    }
  }
  return false;
}

bool refuses_json(const Request& request) {
  return !request.accept.empty() && request.accept.find("*/*") == std::string::npos &&
         request.accept.find("json") == std::string::npos &&
         request.accept.find("application/*") == std::string::npos;
}

}  // namespace

Application::Application(model::BrokerAccess& access, std::shared_ptr<Executor> executor,
                         std::size_t answer_bytes_max)
    : broker_(access, std::move(executor)), router_(api_routes()), answers_(answer_bytes_max) {}

std::optional<Response> Application::answer_outside_api(const Request& request,
                                                        const Target& target) const {
  const bool reads = request.method == Method::get || request.method == Method::head;
  const auto& segments = target.segments;
  if (segments.size() == 1 && segments[0] == "api") {
    return Response{.status = 301, .headers = {{"location", "/api/index.html"}}};
  }
  if (auto page = find_page(segments)) {
    return reads ? *std::move(page) : method_not_allowed("HEAD, GET, OPTIONS");
  }
  if (segments.empty() || segments[0] != "api") {
    return object_not_found();
  }
  return std::nullopt;
}

Result<Application::Admission, Response> Application::admit(const Request& request) const {
  auto target = parse_target(request.target);
  if (!target) {
    return bad_request("the request's path is malformed");
  }
  if (auto answered = answer_outside_api(request, *target)) {
    return *std::move(answered);
  }
  Admission admission{.target = *std::move(target)};
  const std::span<const std::string> segments = std::span{admission.target.segments}.subspan(1);
  admission.match = router_.find(request.method, segments);
  const Match& match = admission.match;
  if (match.allow.empty()) {
    return object_not_found();
  }
  if (request.method == Method::options) {
    return Response{.status = 200, .headers = {{"allow", match.allow}}};
  }
  if (match.route == nullptr) {
    return method_not_allowed(match.allow);
  }
  const Right right = match.route->right;
  if (right != Right::none) {
    auto user = authenticate(broker_.topology(), request.authorization, request.from_loopback);
    if (!user) {
      return user.error();
    }
    admission.user = *std::move(user);
  }
  bool vhost_is_missing = false;
  const auto vhost = existing_vhost(broker_.topology(), match, vhost_is_missing);
  if (auto refused = check_right(broker_.topology(), admission.user, right, vhost)) {
    return *std::move(refused);
  }
  if (vhost_is_missing && right == Right::vhost) {
    const bool writes = request.method == Method::put || request.method == Method::post;
    return writes ? not_found("vhost_not_found") : object_not_found();
  }
  if (has_too_long_name(match)) {
    const bool reads = request.method == Method::get || request.method == Method::head;
    return reads ? object_not_found() : bad_request("names have at most 255 octets");
  }
  if (refuses_json(request)) {
    return Response{.status = 406};
  }
  return admission;
}

bool Application::accepts_body(const Request& request) const {
  const bool writes = request.method == Method::put || request.method == Method::post ||
                      request.method == Method::del;
  const auto admitted = writes ? admit(request) : Result<Admission, Response>{Response{}};
  // What needs no login is open to everybody, who must not fill the memory.
  return admitted && admitted->match.route->right != Right::none;
}

Task<Response> Application::answer(Request request) {
  auto admitted = admit(request);
  if (!admitted) {
    if (!admitted.error().refusal.empty()) {
      spdlog::warn("HTTP access denied: {}", admitted.error().refusal);
    }
    co_return admitted.error();
  }
  sampler_.note_request(broker_.clock().steady_ms());
  Context context{.request = std::move(request),
                  .target = std::move(admitted->target),
                  .parameters = std::move(admitted->match.parameters),
                  .user = std::move(admitted->user),
                  .broker = broker_,
                  .sampler = sampler_,
                  .answers = answers_};
  const Handler& handler = admitted->match.route->handler;
  if (const auto* at_hand = std::get_if<Response (*)(const Context&)>(&handler)) {
    co_return (*at_hand)(context);
  }
  Task<Response> answering = std::get<Task<Response> (*)(const Context&)>(handler)(context);
  Response response = co_await answering;
  co_return response;
}

void Application::sample() {
  if (is_sampling_) {
    return;  // The last one still waits for a shard.
  }
  is_sampling_ = true;
  sampling_.emplace(sampler_.sample(broker_));
  sampling_->start([this] { is_sampling_ = false; });
}

}  // namespace lepus::management
