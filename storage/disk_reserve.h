#pragma once

#include <cstdint>
#include <filesystem>

namespace lepus::storage {

/// A file that takes up room on the disk until the room is needed: what a store needs to be opened
/// anew when the disk is full.
///
/// Used by one thread.
class DiskReserve {
 public:
  /// Nothing is done yet. A file that an earlier run left is taken over.
  /// @param bytes  0: no reserve, which is always held
  DiskReserve(std::filesystem::path file, std::uint64_t bytes);

  /// Has the room allocated. False if there is not enough.
  [[nodiscard]] bool make();

  /// Gives the room back to whoever needs it first.
  void release();

  [[nodiscard]] bool is_held() const { return is_held_; }

  /// Whether the disk has less room left than the reserve would take.
  [[nodiscard]] bool is_needed() const;

 private:
  const std::filesystem::path file_;
  const std::uint64_t bytes_;
  bool is_held_;
};

}  // namespace lepus::storage
