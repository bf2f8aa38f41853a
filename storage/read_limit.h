#pragma once

#include <cstddef>

#include "storage/store.h"

namespace lepus::storage {

/// Counts the rows of one read against its request; every backend stops at the same row.
class ReadLimit {
 public:
  explicit ReadLimit(const ReadRequest& request)
      : rows_max_(request.rows_max), bytes_max_(request.bytes_max) {}

  /// Counts a row that is passed on; true if it must be the last one. A limit of 0 is none.
  [[nodiscard]] bool reached_after(std::size_t payload_bytes) {
    rows_ += 1;
    bytes_ += payload_bytes;
    return (rows_max_ != 0 && rows_ >= rows_max_) || (bytes_max_ != 0 && bytes_ >= bytes_max_);
  }

 private:
  std::size_t rows_max_;
  std::size_t bytes_max_;
  std::size_t rows_ = 0;
  std::size_t bytes_ = 0;
};

}  // namespace lepus::storage
