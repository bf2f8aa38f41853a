#pragma once

#include <cstddef>
#include <functional>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

#include "management/context.h"
#include "management/response.h"

namespace lepus::management {

/// A list before it is sorted and paged. Items are made one at a time, so that a long list never
/// exists twice.
struct List {
  std::size_t size = 0;
  std::function<std::string_view(std::size_t)> vhost;  ///< empty: items have none
  std::function<std::string_view(std::size_t)> name;
  std::function<nlohmann::json(std::size_t)> item;
  bool is_paged = true;  ///< heeds page, page_size, name and use_regex
};

/// Answers with the list as the query asks: filtered, sorted, cut to a page and to its columns.
[[nodiscard]] Response list_response(const Context& context, const List& list);

/// Answers with one object, cut to the columns that the query asks for.
[[nodiscard]] Response object_response(const Context& context, nlohmann::json object);

/// A vector of rows as a List; `vhost_of` and `name_of` give references into the row.
template <typename Rows, typename VhostOf, typename NameOf, typename ItemOf>
[[nodiscard]] List list_of(const Rows& rows, VhostOf vhost_of, NameOf name_of, ItemOf item_of,
                           bool is_paged = true) {
  return {.size = rows.size(),
          .vhost = [&rows, vhost_of](std::size_t index) -> std::string_view {
            return vhost_of(rows[index]);
          },
          .name = [&rows, name_of](std::size_t index) -> std::string_view {
            return name_of(rows[index]);
          },
          .item = [&rows, item_of](std::size_t index) { return item_of(rows[index]); },
          .is_paged = is_paged};
}

}  // namespace lepus::management
