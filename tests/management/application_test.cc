#include "management/application.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "broker/model/names.h"
#include "tests/management/application_fixture.h"

namespace lepus::management {
namespace {

using nlohmann::json;

TEST_F(ApplicationTest, UnknownPathsAreNotFoundBeforeTheLoginIsLookedAt) {
  expect_error(request(Method::get, "nonsense", {}, ""), 404, "Object Not Found", "Not Found");
  expect_error(request(Method::get, "queues//x", {}, ""), 404, "Object Not Found", "Not Found");
}

TEST_F(ApplicationTest, AMethodThatThePathDoesNotHaveNamesThoseItHas) {
  const Response response = request(Method::post, "queues/%2F/q", {}, "");
  EXPECT_EQ(response.status, 405);
  EXPECT_EQ(response.body, "");
  const std::pair<std::string, std::string> allow{"allow", "HEAD, GET, PUT, DELETE, OPTIONS"};
  EXPECT_EQ(response.headers.at(0), allow);
}

TEST_F(ApplicationTest, OptionsNeedNoLogin) {
  const Response response = request(Method::options, "overview", {}, "");
  EXPECT_EQ(response.status, 200);
  const std::pair<std::string, std::string> allow{"allow", "HEAD, GET, OPTIONS"};
  EXPECT_EQ(response.headers.at(0), allow);
}

TEST_F(ApplicationTest, WithoutALoginThereIsAChallenge) {
  const Response response = request(Method::get, "overview", {}, "");
  EXPECT_EQ(response.status, 401);
  EXPECT_EQ(response.body, "");
  EXPECT_EQ(response.headers.at(0).first, "www-authenticate");
}

TEST_F(ApplicationTest, LoginsAreChecked) {
  expect_error(request(Method::get, "overview", {}, "guest:wrong"), 401, "not_authorized",
               "Login failed");
  expect_error(request(Method::get, "overview", {}, "nobody:x"), 401, "not_authorized",
               "Login failed");
  EXPECT_EQ(run({.target = "/api/overview", .authorization = "Basic !!!"}).status, 400);
  const Request remote{.target = "/api/overview",
                       .authorization = "Basic " + model::base64_encode("guest:guest"),
                       .from_loopback = false};
  expect_error(run(remote), 401, "not_authorised", "User can only log in via localhost");
}

TEST_F(ApplicationTest, TagsDecideWhatAUserMaySee) {
  const auto put = [this](std::string_view name, std::string_view tags) {
    const json body{{"password", "p"}, {"tags", tags}};
    EXPECT_EQ(request(Method::put, "users/" + std::string{name}, body.dump()).status, 201);
  };
  put("plain", "");
  put("watcher", "monitoring");
  put("worker", "management, mine");
  expect_error(request(Method::get, "overview", {}, "plain:p"), 401, "not_authorised",
               "Not management user");
  EXPECT_EQ(request(Method::get, "nodes", {}, "watcher:p").status, 200);
  expect_error(request(Method::get, "nodes", {}, "worker:p"), 401, "not_authorised",
               "Not monitor user");
  expect_error(request(Method::get, "users", {}, "watcher:p"), 401, "not_authorised",
               "Not administrator user");
  expect_error(request(Method::get, "queues/%2F", {}, "worker:p"), 401, "not_authorised",
               "User not authorised to access virtual host");
  EXPECT_EQ(json::parse(request(Method::get, "vhosts", {}, "worker:p").body), json::array());
  const Response whoami = request(Method::get, "whoami", {}, "worker:p");
  EXPECT_EQ(json::parse(whoami.body),
            json::parse(R"({"name":"worker","tags":["management","mine"]})"));
}

TEST_F(ApplicationTest, AnUnknownVhostIsMissingInItsOwnWordsWhenWrittenTo) {
  expect_error(request(Method::get, "queues/nowhere"), 404, "Object Not Found", "Not Found");
  expect_error(request(Method::put, "queues/nowhere/q", "{}"), 404, "not_found", "vhost_not_found");
}

TEST_F(ApplicationTest, TheDefaultExchangeMayBeGivenAsNothing) {
  EXPECT_EQ(get("exchanges/%2F//"), get("exchanges/%2F/amq.default"));
  EXPECT_EQ(get("exchanges/%2F//bindings/source"), json::array());
  expect_error(request(Method::get, "queues/%2F//bindings"), 404, "Object Not Found", "Not Found");
}

TEST_F(ApplicationTest, LeadersOfQueuesAreBalancedAlready) {
  EXPECT_EQ(request(Method::post, "rebalance/queues", "{}").status, 204);
  EXPECT_EQ(request(Method::get, "rebalance/queues").status, 405);
}

TEST_F(ApplicationTest, BodiesAreChecked) {
  expect_error(request(Method::put, "users/u", "{"), 400, "bad_request", "not_json");
  expect_error(request(Method::put, "users/u", "[1]"), 400, "bad_request", "not_json");
  expect_error(request(Method::put, "users/u", "{}"), 400, "bad_request", "tags_not_present");
  expect_error(request(Method::put, "permissions/%2F/guest",
                       R"({"configure":"",)"
                       R"("write":""})"),
               400, "bad_request", "[{key_missing,read}]");
  const Response response = request(Method::put, "queues/%2F/q", R"({"durable":"maybe"})");
  EXPECT_EQ(json::parse(response.body)["reason"], json::parse(R"(["not_boolean","maybe"])"));
}

TEST_F(ApplicationTest, NamesThatAmqpCannotHoldAreRefused) {
  const std::string name(256, 'q');
  EXPECT_EQ(request(Method::put, "queues/%2F/" + name, "{}").status, 400);
  EXPECT_EQ(request(Method::get, "queues/%2F/" + name).status, 404);
}

TEST_F(ApplicationTest, ListsAreSortedPagedAndCutToColumns) {
  for (const char* name : {"b", "a", "c", "other"}) {
    broker_.declare_queue(name);
  }
  EXPECT_EQ(
      get("queues/%2F?columns=name&sort=name&sort_reverse=true&page=1&page_size=2"),
      json::parse(R"({"total_count":4,"filtered_count":4,"item_count":2,"page":1,)"
                  R"("page_size":2,"page_count":2,"items":[{"name":"other"},{"name":"c"}]})"));
  EXPECT_EQ(get("queues?columns=name"),
            json::parse(R"([{"name":"a"},{"name":"b"},{"name":"c"},{"name":"other"}])"));
  EXPECT_EQ(get("queues?page=1&name=%5E.%24&use_regex=true")["filtered_count"], 3);
  EXPECT_EQ(get("queues?page=1&name=OTH")["filtered_count"], 1);
  EXPECT_EQ(get("queues?page=3&page_size=2")["items"], json::array());
  EXPECT_EQ(get("queues/%2F/a?columns=messages_details.rate"),
            json::parse(R"({"messages_details":{"rate":0.0}})"));
}

TEST_F(ApplicationTest, BadPagesAreRefused) {
  broker_.declare_queue("a");
  expect_error(request(Method::get, "queues?page=9&page_size=2"), 400, "page_out_of_range",
               "Page out of range, page: 9 page size: 2, len: 1");
  expect_error(request(Method::get, "queues?page=1&page_size=501"), 400,
               "invalid_pagination_parameters",
               "Invalid pagination parameters: page number 1, page size 501");
  expect_error(request(Method::get, "queues?page=0"), 400, "invalid_pagination_parameters",
               "Invalid pagination parameters: page number 0, page size undefined");
  expect_error(request(Method::get, "queues?page=a"), 400, "bad_request",
               "Pagination parameters are invalid");
  expect_error(request(Method::get, "queues?page=1&name=(&use_regex=true"), 400, "bad_request",
               "Pagination parameters are invalid");
}

TEST_F(ApplicationTest, VhostsComeWithPermissionsForTheirMakerAndGo) {
  EXPECT_EQ(request(Method::put, "vhosts/a%2Fb", R"({"description":"d","tags":"x, y"})").status,
            201);
  EXPECT_EQ(request(Method::put, "vhosts/a%2Fb", R"({"description":"e"})").status, 204);
  EXPECT_EQ(get("vhosts/a%2Fb")["description"], "e");
  EXPECT_EQ(get("permissions/a%2Fb/guest")["read"], ".*");
  broker_.connections = {{.id = model::ConnectionId{7}, .name = "c", .vhost = "a/b"},
                         {.id = model::ConnectionId{8}, .name = "d", .vhost = "/"}};
  EXPECT_EQ(request(Method::del, "vhosts/a%2Fb").status, 204);
  ASSERT_EQ(broker_.closed.size(), 1U);
  EXPECT_EQ(broker_.closed[0].second, "vhost 'a/b' is down");
  EXPECT_EQ(request(Method::get, "vhosts/a%2Fb").status, 404);
}

TEST_F(ApplicationTest, ConnectionsAreClosedWithTheReasonGiven) {
  broker_.connections = {
      {.id = model::ConnectionId{7}, .name = "1.2.3.4:5 -> 6", .vhost = "/", .user = "guest"}};
  Request close{.method = Method::del,
                .target = "/api/connections/1.2.3.4%3A5%20-%3E%206",
                .authorization = "Basic " + model::base64_encode("guest:guest"),
                .close_reason = "maintenance"};
  EXPECT_EQ(run(close).status, 204);
  EXPECT_EQ(broker_.closed.at(0).second, "maintenance");
  close.close_reason.clear();
  EXPECT_EQ(run(close).status, 204);
  EXPECT_EQ(broker_.closed.at(1).second, "Closed via management plugin");
  EXPECT_EQ(request(Method::del, "connections/other").status, 404);
}

TEST_F(ApplicationTest, BulkDeletionStopsAtTheFirstUnknownUser) {
  for (const char* name : {"one", "two"}) {
    request(Method::put, "users/" + std::string{name}, R"({"password":"p","tags":""})");
  }
  const Response response =
      request(Method::post, "users/bulk-delete", R"({"users":["one","nope","two"]})");
  EXPECT_EQ(response.status, 400);
  EXPECT_EQ(json::parse(response.body)["reason"], json::parse(R"(["no_such_user","nope"])"));
  EXPECT_EQ(request(Method::get, "users/one").status, 404);
  EXPECT_EQ(request(Method::get, "users/two").status, 200);
}

TEST_F(ApplicationTest, DefinitionsMayHaveExchangesOfAllTypes) {
  json definitions = json::parse(R"({"vhosts":[{"name":"shop"}],
    "queues":[{"name":"q","vhost":"shop","durable":true,"auto_delete":false,"arguments":{}}],
    "bindings":[{"source":"x-consistent-hash","vhost":"shop","destination":"q",
                 "destination_type":"queue","routing_key":"5","arguments":{}}]})");
  for (const model::ExchangeType type : model::exchange_types) {
    definitions["exchanges"].push_back({{"name", model::name_of(type)},
                                        {"vhost", "shop"},
                                        {"type", model::name_of(type)},
                                        {"durable", true},
                                        {"auto_delete", false},
                                        {"internal", false},
                                        {"arguments", json::object()}});
    if (type == model::ExchangeType::delayed_message) {
      definitions["exchanges"].back()["arguments"]["x-delayed-type"] = "direct";
    }
  }
  ASSERT_EQ(request(Method::post, "definitions", definitions.dump()).status, 204);
  const json exported = get("definitions");
  EXPECT_EQ(exported["bindings"], definitions["bindings"]);
  EXPECT_EQ(exported["exchanges"].size(), std::size(model::exchange_types));
  for (const json& exchange : exported["exchanges"]) {
    EXPECT_EQ(exchange["type"], exchange["name"]);
  }
  EXPECT_EQ(get("exchanges/shop/x-delayed-message")["messages_delayed"], 0);
  EXPECT_EQ(get("overview")["exchange_types"].size(), std::size(model::exchange_types));
  definitions["bindings"][0]["routing_key"] = "many";
  const Response wrong = request(Method::post, "definitions", definitions.dump());
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(json::parse(wrong.body)["reason"], "The binding key must be an integer: <<\"many\">>");
}

TEST_F(ApplicationTest, DefinitionsThatAreExportedCanBeImported) {
  const json definitions = json::parse(R"({
    "users":[{"name":"ann","password_hash":"eHh4eA==","hashing_algorithm":"rabbit_password_hashing_sha256",
              "tags":["monitoring"],"limits":{"max-channels":10}}],
    "vhosts":[{"name":"shop"}],
    "permissions":[{"user":"ann","vhost":"shop","configure":"","write":"^in","read":".*"}],
    "topic_permissions":[{"user":"ann","vhost":"shop","exchange":"amq.topic","write":"^a","read":""}],
    "parameters":[{"component":"vhost-limits","vhost":"shop","name":"limits","value":{"max-queues":9}}],
    "queues":[{"name":"in.1","vhost":"shop","durable":true,"auto_delete":false,
               "arguments":{"x-max-length":5}}],
    "exchanges":[{"name":"in","vhost":"shop","type":"topic","durable":true,"auto_delete":false,
                  "internal":false,"arguments":{}}],
    "bindings":[{"source":"in","vhost":"shop","destination":"in.1","destination_type":"queue",
                 "routing_key":"a.#","arguments":{}},
                {"source":"in","vhost":"shop","destination":"gone","destination_type":"queue",
                 "routing_key":"","arguments":{}}]})");
  ASSERT_EQ(request(Method::post, "definitions", definitions.dump()).status, 204);
  ASSERT_EQ(request(Method::post, "definitions", definitions.dump()).status, 204);
  const json exported = get("definitions");
  for (const char* noun : {"queues", "exchanges", "topic_permissions", "parameters"}) {
    EXPECT_EQ(exported[noun], definitions[noun]);
  }
  EXPECT_EQ(exported["bindings"].size(), 1U);
  EXPECT_EQ(get("users/ann")["limits"], json::parse(R"({"max-channels":10})"));
  const json of_vhost = get("definitions/shop");
  EXPECT_FALSE(of_vhost["queues"][0].contains("vhost"));
  const Response wrong =
      request(Method::post, "definitions", R"({"queues":[{"name":"q","vhost":"nope"}]})");
  EXPECT_EQ(json::parse(wrong.body)["reason"], json::parse(R"(["no_such_vhost","nope"])"));
}

TEST_F(ApplicationTest, HealthChecksTellWhatIsMissing) {
  EXPECT_EQ(get("health/checks/alarms"), json::parse(R"({"status":"ok"})"));
  EXPECT_EQ(get("health/checks/port-listener/5672"), json::parse(R"({"status":"ok","port":5672})"));
  const Response missing = request(Method::get, "health/checks/port-listener/1");
  EXPECT_EQ(missing.status, 503);
  EXPECT_EQ(json::parse(missing.body),
            json::parse(R"({"status":"failed","reason":"No active listener","missing":1,)"
                        R"("ports":[5672]})"));
  EXPECT_EQ(request(Method::get, "health/checks/port-listener/x").status, 400);
  broker_.resources_now.disk_alarm = true;
  const Response alarm = request(Method::get, "health/checks/alarms");
  EXPECT_EQ(alarm.status, 503);
  EXPECT_EQ(json::parse(alarm.body)["alarms"],
            json::parse(R"([{"node":"rabbit@test","resource":"disk"}])"));
}

TEST_F(ApplicationTest, AnImportEndsAtTheFirstMistake) {
  const Response wrong = request(Method::post, "definitions",
                                 R"({"vhosts":[{"name":"one"},{"name":""},{"name":"two"}],
                                     "users":[{"name":"late","password_hash":"","tags":""}]})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(request(Method::get, "vhosts/one").status, 200);
  EXPECT_EQ(request(Method::get, "vhosts/two").status, 404);
  EXPECT_EQ(request(Method::get, "users/late").status, 404);
}

TEST_F(ApplicationTest, PasswordHashesAreBase64) {
  const Response wrong = request(Method::put, "users/ann", R"({"password_hash":"!!!","tags":""})");
  EXPECT_EQ(wrong.status, 400);
  EXPECT_EQ(json::parse(wrong.body)["reason"], json::parse(R"(["not_base64","!!!"])"));
  EXPECT_EQ(request(Method::get, "users/ann").status, 404);
  const Response imported = request(
      Method::post, "definitions", R"({"users":[{"name":"ann","password_hash":"!!!","tags":""}]})");
  EXPECT_EQ(json::parse(imported.body)["reason"], json::parse(R"(["not_base64","!!!"])"));
  // Nobody logs in with a password then.
  EXPECT_EQ(request(Method::put, "users/ann", R"({"password_hash":"","tags":""})").status, 201);
}

TEST_F(ApplicationTest, AnExpressionThatTakesTooLongIsGivenUp) {
  for (const char* name : {"one", "two", "three"}) {
    broker_.declare_queue(name);
  }
  EXPECT_EQ(get("queues?page=1&name=o&use_regex=true")["filtered_count"], 2);
  broker_.fixed_clock.step_ms = 300;
  expect_error(request(Method::get, "queues?page=1&name=o&use_regex=true"), 400, "bad_request",
               "the expression takes too long to match");
}

TEST_F(ApplicationTest, WhatOthersDoIsHiddenFromPlainUsers) {
  request(Method::put, "users/worker", R"({"password":"p","tags":"management"})");
  broker_.totals.publish = 1000;
  broker_.connections = {
      {.id = model::ConnectionId{7}, .name = "c", .vhost = "/", .user = "guest"}};
  model::ChannelRow channel;
  channel.connection = model::ConnectionId{7};
  channel.connection_name = "c";
  channel.number = 1;
  channel.user = "guest";
  broker_.channels = {channel};
  EXPECT_EQ(get("overview")["message_stats"]["publish"], 1000);
  EXPECT_EQ(get("channels/c%20(1)")["number"], 1);
  EXPECT_EQ(get("connections/c/channels").size(), 1U);
  const Response overview = request(Method::get, "overview", {}, "worker:p");
  EXPECT_EQ(json::parse(overview.body)["message_stats"].value("publish", 0), 0);
  for (const char* path : {"channels/c%20(1)", "connections/c/channels"}) {
    expect_error(request(Method::get, path, {}, "worker:p"), 401, "not_authorised",
                 "User not authorised to access object");
  }
  EXPECT_EQ(request(Method::get, "channels/c%20(2)").status, 404);
  EXPECT_EQ(request(Method::get, "channels/other%20(1)").status, 404);
}

TEST_F(ApplicationTest, HealthIsToldOfThisNodeOnly) {
  EXPECT_EQ(get("healthchecks/node"), json::parse(R"({"status":"ok"})"));
  EXPECT_EQ(get("healthchecks/node/rabbit@test"), json::parse(R"({"status":"ok"})"));
  EXPECT_EQ(request(Method::get, "healthchecks/node/rabbit@other").status, 404);
}

TEST_F(ApplicationTest, CertificatesAreLookedAtBeforeTheyExpire) {
  const char* const within_a_month = "health/checks/certificate-expiration/1/months";
  EXPECT_EQ(get(within_a_month), json::parse(R"({"status":"ok"})"));
  broker_.fixed_clock.now_ms = 1'700'000'000'000;
  constexpr std::int64_t day_s = 86400;
  broker_.listeners.push_back({"amqp/ssl", "0.0.0.0", 5671, 1'700'000'000 + 20 * day_s});
  EXPECT_EQ(request(Method::get, "health/checks/certificate-expiration/2/weeks").status, 200);
  const Response expiring = request(Method::get, within_a_month);
  EXPECT_EQ(expiring.status, 503);
  const json body = json::parse(expiring.body);
  EXPECT_EQ(body["reason"], "Certificates expiring");
  EXPECT_EQ(body["expired"][0]["port"], 5671);
  EXPECT_EQ(request(Method::get, "health/checks/certificate-expiration/1/eons").status, 400);
}

TEST_F(ApplicationTest, TheNodesConnectionLimitIsChecked) {
  const char* const check = "health/checks/below-node-connection-limit";
  EXPECT_EQ(request(Method::get, check).status, 200);
  broker_.connection_max = 1;
  EXPECT_EQ(request(Method::get, check).status, 200);
  broker_.connection_max = 0;
  const Response reached = request(Method::get, check);
  EXPECT_EQ(reached.status, 503);
  EXPECT_EQ(json::parse(reached.body)["reason"], "node connection limit is reached");
}

TEST_F(ApplicationTest, AStoreWithAProblemDoesNotServeClients) {
  EXPECT_EQ(get("health/checks/ready-to-serve-clients"), json::parse(R"({"status":"ok"})"));
  broker_.resources_now.store_problem = "a write failed";
  const Response check = request(Method::get, "health/checks/ready-to-serve-clients");
  EXPECT_EQ(check.status, 503);
  EXPECT_EQ(json::parse(check.body)["reason"], "a write failed");
}

TEST_F(ApplicationTest, RatesComeFromTwoSamples) {
  broker_.declare_queue("q");
  broker_.queue_counters.publish = 10;
  get("queues");
  application_.sample();
  executor_->run();
  broker_.fixed_clock.now_ms += 5000;
  broker_.queue_counters.publish = 60;
  application_.sample();
  executor_->run();
  EXPECT_EQ(get("queues/%2F/q")["message_stats"]["publish_details"],
            json::parse(R"({"rate":10.0})"));
}

TEST_F(ApplicationTest, ARequestThatIsGivenUpDropsItsAnswer) {
  Request put{.method = Method::put,
              .target = "/api/queues/%2F/q",
              .authorization = "Basic " + model::base64_encode("guest:guest")};
  {
    auto task = application_.answer(std::move(put));
    task.start([] { FAIL() << "it must not end"; });
    executor_->run();
  }
  ASSERT_EQ(broker_.waiting_clients.size(), 1U);
  broker_.waiting_clients[0](model::ProtocolError{amqp::ReplyCode::not_allowed, "late"});
  executor_->run();
}

}  // namespace
}  // namespace lepus::management
