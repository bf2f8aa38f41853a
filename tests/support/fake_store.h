#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "storage/memory_backend.h"
#include "storage/memory_batch.h"
#include "storage/store.h"

namespace lepus::testing {

/// A store without threads: append() commits and calls `done` before it returns, unless commits are
/// held or told to fail. The backend may be given to a second FakeStore after reopen(), as a
/// restart does.
class FakeStore final : public storage::Store {
 public:
  explicit FakeStore(
      std::shared_ptr<storage::MemoryBackend> backend = std::make_shared<storage::MemoryBackend>())
      : backend_(std::move(backend)) {}

  [[nodiscard]] std::shared_ptr<storage::MemoryBackend> backend() const { return backend_; }

  /// From now on appends wait for release().
  void hold() { held_ = true; }

  /// Commits what was held, in order, and holds no more.
  void release() {
    held_ = false;
    while (release_one()) {
    }
  }

  /// Commits the first that was held; the others stay so. @return false: there was none.
  bool release_one() {
    if (waiting_.empty()) {
      return false;
    }
    storage::AppendUnit unit = std::move(waiting_.front());
    waiting_.pop_front();
    commit(std::move(unit));
    return true;
  }

  [[nodiscard]] std::size_t held_count() const { return waiting_.size(); }

  /// The next append is answered with this, although it is there: what `unknown` may turn out to
  /// be.
  void fail_next(storage::Outcome outcome) { next_outcome_ = outcome; }

  [[nodiscard]] std::size_t append_count() const { return append_count_; }

  /// What the last append wrote, of its first batch; until the next append.
  [[nodiscard]] const storage::MemoryBatch& last_batch() const { return *last_batch_; }

  [[nodiscard]] storage::Recovered take_recovered() override { return backend_->take_recovered(); }

  void recovery_finished(std::span<const storage::QueueId> orphans) override {
    backend_->recovery_finished(orphans);
  }

  [[nodiscard]] std::unique_ptr<storage::Batch> new_batch() override {
    return backend_->new_batch();
  }

  void append(std::vector<storage::NumberedBatch> batches,
              std::function<void(storage::Outcome)> done) override {
    ++append_count_;
    storage::AppendUnit unit{std::move(batches), std::move(done)};
    if (held_) {
      waiting_.push_back(std::move(unit));
    } else {
      commit(std::move(unit));
    }
  }

  void read(storage::ReadRequest request, storage::RowVisitor visit,
            std::function<void(storage::ReadOutcome)> done) override {
    done(backend_->read(request, visit));
  }

  void close(bool everything_committed) override { backend_->close(everything_committed); }

 private:
  void commit(storage::AppendUnit unit) {
    storage::Outcome outcome = backend_->commit({&unit, 1});
    if (next_outcome_) {
      outcome = *std::exchange(next_outcome_, std::nullopt);
    }
    const std::function<void(storage::Outcome)> done = std::move(unit.done);
    if (!unit.batches.empty()) {
      last_batch_.reset(dynamic_cast<storage::MemoryBatch*>(unit.batches.front().batch.release()));
    }
    done(outcome);
  }

  std::shared_ptr<storage::MemoryBackend> backend_;
  bool held_ = false;
  std::optional<storage::Outcome> next_outcome_;
  std::deque<storage::AppendUnit> waiting_;
  std::size_t append_count_ = 0;
  std::unique_ptr<storage::MemoryBatch> last_batch_;
};

}  // namespace lepus::testing
