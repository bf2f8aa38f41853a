#pragma once

#include <string>

#include "amqp/field_table.h"
#include "broker/base/result.h"
#include "broker/model/policy.h"

namespace lepus::model {

/// Checks what is to become a policy: a table with `pattern`, `definition`, and if wanted
/// `apply-to` and `priority`. The error is RabbitMQ's, of several lines: "Validation
/// failed\n\n…\n".
[[nodiscard]] Result<PolicyDescription> check_policy(PolicyKind kind, std::string vhost,
                                                     std::string name,
                                                     const amqp::FieldTable& value);

}  // namespace lepus::model
