#include "storage/rocksdb_table_rows.h"

#include <algorithm>
#include <optional>

#include "broker/base/assert.h"
#include "storage/record_format.h"

namespace lepus::storage {

namespace {

constexpr std::size_t run_bytes = 6 * sizeof(std::uint64_t) + 2;

bool is_one_sub_queue(const TableRun& run) {
  return run.first_queue == run.last_queue && run.first_priority == run.last_priority;
}

void join(TableRun& run, const TableRun& next) {
  run.last_queue = next.last_queue;
  run.last_priority = next.last_priority;
  run.last_position = next.last_position;
  run.rows += next.rows;
  run.bytes += next.bytes;
}

std::uint64_t number_at(std::string_view& bytes) {
  // Its caller knows that there are as many bytes.
  const std::uint64_t number = decode_number(bytes.substr(0, sizeof(std::uint64_t))).value_or(0);
  bytes.remove_prefix(sizeof(std::uint64_t));
  return number;
}

Priority priority_at(std::string_view& bytes) {
  const auto priority = static_cast<Priority>(bytes.front());
  bytes.remove_prefix(1);
  return priority;
}

/// How many positions of both ranges are the same.
Position overlap(const PositionRange& a, const PositionRange& b) {
  const Position begin = std::max(a.begin, b.begin);
  const Position end = std::min(a.end, b.end);
  return end > begin ? end - begin : 0;
}

/// At least so much of a run of one sub-queue, between 0 and 1. Many positions may have no row here
/// at all, and which of the dead ones do is not known: but no more rows can be alive than positions
/// are.
double dead_share(const TableRun& run, const DeadSubQueue& dead) {
  const PositionRange positions{run.first_position, run.last_position + 1};
  Position dead_positions = overlap(positions, {0, dead.floor});
  for (const PositionRange& settled : dead.settled) {
    dead_positions += overlap(positions, settled);
  }
  for (const DeadPage& page : dead.pages) {
    for (const PositionRange& settled : *page.settled) {
      dead_positions += overlap(positions, settled);
    }
  }
  const Position alive_max = positions.end - positions.begin - dead_positions;
  return run.rows > alive_max
             ? static_cast<double>(run.rows - alive_max) / static_cast<double>(run.rows)
             : 0.0;
}

/// Whether nothing of the sub-queue up to the position is alive.
bool is_dead_through(QueueId queue, Priority priority, Position position,
                     const DeadRows& dead_rows) {
  const auto dead = dead_rows.find(queue);
  if (dead == nullptr || dead->deleted) {
    return dead != nullptr;
  }
  const DeadSubQueue* sub_queue = dead->find(priority);
  return sub_queue != nullptr && sub_queue->floor > position;
}

}  // namespace

std::string encode_table_runs(const std::vector<TableRun>& runs) {
  std::string bytes;
  bytes.reserve(runs.size() * run_bytes);
  for (const TableRun& run : runs) {
    bytes.append(view_of(encode_number(value_of(run.first_queue))));
    bytes.push_back(static_cast<char>(run.first_priority));
    bytes.append(view_of(encode_number(value_of(run.last_queue))));
    bytes.push_back(static_cast<char>(run.last_priority));
    bytes.append(view_of(encode_number(run.first_position)));
    bytes.append(view_of(encode_number(run.last_position)));
    bytes.append(view_of(encode_number(run.rows)));
    bytes.append(view_of(encode_number(run.bytes)));
  }
  return bytes;
}

std::vector<TableRun> decode_table_runs(std::string_view bytes) {
  std::vector<TableRun> runs;
  if (bytes.size() % run_bytes != 0) {
    return runs;
  }
  runs.reserve(bytes.size() / run_bytes);
  while (!bytes.empty()) {
    TableRun& run = runs.emplace_back();
    run.first_queue = QueueId{number_at(bytes)};
    run.first_priority = priority_at(bytes);
    run.last_queue = QueueId{number_at(bytes)};
    run.last_priority = priority_at(bytes);
    run.first_position = number_at(bytes);
    run.last_position = number_at(bytes);
    run.rows = number_at(bytes);
    run.bytes = number_at(bytes);
  }
  return runs;
}

std::uint64_t estimate_dead_bytes(const TableRun& run, const DeadRows& dead_rows) {
  if (!is_one_sub_queue(run)) {
    // Of joined runs the ends are asked: each speaks for one half. Where the first sub-queue ends
    // is not known: if its first row is dead, it counts.
    const int dead_ends =
        (is_dead_through(run.first_queue, run.first_priority, run.first_position, dead_rows) ? 1
                                                                                             : 0) +
        (is_dead_through(run.last_queue, run.last_priority, run.last_position, dead_rows) ? 1 : 0);
    return run.bytes / 2 * static_cast<std::uint64_t>(dead_ends);
  }
  const auto first = dead_rows.find(run.first_queue);
  if (first == nullptr) {
    return 0;
  }
  if (first->deleted) {
    return run.bytes;
  }
  const DeadSubQueue* sub_queue = first->find(run.first_priority);
  if (sub_queue == nullptr) {
    return 0;
  }
  return static_cast<std::uint64_t>(static_cast<double>(run.bytes) * dead_share(run, *sub_queue));
}

rocksdb::Status RocksdbTableRowsCollector::AddUserKey(const rocksdb::Slice& key,
                                                      const rocksdb::Slice& value,
                                                      rocksdb::EntryType /*type*/,
                                                      rocksdb::SequenceNumber /*sequence*/,
                                                      std::uint64_t /*file_size*/) {
  const std::optional<MessageKey> message =
      decode_message_key(std::string_view(key.data(), key.size()));
  if (!message) {
    return rocksdb::Status::OK();
  }
  const TableRun row{message->queue,
                     message->priority,
                     message->queue,
                     message->priority,
                     message->position,
                     message->position,
                     1,
                     key.size() + value.size()};
  if (!runs_.empty()) {
    TableRun& last = runs_.back();
    const bool same =
        last.last_queue == row.first_queue && last.last_priority == row.first_priority;
    // A joined run may end within a sub-queue: the rest of it counts there as well.
    if (same || last.rows < rows_per_joined_run_) {
      join(last, row);
      return rocksdb::Status::OK();
    }
    if (runs_.size() == table_runs_max) {
      join_pairs();
    }
  }
  runs_.push_back(row);
  return rocksdb::Status::OK();
}

void RocksdbTableRowsCollector::join_pairs() {
  std::size_t kept = 0;
  std::uint64_t rows = 0;
  for (std::size_t i = 0; i + 1 < runs_.size(); i += 2, ++kept) {
    TableRun joined = runs_[i];
    join(joined, runs_[i + 1]);
    rows += joined.rows;
    runs_[kept] = joined;
  }
  LEPUS_ASSERT(kept > 0, "there are many runs when they are joined");
  runs_.resize(kept);
  // What follows is likely to be like what came, so that joining again and again does not favour
  // the end.
  rows_per_joined_run_ = std::max<std::uint64_t>(1, rows / kept);
}

rocksdb::Status RocksdbBodyOwnersCollector::AddUserKey(const rocksdb::Slice& key,
                                                       const rocksdb::Slice& value,
                                                       rocksdb::EntryType /*type*/,
                                                       rocksdb::SequenceNumber /*sequence*/,
                                                       std::uint64_t /*file_size*/) {
  const auto first = decode_message_key(std::string_view(key.data(), key.size()));
  const auto body = decode_body_value(std::string_view(value.data(), value.size()));
  if (first && body) {
    const std::uint64_t share_bytes = (key.size() + value.size()) / (body->other_owners.size() + 1);
    add(*first, share_bytes);
    for (const MessageKey& owner : body->other_owners) {
      add(owner, share_bytes);
    }
  }
  return rocksdb::Status::OK();
}

void RocksdbBodyOwnersCollector::add(const MessageKey& owner, std::uint64_t bytes) {
  auto [found, is_new] = runs_.try_emplace({owner.queue, owner.priority});
  TableRun& run = found->second;
  if (is_new) {
    run = {owner.queue,    owner.priority, owner.queue,
           owner.priority, owner.position, owner.position};
  }
  run.first_position = std::min(run.first_position, owner.position);
  run.last_position = std::max(run.last_position, owner.position);
  run.rows += 1;
  run.bytes += bytes;
}

rocksdb::Status RocksdbBodyOwnersCollector::Finish(rocksdb::UserCollectedProperties* properties) {
  std::vector<TableRun> runs;
  const std::size_t joined = runs_.size() / table_runs_max + 1;
  std::size_t index = 0;
  for (const auto& [sub_queue, run] : runs_) {
    if (index++ % joined == 0) {
      runs.push_back(run);
    } else {
      join(runs.back(), run);
    }
  }
  properties->insert_or_assign(table_rows_property, encode_table_runs(runs));
  return rocksdb::Status::OK();
}

rocksdb::UserCollectedProperties RocksdbBodyOwnersCollector::GetReadableProperties() const {
  return {{table_rows_property, std::to_string(runs_.size()) + " sub-queues"}};
}

rocksdb::Status RocksdbTableRowsCollector::Finish(rocksdb::UserCollectedProperties* properties) {
  properties->insert_or_assign(table_rows_property, encode_table_runs(runs_));
  return rocksdb::Status::OK();
}

rocksdb::UserCollectedProperties RocksdbTableRowsCollector::GetReadableProperties() const {
  return {{table_rows_property, std::to_string(runs_.size()) + " runs"}};
}

}  // namespace lepus::storage
