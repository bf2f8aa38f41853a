#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/body.h"
#include "management/listing.h"

namespace lepus::management::api {

namespace {

using Rows = std::vector<model::UserPermissions>;
using TopicRows = std::vector<model::TopicPermissions>;

template <typename List, typename Make>
Response list_rows(const Context& context, const List& rows, Make make) {
  return list_response(
      context, list_of(
                   rows, [](const auto& row) { return std::string_view{row.vhost}; },
                   [](const auto& row) { return std::string_view{row.user}; }, make, false));
}

bool vhost_exists(const Context& context) {
  return context.broker.topology().find_vhost(context.path("vhost")).has_value();
}

bool user_exists(const Context& context) {
  return context.broker.topology().find_user(context.path("user")).has_value();
}

Task<Response> when_committed(const Context& context, Result<model::TopologyTicket> ticket,
                              Response success) {
  if (!ticket) {
    co_return topology_error(ticket.error());
  }
  const bool committed = co_await context.broker.committed(*ticket);
  co_return committed ? success : not_committed();
}

TopicRows topic_rows(const Context& context) {
  auto rows = context.broker.topology().list_topic_permissions();
  std::erase_if(rows, [&](const auto& row) {
    return row.vhost != context.path("vhost") || row.user != context.path("user");
  });
  return rows;
}

}  // namespace

Response list_permissions(const Context& context) {
  const Rows rows = context.broker.topology().list_permissions();
  return list_rows(context, rows, permissions_json);
}

Response list_vhost_permissions(const Context& context) {
  if (!vhost_exists(context)) {
    return object_not_found();
  }
  Rows rows = context.broker.topology().list_permissions();
  std::erase_if(rows, [&](const auto& row) { return row.vhost != context.path("vhost"); });
  return list_rows(context, rows, permissions_json);
}

Response list_user_permissions(const Context& context) {
  if (!user_exists(context)) {
    return object_not_found();
  }
  Rows rows = context.broker.topology().list_permissions();
  std::erase_if(rows, [&](const auto& row) { return row.user != context.path("user"); });
  return list_rows(context, rows, permissions_json);
}

Response get_permissions(const Context& context) {
  const auto permissions =
      context.broker.topology().find_permissions(context.path("user"), context.path("vhost"));
  return permissions ? object_response(context, permissions_json(*permissions))
                     : object_not_found();
}

Task<Response> put_permissions(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"configure", "write", "read"});
  model::UserPermissions permissions{.user = context.path("user"),
                                     .vhost = context.path("vhost"),
                                     .configure = body.text("configure"),
                                     .write = body.text("write"),
                                     .read = body.text("read")};
  if (body.error()) {
    co_return *body.error();
  }
  model::Topology& topology = context.broker.topology();
  const bool existed = topology.find_permissions(permissions.user, permissions.vhost).has_value();
  const auto ticket = topology.put_permissions(std::move(permissions));
  Task<Response> answering = when_committed(context, ticket, existed ? no_content() : created());
  co_return co_await answering;
}

Task<Response> delete_permissions(const Context& context) {
  model::Topology& topology = context.broker.topology();
  if (!topology.find_permissions(context.path("user"), context.path("vhost"))) {
    co_return object_not_found();
  }
  const auto ticket = topology.delete_permissions(context.path("user"), context.path("vhost"));
  Task<Response> answering = when_committed(context, ticket, no_content());
  co_return co_await answering;
}

Response list_topic_permissions(const Context& context) {
  const TopicRows rows = context.broker.topology().list_topic_permissions();
  return list_rows(context, rows, topic_permissions_json);
}

Response list_vhost_topic_permissions(const Context& context) {
  if (!vhost_exists(context)) {
    return object_not_found();
  }
  TopicRows rows = context.broker.topology().list_topic_permissions();
  std::erase_if(rows, [&](const auto& row) { return row.vhost != context.path("vhost"); });
  return list_rows(context, rows, topic_permissions_json);
}

Response list_user_topic_permissions(const Context& context) {
  if (!user_exists(context)) {
    return object_not_found();
  }
  TopicRows rows = context.broker.topology().list_topic_permissions();
  std::erase_if(rows, [&](const auto& row) { return row.user != context.path("user"); });
  return list_rows(context, rows, topic_permissions_json);
}

Response get_topic_permissions(const Context& context) {
  const TopicRows rows = topic_rows(context);
  return rows.empty() ? object_not_found() : list_rows(context, rows, topic_permissions_json);
}

Task<Response> put_topic_permissions(const Context& context) {
  BodyReader body{context.request.body};
  body.require({"exchange", "write", "read"});
  model::TopicPermissions permissions{.user = context.path("user"),
                                      .vhost = context.path("vhost"),
                                      .exchange = body.text("exchange"),
                                      .write = body.text("write"),
                                      .read = body.text("read")};
  if (body.error()) {
    co_return *body.error();
  }
  const TopicRows rows = topic_rows(context);
  bool existed = false;
  for (const model::TopicPermissions& row : rows) {
    existed = existed || row.exchange == permissions.exchange;
  }
  const auto ticket = context.broker.topology().put_topic_permissions(std::move(permissions));
  Task<Response> answering = when_committed(context, ticket, existed ? no_content() : created());
  co_return co_await answering;
}

Task<Response> delete_topic_permissions(const Context& context) {
  const bool of_one_exchange = context.parameters.contains("exchange");
  if (topic_rows(context).empty()) {
    co_return object_not_found();
  }
  const auto ticket = context.broker.topology().delete_topic_permissions(
      context.path("user"), context.path("vhost"),
      of_one_exchange ? context.path("exchange") : std::string{});
  Task<Response> answering = when_committed(context, ticket, no_content());
  co_return co_await answering;
}

}  // namespace lepus::management::api
