#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "broker/model/names.h"
#include "management/application.h"
#include "tests/management/fake_broker.h"

namespace lepus::management {

/// The API without its server, over a broker that does what the test says.
class ApplicationTest : public ::testing::Test {
 protected:
  Response request(Method method, std::string_view path, std::string body = {},
                   std::string_view login = "guest:guest") {
    Request made{.method = method, .target = "/api/" + std::string{path}, .body = std::move(body)};
    if (!login.empty()) {
      made.authorization = "Basic " + model::base64_encode(login);
    }
    return run(std::move(made));
  }

  Response run(Request made) {
    auto task = application_.answer(std::move(made));
    bool done = false;
    task.start([&done] { done = true; });
    executor_->run();
    EXPECT_TRUE(done);
    return done ? task.take() : Response{};
  }

  nlohmann::json get(std::string_view path) {
    const Response response = request(Method::get, path);
    EXPECT_EQ(response.status, 200) << response.body;
    return nlohmann::json::parse(response.body);
  }

  static void expect_error(const Response& response, int status, std::string_view error,
                           std::string_view reason) {
    EXPECT_EQ(response.status, status);
    const nlohmann::json expected{{"error", error}, {"reason", reason}};
    EXPECT_EQ(nlohmann::json::parse(response.body, nullptr, false), expected) << response.body;
  }

  FakeBroker broker_;
  std::shared_ptr<QueuedExecutor> executor_ = std::make_shared<QueuedExecutor>();
  Application application_{broker_, executor_};
};

}  // namespace lepus::management
