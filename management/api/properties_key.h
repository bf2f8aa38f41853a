#pragma once

#include <string>

#include "broker/model/binding.h"

namespace lepus::management::api {

/// What tells a binding from others between the same ends: the form-encoded routing key (`~` if it
/// is empty), and with arguments `~` and six characters of their hash.
[[nodiscard]] std::string properties_key(const model::BindingDescription& binding);

}  // namespace lepus::management::api
