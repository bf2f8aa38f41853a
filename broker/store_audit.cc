#include "broker/store_audit.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <fmt/format.h>

#include "storage/record_format.h"

namespace lepus {

namespace {

using storage::MessageKey;
using storage::Position;
using storage::PositionRange;
using storage::Priority;
using storage::QueueId;
using storage::RecordFamily;

constexpr std::size_t damaged_rows_named_max = 100;

/// How many rows the record counts, as far as it has positions for them: not every position has a
/// row, for it may have been a transient message's.
std::uint64_t expected_count(const storage::SubQueueProgress& progress) {
  std::uint64_t unsettled = progress.next_position - progress.floor;
  for (const PositionRange& range : progress.settled) {
    unsettled -=
        std::min(range.end, progress.next_position) - std::min(range.begin, progress.next_position);
  }
  return std::min(unsettled, progress.stored_count);
}

/// Takes the rows in the order of their keys.
class RowAuditor {
 public:
  RowAuditor(const storage::StoreInspection& store, const StoreContents& contents,
             StoreAudit& audit)
      : store_(store), contents_(contents), audit_(audit) {}

  /// Every queue that a record names.
  void add_recorded() {
    for (const auto& [id, queue] : contents_.queues) {
      find_queue(id);
    }
    for (const auto& [id, progress] : contents_.recovered.progress) {
      find_queue(id);
    }
  }

  void take(std::string_view key, std::string_view row) {
    ++audit_.row_count;
    const auto message = storage::decode_message_key(key);
    if (!message) {
      audit_.foreign_keys.emplace_back(key);
      return;
    }
    if (queue_ == nullptr || queue_id_ != message->queue) {
      queue_ = &find_queue(message->queue);
      queue_id_ = message->queue;
      sub_queue_ = nullptr;
    }
    if (sub_queue_ == nullptr || priority_ != message->priority) {
      sub_queue_ = &queue_->sub_queues[message->priority];
      priority_ = message->priority;
    }
    if (queue_->deleted || is_settled(sub_queue_->recorded, message->position)) {
      ++sub_queue_->dead_count;
    } else {
      take_live(*message, row);
    }
  }

  void finish() {
    for (auto& [id, queue] : audit_.queues) {
      for (auto& [priority, sub_queue] : queue.sub_queues) {
        const std::uint64_t found =
            sub_queue.live_count - sub_queue.beyond_count + damaged_below_end(sub_queue);
        const std::uint64_t expected = expected_count(sub_queue.recorded);
        sub_queue.missing_count = expected - std::min(expected, found);
      }
    }
  }

 private:
  static std::uint64_t damaged_below_end(const SubQueueAudit& sub_queue) {
    return static_cast<std::uint64_t>(std::ranges::count_if(
        sub_queue.damaged,
        [&](Position position) { return position < sub_queue.recorded.next_position; }));
  }

  QueueAudit& find_queue(QueueId id) {
    const auto [found, is_new] = audit_.queues.try_emplace(id);
    QueueAudit& queue = found->second;
    if (is_new) {
      queue.in_topology = contents_.queues.contains(id);
      queue.deleted = !queue.in_topology && contents_.deleted_queues.contains(id);
      if (const storage::QueueProgress* progress = contents_.progress_of(id)) {
        queue.has_progress = true;
        for (const storage::SubQueueProgress& sub_queue : progress->sub_queues) {
          queue.sub_queues[sub_queue.priority].recorded = sub_queue;
        }
      }
    }
    return queue;
  }

  void take_live(const MessageKey& key, std::string_view row) {
    const auto message = decode_row(store_, row);
    if (!message) {
      sub_queue_->damaged.push_back(key.position);
      if (audit_.damaged_rows.size() < damaged_rows_named_max) {
        audit_.damaged_rows.push_back(fmt::format("{}: row {} of priority {}: {}",
                                                  described(contents_, key.queue), key.position,
                                                  key.priority, message.error().text));
      }
      return;
    }
    ++sub_queue_->live_count;
    sub_queue_->live_bytes += (*message)->body().size();
    sub_queue_->has_expiring |= (*message)->traits().has_expiration;
    if (key.position >= sub_queue_->recorded.next_position) {
      ++sub_queue_->beyond_count;
    }
    auto& live = sub_queue_->live;
    if (!live.empty() && live.back().end == key.position) {
      ++live.back().end;
    } else {
      live.push_back({key.position, key.position + 1});
    }
  }

  const storage::StoreInspection& store_;
  const StoreContents& contents_;
  StoreAudit& audit_;
  QueueAudit* queue_ = nullptr;
  QueueId queue_id_{};
  SubQueueAudit* sub_queue_ = nullptr;
  Priority priority_ = 0;
};

void compare(const std::string& name, Priority priority, const SubQueueAudit& sub_queue,
             std::vector<std::string>& lines) {
  const std::string title =
      priority == 0 ? name + ": " : fmt::format("{}, priority {}: ", name, priority);
  if (sub_queue.missing_count != 0) {
    lines.push_back(fmt::format("{}{} messages that should be there are missing", title,
                                sub_queue.missing_count));
  }
  if (sub_queue.beyond_count != 0) {
    lines.push_back(fmt::format("{}{} messages lie beyond its next position {}", title,
                                sub_queue.beyond_count, sub_queue.recorded.next_position));
  }
  if (sub_queue.live_count != sub_queue.recorded.stored_count ||
      sub_queue.live_bytes != sub_queue.recorded.stored_bytes) {
    lines.push_back(
        fmt::format("{}its record counts {} messages of {} bytes, and there are {} of {}", title,
                    sub_queue.recorded.stored_count, sub_queue.recorded.stored_bytes,
                    sub_queue.live_count, sub_queue.live_bytes));
  }
}

}  // namespace

bool is_settled(const storage::SubQueueProgress& progress, Position position) {
  if (position < progress.floor) {
    return true;
  }
  const auto above =
      std::ranges::upper_bound(progress.settled, position, {}, &PositionRange::begin);
  return above != progress.settled.begin() && position < std::prev(above)->end;
}

std::uint64_t QueueAudit::live_count() const {
  std::uint64_t count = 0;
  for (const auto& [priority, sub_queue] : sub_queues) {
    count += sub_queue.live_count;
  }
  return count;
}

std::uint64_t QueueAudit::live_bytes() const {
  std::uint64_t bytes = 0;
  for (const auto& [priority, sub_queue] : sub_queues) {
    bytes += sub_queue.live_bytes;
  }
  return bytes;
}

StoreAudit audit_rows(const storage::StoreInspection& store, const StoreContents& contents) {
  StoreAudit audit;
  RowAuditor auditor(store, contents, audit);
  auditor.add_recorded();
  const auto visited =
      store.visit(RecordFamily::messages,
                  [&](std::string_view key, std::string_view row) { auditor.take(key, row); });
  if (!visited) {
    audit.complete = false;
    audit.fault = visited.error().text;
  }
  auditor.finish();
  return audit;
}

std::vector<std::string> contradictions(const StoreAudit& audit, const StoreContents& contents) {
  std::vector<std::string> lines;
  for (const auto& [id, queue] : audit.queues) {
    const std::string name = described(contents, id);
    if (queue.deleted || (!queue.in_topology && queue.has_progress)) {
      continue;  // What a deletion left; the next start sees to it.
    }
    if (!queue.in_topology) {
      lines.push_back(
          fmt::format("{}: {} messages of a queue that no record names", name, queue.live_count()));
      continue;
    }
    for (const auto& [priority, sub_queue] : queue.sub_queues) {
      compare(name, priority, sub_queue, lines);
    }
  }
  for (const std::string& key : audit.foreign_keys) {
    lines.push_back("messages record " + to_hexadecimal(key) + ": not a message's key");
  }
  lines.insert(lines.end(), audit.damaged_rows.begin(), audit.damaged_rows.end());
  return lines;
}

}  // namespace lepus
