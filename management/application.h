#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "management/broker_calls.h"
#include "management/request.h"
#include "management/response.h"
#include "management/router.h"
#include "management/sampler.h"
#include "management/task.h"

namespace lepus::management {

/// The API without HTTP: requests in, answers out. Lives on the management thread.
class Application {
 public:
  /// @param access  outlives it
  Application(model::BrokerAccess& access, std::shared_ptr<Executor> executor);

  /// The answer; at most 405 and 401 are decided before the body is looked at.
  Task<Response> answer(Request request);

  /// Whether a large body is worth reading: path, method, login and rights are all right. Looks at
  /// the request without its body.
  [[nodiscard]] bool accepts_body(const Request& request) const;

  /// Every Sampler::interval_ms.
  void sample();

 private:
  struct Admission {
    Target target;
    Match match;
    model::User user;
  };

  [[nodiscard]] Result<Admission, Response> admit(const Request& request) const;
  [[nodiscard]] std::optional<Response> answer_outside_api(const Request& request,
                                                           const Target& target) const;

  BrokerCalls broker_;
  Router router_;
  Sampler sampler_;
  std::optional<Task<bool>> sampling_;
  bool is_sampling_ = false;
};

}  // namespace lepus::management
