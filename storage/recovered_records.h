#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "storage/store.h"

namespace lepus::storage {

/// Adds a meta record to what is recovered. @return what is wrong with it, if anything; then
/// nothing was added.
[[nodiscard]] std::optional<std::string> add_meta_record(std::string_view key,
                                                         std::string_view value,
                                                         Recovered& recovered);

/// The same of a progress record or a page of one, which comes behind it. Whether all pages came is
/// for page_fault() to say.
[[nodiscard]] std::optional<std::string> add_progress_record(std::string_view key,
                                                             std::string_view value,
                                                             Recovered& recovered);

}  // namespace lepus::storage
