#pragma once

#include <cstddef>
#include <memory>
#include <utility>

namespace lepus::management {

/// Octets of answers that are being made or written, and of large requests that are being read,
/// over all connections: slow clients must not use up the memory. Lives on the management thread.
class AnswerBudget {
 public:
  /// Octets that are counted until this goes; it may outlive the budget.
  class Charge {
   public:
    Charge(std::shared_ptr<std::size_t> pending_bytes, std::size_t limit_bytes)
        : pending_bytes_(std::move(pending_bytes)), limit_bytes_(limit_bytes) {}

    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;

    ~Charge() { *pending_bytes_ -= bytes_; }

    /// Counts more; false if the budget is spent, and then nothing is counted.
    [[nodiscard]] bool add(std::size_t bytes) {
      if (bytes > limit_bytes_ || *pending_bytes_ > limit_bytes_ - bytes) {
        return false;
      }
      *pending_bytes_ += bytes;
      bytes_ += bytes;
      return true;
    }

   private:
    std::shared_ptr<std::size_t> pending_bytes_;
    std::size_t limit_bytes_;
    std::size_t bytes_ = 0;
  };

  explicit AnswerBudget(std::size_t limit_bytes) : limit_bytes_(limit_bytes) {}

  /// A charge of nothing yet.
  [[nodiscard]] std::shared_ptr<Charge> open() const {
    return std::make_shared<Charge>(pending_bytes_, limit_bytes_);
  }

  [[nodiscard]] std::size_t pending_bytes() const { return *pending_bytes_; }

 private:
  std::shared_ptr<std::size_t> pending_bytes_ = std::make_shared<std::size_t>(0);
  std::size_t limit_bytes_;
};

}  // namespace lepus::management
