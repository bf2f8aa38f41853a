#include "storage/rocksdb_read.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "storage/read_limit.h"
#include "storage/record_format.h"
#include "storage/rocksdb_iteration.h"

namespace lepus::storage {

namespace {

/// The rows of one instance within a range.
class RowCursor {
 public:
  RowCursor(const RocksdbDatabase& database, const ReadRequest& request)
      : end_key_(encode_message_key({request.queue, request.priority, request.positions.end})),
        end_(end_key_.data(), end_key_.size()) {
    rocksdb::ReadOptions options = iteration_options();
    options.iterate_upper_bound = &end_;
    options.background_purge_on_iterator_cleanup = true;
    options.readahead_size = readahead_bytes(request);
    iterator_.reset(database.db().NewIterator(options, database.families().messages));
    const MessageKeyBytes begin =
        encode_message_key({request.queue, request.priority, request.positions.begin});
    iterator_->Seek(rocksdb::Slice(begin.data(), begin.size()));
    load();
  }

  RowCursor(const RowCursor&) = delete;
  RowCursor& operator=(const RowCursor&) = delete;

  [[nodiscard]] bool at_row() const { return at_row_; }

  [[nodiscard]] Position position() const { return position_; }

  [[nodiscard]] std::string_view value() const {
    return {iterator_->value().data(), iterator_->value().size()};
  }

  void next() {
    iterator_->Next();
    load();
  }

  /// Why there is no row: OK at the end of the range.
  [[nodiscard]] rocksdb::Status status() const {
    return foreign_key_ ? rocksdb::Status::Corruption("a key among the messages that is none")
                        : iterator_->status();
  }

 private:
  /// Large chunks are read ahead as one; for small ones RocksDB finds out by itself.
  static std::size_t readahead_bytes(const ReadRequest& request) {
    constexpr std::size_t small_chunk_bytes = std::size_t{64} << 10;
    constexpr std::size_t readahead_bytes_max = std::size_t{256} << 10;
    return request.bytes_max < small_chunk_bytes ? 0
                                                 : std::min(request.bytes_max, readahead_bytes_max);
  }

  void load() {
    at_row_ = false;
    if (!iterator_->Valid()) {
      return;
    }
    const rocksdb::Slice key = iterator_->key();
    const std::optional<MessageKey> message =
        decode_message_key(std::string_view(key.data(), key.size()));
    foreign_key_ = !message;
    if (message) {
      position_ = message->position;
      at_row_ = true;
    }
  }

  const MessageKeyBytes end_key_;
  const rocksdb::Slice end_;
  std::unique_ptr<rocksdb::Iterator> iterator_;
  Position position_ = 0;
  bool at_row_ = false;
  bool foreign_key_ = false;
};

}  // namespace

namespace {

/// Puts together what a row and its shared body hold.
class PayloadReader {
 public:
  PayloadReader(const RocksdbDatabase& durable, const DeadRows& dead_rows)
      : durable_(durable), dead_rows_(dead_rows) {}

  /// Valid until the next call. Nothing: the row is settled and its body dropped, or status() tells
  /// what is wrong.
  std::optional<std::string_view> read(const MessageKey& key, std::string_view value) {
    const std::optional<RowValue> row = decode_row_value(value);
    if (!row) {
      status_ = rocksdb::Status::Corruption("a message row that is none");
      return std::nullopt;
    }
    return row->body_key ? with_body(key, *row->body_key, row->payload) : row->payload;
  }

  [[nodiscard]] const rocksdb::Status& status() const { return status_; }

 private:
  std::optional<std::string_view> with_body(const MessageKey& key, const MessageKey& owner,
                                            std::string_view head) {
    const MessageKeyBytes body_key = encode_message_key(owner);
    const rocksdb::Status found = durable_.db().Get(
        {}, durable_.families().bodies, rocksdb::Slice(body_key.data(), body_key.size()), &stored_);
    if (found.IsNotFound() && is_settled(key)) {
      return std::nullopt;
    }
    const std::optional<BodyValue> body = found.ok() ? decode_body_value(stored_) : std::nullopt;
    if (!body) {
      status_ = found.ok() || found.IsNotFound()
                    ? rocksdb::Status::Corruption("the body of a message row is missing")
                    : found;
      return std::nullopt;
    }
    joined_.assign(head);
    joined_.append(body->body);
    return joined_;
  }

  [[nodiscard]] bool is_settled(const MessageKey& key) const {
    const std::shared_ptr<const DeadQueue> dead = dead_rows_.find(key.queue);
    return dead != nullptr && dead_until(*dead, key).has_value();
  }

  const RocksdbDatabase& durable_;
  const DeadRows& dead_rows_;
  rocksdb::Status status_;
  std::string stored_;
  std::string joined_;
};

}  // namespace

ReadOutcome read_rows(const RocksdbDatabase& durable, const RocksdbDatabase& transient,
                      const DeadRows& durable_dead, const ReadRequest& request,
                      const RowVisitor& visit) {
  ReadOutcome outcome;
  outcome.covered_below = request.positions.begin;
  if (request.positions.end <= request.positions.begin) {
    return outcome;
  }
  RowCursor durable_rows(durable, request);
  RowCursor transient_rows(transient, request);
  PayloadReader payloads(durable, durable_dead);
  ReadLimit limit(request);
  while (durable_rows.at_row() || transient_rows.at_row()) {
    // A cursor without a row may have met a fault: then nothing beyond it may be passed on.
    if (!durable_rows.status().ok() || !transient_rows.status().ok()) {
      break;
    }
    const bool take_transient =
        !durable_rows.at_row() ||
        (transient_rows.at_row() && transient_rows.position() < durable_rows.position());
    RowCursor& rows = take_transient ? transient_rows : durable_rows;
    const std::optional<std::string_view> payload =
        payloads.read({request.queue, request.priority, rows.position()}, rows.value());
    if (!payloads.status().ok()) {
      outcome.failed = true;
      outcome.error = text_of(payloads.status());
      return outcome;
    }
    if (payload) {
      visit(rows.position(), take_transient, *payload);
    }
    outcome.covered_below = rows.position() + 1;
    if (payload && limit.reached_after(payload->size())) {
      return outcome;
    }
    rows.next();
  }
  for (const RowCursor* rows : {&durable_rows, &transient_rows}) {
    if (!rows->status().ok()) {
      outcome.failed = true;
      outcome.error = text_of(rows->status());
      return outcome;
    }
  }
  outcome.covered_below = request.positions.end;
  return outcome;
}

}  // namespace lepus::storage
