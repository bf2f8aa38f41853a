#include <algorithm>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "amqp/methods/exchange.h"
#include "amqp/methods/queue.h"
#include "broker/model/names.h"
#include "management/api/handlers.h"
#include "management/api/properties_key.h"
#include "management/api/rows.h"
#include "management/authentication.h"
#include "management/body.h"
#include "management/json_values.h"
#include "management/listing.h"

namespace lepus::management::api {

using model::BindingDescription;
using model::BindingDestination;
using nlohmann::json;

namespace {

struct Row {
  std::string vhost;
  BindingDescription binding;
};

using Rows = std::vector<Row>;

json binding_json(const Row& row) {
  const BindingDescription& binding = row.binding;
  const bool to_queue = binding.destination_type == BindingDestination::queue;
  return {{"source", binding.source},
          {"vhost", row.vhost},
          {"destination", binding.destination},
          {"destination_type", to_queue ? "queue" : "exchange"},
          {"routing_key", binding.routing_key},
          {"arguments", to_json(binding.arguments)},
          {"properties_key", properties_key(binding)}};
}

void append(Rows& rows, const std::string& vhost, std::vector<BindingDescription> bindings) {
  for (BindingDescription& binding : bindings) {
    rows.push_back({vhost, std::move(binding)});
  }
}

Response list_rows(const Context& context, const Rows& rows) {
  return list_response(context,
                       list_of(
                           rows, [](const Row& row) { return std::string_view{row.vhost}; },
                           [](const Row& row) { return std::string_view{row.binding.source}; },
                           binding_json, false));
}

/// The two ends that the path names.
struct Ends {
  std::string vhost;
  std::string source;
  BindingDestination destination_type;
  std::string destination;
};

Ends ends_of(const Context& context) {
  const bool to_queue = context.parameters.contains("queue");
  const std::string& destination = context.path(to_queue ? "queue" : "destination");
  return {.vhost = context.path("vhost"),
          .source = context.exchange(),
          .destination_type = to_queue ? BindingDestination::queue : BindingDestination::exchange,
          .destination = !to_queue && destination == "amq.default" ? std::string{} : destination};
}

Rows bindings_between(const Context& context) {
  const Ends ends = ends_of(context);
  auto bindings = context.broker.topology().list_bindings_to(ends.vhost, ends.destination_type,
                                                             ends.destination);
  std::erase_if(bindings, [&](const auto& binding) { return binding.source != ends.source; });
  Rows rows;
  append(rows, ends.vhost, std::move(bindings));
  return rows;
}

const Row* find_row(const Context& context, const Rows& rows) {
  const std::string& key = context.path("properties");
  const auto found = std::ranges::find_if(
      rows, [&key](const Row& row) { return properties_key(row.binding) == key; });
  return found == rows.end() ? nullptr : &*found;
}

Response bind_error(const model::ProtocolError& error) {
  return error.code == amqp::ReplyCode::not_found ? not_found(error.text) : declare_error(error);
}

}  // namespace

Response list_bindings(const Context& context) {
  Rows rows;
  const model::Topology& topology = context.broker.topology();
  for (const std::string& vhost : visible_vhosts(topology, context.user)) {
    append(rows, vhost, topology.list_bindings(vhost));
  }
  return list_rows(context, rows);
}

Response list_vhost_bindings(const Context& context) {
  Rows rows;
  const std::string& vhost = context.path("vhost");
  append(rows, vhost, context.broker.topology().list_bindings(vhost));
  return list_rows(context, rows);
}

Response list_queue_bindings(const Context& context) {
  Rows rows;
  const std::string& vhost = context.path("vhost");
  append(rows, vhost,
         context.broker.topology().list_bindings_to(vhost, BindingDestination::queue,
                                                    context.path("queue")));
  return list_rows(context, rows);
}

Response list_bindings_from(const Context& context) {
  Rows rows;
  const std::string& vhost = context.path("vhost");
  append(rows, vhost, context.broker.topology().list_bindings_from(vhost, context.exchange()));
  return list_rows(context, rows);
}

Response list_bindings_to(const Context& context) {
  Rows rows;
  const std::string& vhost = context.path("vhost");
  append(rows, vhost,
         context.broker.topology().list_bindings_to(vhost, BindingDestination::exchange,
                                                    context.exchange()));
  return list_rows(context, rows);
}

Response list_bindings_between(const Context& context) {
  const Rows rows = bindings_between(context);
  return list_rows(context, rows);
}

Response get_binding(const Context& context) {
  const Rows rows = bindings_between(context);
  const Row* row = find_row(context, rows);
  return row == nullptr ? object_not_found() : object_response(context, binding_json(*row));
}

Task<Response> post_binding(const Context& context) {
  BodyReader body{context.request.body};
  BindingDescription binding;
  binding.routing_key = body.text("routing_key");
  binding.arguments = body.arguments("arguments");
  constexpr std::size_t routing_key_max_bytes = 255;
  if (binding.routing_key.size() > routing_key_max_bytes) {
    body.fail("routing keys have at most 255 octets");
  }
  if (body.error()) {
    co_return *body.error();
  }
  const Ends ends = ends_of(context);
  const std::string arguments = binding.arguments.encode();
  const auto opened = co_await context.broker.open_client(context.user.name, ends.vhost);
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  model::DirectAnswer answer;
  if (ends.destination_type == BindingDestination::queue) {
    const amqp::QueueBind bind{.queue = ends.destination,
                               .exchange = ends.source,
                               .routing_key = binding.routing_key,
                               .arguments = {arguments}};
    answer = co_await client.execute(bind);
  } else {
    const amqp::ExchangeBind bind{.destination = ends.destination,
                                  .source = ends.source,
                                  .routing_key = binding.routing_key,
                                  .arguments = {arguments}};
    answer = co_await client.execute(bind);
  }
  if (answer.error) {
    co_return bind_error(*answer.error);
  }
  Response response = created();
  response.headers.emplace_back(
      "location", percent_encode(ends.destination) + '/' + percent_encode(properties_key(binding)));
  co_return response;
}

Task<Response> delete_binding(const Context& context) {
  const Rows rows = bindings_between(context);
  const Row* row = find_row(context, rows);
  if (row == nullptr) {
    co_return object_not_found();
  }
  const Ends ends = ends_of(context);
  const std::string arguments = row->binding.arguments.encode();
  const auto opened = co_await context.broker.open_client(context.user.name, ends.vhost);
  if (!opened) {
    co_return open_error(opened.error());
  }
  const Client client{context.broker.executor(), *opened};
  model::DirectAnswer answer;
  if (ends.destination_type == BindingDestination::queue) {
    const amqp::QueueUnbind unbind{.queue = ends.destination,
                                   .exchange = ends.source,
                                   .routing_key = row->binding.routing_key,
                                   .arguments = {arguments}};
    answer = co_await client.execute(unbind);
  } else {
    const amqp::ExchangeUnbind unbind{.destination = ends.destination,
                                      .source = ends.source,
                                      .routing_key = row->binding.routing_key,
                                      .arguments = {arguments}};
    answer = co_await client.execute(unbind);
  }
  co_return answer.error ? bind_error(*answer.error) : no_content();
}

}  // namespace lepus::management::api
