#include <string>

#include <gtest/gtest.h>

#include "tests/management/application_fixture.h"

namespace lepus::management {
namespace {

using nlohmann::json;

class ParametersApiTest : public ApplicationTest {
 protected:
  int put(const std::string& path, const std::string& body) {
    return request(Method::put, path, body).status;
  }
};

TEST_F(ParametersApiTest, GlobalOnesArePutShownAndDeleted) {
  const std::string path = "global-parameters/mqtt_port";
  EXPECT_EQ(request(Method::get, path).status, 404);
  EXPECT_EQ(put(path, R"({"name":"other","value":{"port":1883}})"), 201);
  EXPECT_EQ(put(path, R"({"value":[1883,"x"]})"), 204);
  EXPECT_EQ(get(path), json::parse(R"({"name":"mqtt_port","value":[1883,"x"]})"));
  EXPECT_EQ(get("global-parameters"),
            json::array({get("global-parameters/cluster_name"), get(path)}));
  EXPECT_EQ(request(Method::del, path).status, 204);
  EXPECT_EQ(request(Method::del, path).status, 404);
  expect_error(request(Method::put, path, "{}"), 400, "bad_request", "[{key_missing,value}]");
}

TEST_F(ParametersApiTest, LimitsOfVhostsAreParametersToo) {
  const std::string path = "parameters/vhost-limits/%2F/limits";
  EXPECT_EQ(request(Method::get, path).status, 404);
  EXPECT_EQ(put(path, R"({"value":{"max-queues":3}})"), 201);
  EXPECT_EQ(put(path, R"({"value":{"max-connections":60}})"), 204);
  EXPECT_EQ(get("vhost-limits"), json::parse(R"([{"vhost":"/","value":{"max-connections":60}}])"));
  EXPECT_EQ(get(path), json::parse(R"({"component":"vhost-limits","vhost":"/","name":"limits",
                                       "value":{"max-connections":60}})"));
  expect_error(request(Method::put, path, R"({"value":{"max-connections":1,"nope":2}})"), 400,
               "bad_request",
               "Validation failed\n\nUnrecognised terms [{<<\"nope\">>,2}] in limits\n");
  EXPECT_EQ(get(path)["value"]["max-connections"], 60);
  EXPECT_EQ(request(Method::del, path).status, 204);
  EXPECT_EQ(get("vhost-limits"), json::array());
}

TEST_F(ParametersApiTest, OperatorPoliciesAreParametersToo) {
  const std::string path = "parameters/operator_policy/%2F/p";
  EXPECT_EQ(put(path, R"({"value":{"pattern":"^q","definition":{"max-length":5}}})"), 201);
  EXPECT_EQ(get("operator-policies/%2F/p")["definition"], json::parse(R"({"max-length":5})"));
  EXPECT_EQ(get("parameters/operator_policy").size(), 1U);
  EXPECT_EQ(get(path)["value"]["pattern"], "^q");
  EXPECT_EQ(request(Method::del, path).status, 204);
  EXPECT_EQ(request(Method::get, "operator-policies/%2F/p").status, 404);
}

TEST_F(ParametersApiTest, OtherComponentsAreUnknown) {
  expect_error(request(Method::put, "parameters/nope/%2F/p", R"({"value":1})"), 400, "bad_request",
               "Validation failed\n\ncomponent nope not found\n");
  expect_error(request(Method::put, "parameters/policy/%2F/p", R"({"value":{}})"), 400,
               "bad_request", "policies may not be set using this method");
  expect_error(request(Method::put, "parameters/vhost-limits/x/limits", R"({"value":{}})"), 404,
               "not_found", "vhost_not_found");
  EXPECT_EQ(get("parameters/nope"), json::array());
}

TEST_F(ParametersApiTest, FeatureFlagsAreAllThere) {
  EXPECT_EQ(get("feature-flags")[0]["state"], "enabled");
  EXPECT_EQ(put("feature-flags/stream_queue/enable", "{}"), 204);
  expect_error(request(Method::put, "feature-flags/nope/enable", "{}"), 400, "bad_request",
               "unsupported");
}

TEST_F(ParametersApiTest, DeprecatedFeaturesAreToldWithThoseInUse) {
  EXPECT_EQ(get("deprecated-features").size(), 1U);
  EXPECT_EQ(get("deprecated-features/used"), json::array());
  broker_.declare_queue("q");
  EXPECT_EQ(get("deprecated-features/used")[0]["name"], "transient_nonexcl_queues");
}

TEST_F(ParametersApiTest, TracingIsOfAVhostAndStaysWhenOtherThingsAreChanged) {
  EXPECT_EQ(put("vhosts/%2F", R"({"default_queue_type":"quorum"})"), 204);
  EXPECT_EQ(put("vhosts/%2F", R"({"tracing":true})"), 204);
  EXPECT_EQ(get("vhosts/%2F")["default_queue_type"], "quorum");
  EXPECT_EQ(put("vhosts/%2F", R"({"description":"d"})"), 204);
  EXPECT_EQ(get("vhosts/%2F")["tracing"], true);
  EXPECT_EQ(put("vhosts/%2F", R"({"tracing":false})"), 204);
  EXPECT_EQ(get("vhosts/%2F")["tracing"], false);
}

}  // namespace
}  // namespace lepus::management
