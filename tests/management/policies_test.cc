#include <string>

#include <gtest/gtest.h>

#include "tests/management/application_fixture.h"

namespace lepus::management {
namespace {

using nlohmann::json;

class PoliciesApiTest : public ApplicationTest {
 protected:
  int put(const std::string& path, const std::string& body) {
    return request(Method::put, path, body).status;
  }

  /// Why a policy of this body is refused.
  std::string reason(const std::string& body, const std::string& path = "policies/%2F/p") {
    const Response response = request(Method::put, path, body);
    EXPECT_EQ(response.status, 400);
    const json answer = json::parse(response.body);
    EXPECT_EQ(answer["error"], "bad_request");
    return answer["reason"];
  }
};

TEST_F(PoliciesApiTest, TheyArePutShownAndDeleted) {
  for (const std::string noun : {"policies", "operator-policies"}) {
    const std::string path = noun + "/%2F/p";
    EXPECT_EQ(request(Method::get, path).status, 404);
    EXPECT_EQ(put(path, R"({"pattern":"^q","definition":{"max-length":5},"name":"other"})"), 201);
    const json shown = json::parse(R"({"vhost":"/","name":"p","pattern":"^q","apply-to":"all",
                                       "definition":{"max-length":5},"priority":0})");
    EXPECT_EQ(get(path), shown);
    EXPECT_EQ(get(noun), json::array({shown}));
    EXPECT_EQ(get(noun + "/%2F"), json::array({shown}));
    EXPECT_EQ(put(path, R"({"pattern":"a","definition":{"max-length":6},"apply-to":"queues",
                            "priority":-3})"),
              204);
    EXPECT_EQ(get(path)["priority"], -3);
    EXPECT_EQ(get(path)["apply-to"], "queues");
    EXPECT_EQ(request(Method::del, path).status, 204);
    EXPECT_EQ(request(Method::del, path).status, 404);
    EXPECT_EQ(get(noun), json::array());
  }
}

TEST_F(PoliciesApiTest, PrioritiesMayLieBetweenWholeNumbers) {
  EXPECT_EQ(put("policies/%2F/p", R"({"pattern":"a","definition":{"expires":5},"priority":1.5})"),
            201);
  EXPECT_EQ(get("policies/%2F/p")["priority"], 1.5);
  EXPECT_EQ(put("policies/%2F/q", R"({"pattern":"a","definition":{"expires":6},"priority":1})"),
            201);
  broker_.declare_queue("a");
  EXPECT_EQ(get("queues/%2F/a")["policy"], "p");
}

TEST_F(PoliciesApiTest, MistakesAreToldInRabbitMqsWords) {
  EXPECT_EQ(reason("{}"), "[{key_missing,pattern},{key_missing,definition}]");
  EXPECT_EQ(reason("["), "not_json");
  EXPECT_EQ(reason(R"({"pattern":"a","definition":{}})"),
            "Validation failed\n\nno policy provided\n");
  EXPECT_EQ(reason(R"({"pattern":"a","definition":{"foo":1}})"),
            "Validation failed\n\n[{<<\"foo\">>,1}] are not recognised policy settings\n");
  EXPECT_EQ(reason(R"({"pattern":"a","definition":{"max-length":null}})"),
            "Validation failed\n\nnull is not a valid maximum length\n");
  EXPECT_EQ(reason(R"({"pattern":"(","definition":{"max-length":1}})"),
            "Validation failed\n\n"
            "pattern should be regular expression but is invalid: {\"missing )\",1}\n");
  EXPECT_EQ(reason(R"({"pattern":"a","definition":[1]})"),
            "Validation failed\n\ndefinition should be an object but was [1]\n");
  EXPECT_EQ(reason(R"({"pattern":"a","definition":{"max-length":1},"priority":"5"})"),
            "Validation failed\n\npriority should be a number, actually was <<\"5\">>\n");
  EXPECT_EQ(
      reason(R"({"pattern":"a","definition":{"queue-mode":"lazy"}})", "operator-policies/%2F/p"),
      "Validation failed\n\n"
      "[{<<\"queue-mode\">>,<<\"lazy\">>}] are not recognised policy settings\n");
  expect_error(
      request(Method::put, "policies/nope/p", R"({"pattern":"a","definition":{"expires":1}})"), 404,
      "not_found", "vhost_not_found");
  expect_error(request(Method::get, "policies/nope"), 404, "Object Not Found", "Not Found");
  EXPECT_EQ(request(Method::del, "policies/nope/p").status, 404);
}

TEST_F(PoliciesApiTest, PolicymakersMayPutThemInTheirVhosts) {
  request(Method::put, "users/pm", R"({"password":"pm","tags":"policymaker"})");
  request(Method::put, "vhosts/v");
  request(Method::put, "permissions/v/pm", R"({"configure":"","write":"","read":""})");
  const std::string body = R"({"pattern":"a","definition":{"max-length":1}})";
  EXPECT_EQ(request(Method::put, "policies/v/p", body, "pm:pm").status, 201);
  EXPECT_EQ(request(Method::get, "policies/v/p", "", "pm:pm").status, 200);
  expect_error(request(Method::put, "policies/%2F/p", body, "pm:pm"), 401, "not_authorised",
               "User not authorised to access object");
  expect_error(request(Method::put, "operator-policies/v/p", body, "pm:pm"), 401, "not_authorised",
               "Not administrator user");
  put("policies/%2F/other", body);
  EXPECT_EQ(json::parse(request(Method::get, "policies", "", "pm:pm").body).size(), 1U);
  EXPECT_EQ(request(Method::del, "policies/v/p", "", "pm:pm").status, 204);
}

TEST_F(PoliciesApiTest, QueuesAndExchangesShowWhatIsInForce) {
  ASSERT_EQ(request(Method::post, "definitions",
                    R"({"queues":[{"name":"q","vhost":"/","durable":true,
                                   "arguments":{"x-max-length":1}}],
                        "exchanges":[{"name":"qx","vhost":"/","type":"direct","durable":true}]})")
                .status,
            204);
  EXPECT_EQ(get("queues/%2F/q")["policy"], nullptr);
  EXPECT_EQ(get("queues/%2F/q")["effective_policy_definition"], json::object());
  EXPECT_FALSE(get("exchanges/%2F/qx").contains("policy"));
  put("policies/%2F/p", R"({"pattern":"^q","definition":{"max-length":9,"overflow":"drop-head"}})");
  put("operator-policies/%2F/o", R"({"pattern":"","definition":{"max-length":5,"expires":100}})");
  const json queue = get("queues/%2F/q");
  EXPECT_EQ(queue["policy"], "p");
  EXPECT_EQ(queue["operator_policy"], "o");
  EXPECT_EQ(queue["effective_policy_definition"],
            json::parse(R"({"max-length":5,"expires":100,"overflow":"drop-head"})"));
  EXPECT_FALSE(get("queues/%2F/q?disable_stats=true").contains("policy"));
  EXPECT_EQ(get("exchanges/%2F/qx")["policy"], "p");
}

TEST_F(PoliciesApiTest, DefinitionsHoldBothKinds) {
  const json definitions = json::parse(R"({
    "vhosts":[{"name":"shop"}],
    "parameters":[{"component":"operator_policy","vhost":"shop","name":"cap",
                   "value":{"pattern":".*","apply-to":"queues","definition":{"max-length":9},
                            "priority":2}}],
    "policies":[{"vhost":"shop","name":"ttl","pattern":"^in","apply-to":"quorum_queues",
                 "definition":{"message-ttl":60000},"priority":1}]})");
  ASSERT_EQ(request(Method::post, "definitions", definitions.dump()).status, 204);
  const json exported = get("definitions");
  EXPECT_EQ(exported["policies"], definitions["policies"]);
  EXPECT_EQ(exported["parameters"], definitions["parameters"]);
  EXPECT_EQ(get("parameters"), definitions["parameters"]);
  EXPECT_EQ(get("parameters/operator_policy/shop"), definitions["parameters"]);
  EXPECT_EQ(get("operator-policies/shop/cap")["priority"], 2);
  const json of_vhost = get("definitions/shop");
  EXPECT_EQ(of_vhost["policies"], definitions["policies"]);
  EXPECT_EQ(get("definitions/%2F")["policies"], json::array());
  request(Method::put, "vhosts/copy");
  ASSERT_EQ(request(Method::post, "definitions/copy", of_vhost.dump()).status, 204);
  EXPECT_EQ(get("policies/copy/ttl")["definition"], json::parse(R"({"message-ttl":60000})"));
}

TEST_F(PoliciesApiTest, AnImportNamesTheWrongPolicy) {
  const auto refused = [this](const std::string& definitions) {
    const Response response = request(Method::post, "definitions", definitions);
    EXPECT_EQ(response.status, 400);
    return json::parse(response.body)["reason"].get<std::string>();
  };
  EXPECT_EQ(refused(R"({"policies":[{"vhost":"/","name":"i","pattern":"a",
                                     "definition":{"max-length":-1}}]})"),
            "Validation failed\n\n-1 is not a valid maximum length\n (//i)");
  EXPECT_EQ(refused(R"({"parameters":[{"component":"operator_policy","vhost":"/","name":"i",
                         "value":{"pattern":"a","definition":{"queue-mode":"a"}}}]})"),
            "Validation failed\n\n[{<<\"queue-mode\">>,<<\"a\">>}] are not recognised policy "
            "settings\n (//operator_policy/i)");
  EXPECT_EQ(refused(R"({"parameters":[{"component":"policy","vhost":"/","name":"i",
                         "value":{"pattern":"a","definition":{"max-length":1}}}]})"),
            "policies may not be set using this method (//policy/i)");
}

}  // namespace
}  // namespace lepus::management
