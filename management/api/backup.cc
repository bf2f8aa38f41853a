#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/body.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

std::string_view name_of(model::BackupStatus::State state) {
  switch (state) {
    case model::BackupStatus::State::none:
      return "none";
    case model::BackupStatus::State::running:
      return "running";
    case model::BackupStatus::State::done:
      return "done";
    case model::BackupStatus::State::failed:
      return "failed";
  }
  return "";
}

}  // namespace

Response get_backup(const Context& context) {
  const auto status = context.broker.access().backup_status();
  json object{{"state", name_of(status.state)}};
  if (!status.path.empty()) {
    object["path"] = status.path;
  }
  if (!status.reason.empty()) {
    object["reason"] = status.reason;
  }
  return json_response(object);
}

Response post_backup(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"path"});
  const std::string path = body.text("path");
  if (body.error()) {
    return *body.error();
  }
  if (const auto started = context.broker.access().start_backup(path); !started) {
    return bad_request(started.error().text);
  }
  constexpr int accepted = 202;
  Response response = get_backup(context);
  response.status = accepted;
  return response;
}

}  // namespace lepus::management::api
