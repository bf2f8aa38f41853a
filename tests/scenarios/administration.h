#pragma once

#include <string>

#include "tests/scenarios/scenario.h"
#include "tests/support/amqp_test_client.h"

namespace lepus::scenarios {

/// Carries out a step of the kind `administer`: policies, users, permissions, vhosts and their
/// limits, alarms.
/// @return why the step failed, or nothing
std::string administer(testing::BrokerInTest& broker, std::uint32_t shards, const Step& step);

}  // namespace lepus::scenarios
