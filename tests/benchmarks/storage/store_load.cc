#include "tests/benchmarks/storage/store_load.h"

#include <algorithm>
#include <atomic>
#include <semaphore>
#include <string_view>
#include <utility>
#include <vector>

#include <unistd.h>

#include "storage/open_store.h"
#include "storage/record_format.h"
#include "tests/benchmarks/clock.h"
#include "tests/benchmarks/process_usage.h"

namespace lepus::benchmarks {

namespace {

constexpr storage::QueueId queue{1};
/// The store has one commit in work and one that waits.
constexpr std::ptrdiff_t commits_in_flight = 2;

/// What a broker keeps before a body: the header, exchange and routing key.
constexpr std::string_view envelope = "................queue";

class Writer {
 public:
  Writer(const StoreLoad& load, storage::Store& store)
      : load_(load), store_(store), body_(load.size_bytes, 'b') {}

  /// @return whether all commits succeeded.
  bool run() {
    while (next_ < load_.messages) {
      storage::NumberedBatch batch = fill();
      room_.acquire();
      std::vector<storage::NumberedBatch> batches;
      batches.push_back(std::move(batch));
      store_.append(std::move(batches), [this](storage::Outcome outcome) {
        if (outcome != storage::Outcome::committed) {
          failed_ = true;
        }
        room_.release();
      });
    }
    for (std::ptrdiff_t i = 0; i < commits_in_flight; ++i) {
      room_.acquire();
    }
    return !failed_;
  }

  [[nodiscard]] std::uint64_t commits() const { return number_; }

 private:
  storage::NumberedBatch fill() {
    const storage::Position end =
        std::min<std::uint64_t>(next_ + load_.messages_per_commit, load_.messages);
    storage::NumberedBatch numbered{0, ++number_, store_.new_batch()};
    const std::string_view parts[] = {envelope, body_};
    for (; next_ < end; ++next_) {
      numbered.batch->put_message({queue, 0, next_}, parts);
    }
    storage::SubQueueProgress progress;
    progress.next_position = next_;
    progress.floor = settled_below();
    progress.delivered_below = progress.floor;
    progress.stored_count = next_ - progress.floor;
    progress.stored_bytes = progress.stored_count * load_.size_bytes;
    numbered.batch->put_progress(queue, {{progress}});
    return numbered;
  }

  [[nodiscard]] storage::Position settled_below() const {
    const std::uint64_t lag = load_.settled_after_commits * load_.messages_per_commit;
    return lag == 0 || next_ < lag ? 0 : next_ - lag;
  }

  const StoreLoad& load_;
  storage::Store& store_;
  const std::string body_;
  storage::Position next_ = 0;
  storage::BatchNumber number_ = 0;
  std::counting_semaphore<commits_in_flight> room_{commits_in_flight};
  std::atomic<bool> failed_ = false;
};

}  // namespace

Result<StoreLoadResult> run_store_load(const StoreLoad& load) {
  auto store = storage::open_rocksdb_store(load.folder, {});
  if (!store) {
    return store.error();
  }
  static_cast<void>((*store)->take_recovered());
  (*store)->recovery_finished({});
  const ProcessUsage before = read_usage(getpid());
  const std::int64_t start_ns = now_ns();
  Writer writer{load, **store};
  if (!writer.run()) {
    return fail("a commit failed");
  }
  StoreLoadResult result;
  result.seconds = to_s(now_ns() - start_ns);
  // The flushes and compactions that are still due belong to these messages as well.
  (*store)->close(true);
  store->reset();
  const ProcessUsage after = read_usage(getpid());
  result.commits = writer.commits();
  result.cpu_ns = after.cpu_ns - before.cpu_ns;
  result.written_bytes = after.written_bytes - before.written_bytes;
  return result;
}

Result<ProgressSizes> read_progress_sizes(const std::string& folder) {
  auto store = storage::open_rocksdb_store(folder, {});
  if (!store) {
    return store.error();
  }
  const storage::Recovered recovered = (*store)->take_recovered();
  ProgressSizes sizes;
  for (const auto& [id, progress] : recovered.progress) {
    sizes.queues += 1;
    sizes.largest_bytes = std::max(sizes.largest_bytes, storage::encode_progress(progress).size());
    for (const storage::SubQueueProgress& sub_queue : progress.sub_queues) {
      sizes.stored_messages += sub_queue.stored_count;
    }
  }
  return sizes;
}

}  // namespace lepus::benchmarks
