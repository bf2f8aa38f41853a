#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>

#include "management/answer_budget.h"
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
  static constexpr std::size_t answer_bytes_max_default = std::size_t{256} << 20U;

  /// @param access            outlives it
  /// @param answer_bytes_max  of all answers that are being made or written
  Application(model::BrokerAccess& access, std::shared_ptr<Executor> executor,
              std::size_t answer_bytes_max = answer_bytes_max_default);

  /// The answer; at most 405 and 401 are decided before the body is looked at.
  Task<Response> answer(Request request);

  /// Whether a large body is worth reading: it would be heeded, and path, login and rights are all
  /// right. Looks at the request without its body.
  [[nodiscard]] bool accepts_body(const Request& request) const;

  [[nodiscard]] const AnswerBudget& answers() const { return answers_; }

  /// Every ServerOptions::sample_interval.
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
  AnswerBudget answers_;
  std::optional<Task<bool>> sampling_;
  bool is_sampling_ = false;
};

}  // namespace lepus::management
