#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "management/api/handlers.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using nlohmann::json;

namespace {

using Row = model::ConnectionRow;
using Rows = std::vector<Row>;

json text_or_null(const std::string& text) {
  return text.empty() ? json(nullptr) : json(text);
}

json basic_json(const Row& row, const std::string& node) {
  return {{"name", row.name}, {"vhost", row.vhost}, {"user", row.user}, {"node", node}};
}

json connection_json(const Context& context, const Row& row, const std::string& node) {
  json object = basic_json(row, node);
  if (context.stats_disabled()) {
    return object;
  }
  const auto rates = context.sampler.connection_rates(row.id);
  object.update({{"host", row.host},
                 {"port", row.port},
                 {"peer_host", row.peer_host},
                 {"peer_port", row.peer_port},
                 {"user_who_performed_action", row.user},
                 {"protocol", "AMQP 0-9-1"},
                 {"type", "network"},
                 {"state", row.state},
                 {"connected_at", row.connected_at_ms},
                 {"channels", row.channels},
                 {"channel_max", row.channel_max},
                 {"frame_max", row.frame_max_bytes},
                 {"timeout", row.heartbeat_s},
                 {"auth_mechanism", row.auth_mechanism},
                 {"client_properties", to_json(row.client_properties)},
                 {"ssl", row.tls},
                 {"ssl_protocol", text_or_null(row.tls_protocol)},
                 {"ssl_key_exchange", nullptr},
                 {"ssl_cipher", text_or_null(row.tls_cipher)},
                 {"ssl_hash", nullptr},
                 {"peer_cert_subject", text_or_null(row.peer_certificate_subject)},
                 {"peer_cert_issuer", text_or_null(row.peer_certificate_issuer)},
                 {"peer_cert_validity", text_or_null(row.peer_certificate_validity)},
                 {"recv_cnt", row.received_count},
                 {"send_cnt", row.sent_count},
                 {"send_pend", row.output_bytes},
                 {"garbage_collection", garbage_collection()}});
  if (!row.user_provided_name.empty()) {
    object["user_provided_name"] = row.user_provided_name;
  }
  put_rated(object, "recv_oct", row.received_bytes, rates[0]);
  put_rated(object, "send_oct", row.sent_bytes, rates[1]);
  put_rated(object, "reductions", 0, 0);
  return object;
}

bool is_open(const Row& row) {
  return !row.vhost.empty();
}

bool is_visible(const Context& context, const Row& row) {
  return is_open(row) && (is_monitor(context.user) || row.user == context.user.name);
}

Response list_rows(const Context& context, const Rows& rows, bool is_paged) {
  const std::string node = context.broker.node().name;
  return list_response(
      context, list_of(
                   rows, [](const Row& row) { return std::string_view{row.vhost}; },
                   [](const Row& row) { return std::string_view{row.name}; },
                   [&](const Row& row) { return connection_json(context, row, node); }, is_paged));
}

/// The connection that the path names, if it is there.
const Row* find_row(const Context& context, const Rows& rows) {
  const auto found = std::ranges::find(rows, context.path("connection"), &Row::name);
  return found == rows.end() || !is_open(*found) ? nullptr : &*found;
}

std::string close_reason(const Context& context) {
  return context.request.close_reason.empty() ? "Closed via management plugin"
                                              : context.request.close_reason;
}

}  // namespace

Task<Response> list_connections(const Context& context) {
  Rows rows = co_await context.broker.connection_rows();
  std::erase_if(rows, [&](const Row& row) { return !is_visible(context, row); });
  co_return list_rows(context, rows, true);
}

Task<Response> list_vhost_connections(const Context& context) {
  Rows rows = co_await context.broker.connection_rows();
  std::erase_if(rows, [&](const Row& row) {
    return !is_visible(context, row) || row.vhost != context.path("vhost");
  });
  co_return list_rows(context, rows, true);
}

Task<Response> get_connection(const Context& context) {
  const Rows rows = co_await context.broker.connection_rows();
  const Row* row = find_row(context, rows);
  if (row == nullptr) {
    co_return object_not_found();
  }
  if (!is_visible(context, *row)) {
    co_return not_authorised("User not authorised to access object");
  }
  co_return object_response(context, connection_json(context, *row, context.broker.node().name));
}

Task<Response> close_connection(const Context& context) {
  const Rows rows = co_await context.broker.connection_rows();
  const Row* row = find_row(context, rows);
  if (row == nullptr) {
    co_return object_not_found();
  }
  if (!is_administrator(context.user) && row->user != context.user.name) {
    co_return not_authorised("User not authorised to access object");
  }
  context.broker.access().close_connection(row->id, close_reason(context));
  co_return no_content();
}

Task<Response> list_user_connections(const Context& context) {
  Rows rows = co_await context.broker.connection_rows();
  std::erase_if(rows, [&](const Row& row) {
    return !is_visible(context, row) || row.user != context.path("user");
  });
  const std::string node = context.broker.node().name;
  co_return list_response(context,
                          list_of(
                              rows, [](const Row& row) { return std::string_view{row.vhost}; },
                              [](const Row& row) { return std::string_view{row.name}; },
                              [&](const Row& row) { return basic_json(row, node); }, false));
}

Task<Response> close_user_connections(const Context& context) {
  const Rows rows = co_await context.broker.connection_rows();
  for (const Row& row : rows) {
    if (row.user == context.path("user")) {
      context.broker.access().close_connection(row.id, close_reason(context));
    }
  }
  co_return no_content();
}

}  // namespace lepus::management::api
