#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "broker/base/result.h"
#include "broker/model/message.h"
#include "broker/model/queue_record.h"
#include "storage/store.h"
#include "storage/store_inspection.h"

namespace lepus {

/// A record that can't be understood, as it was found.
struct DamagedRecord {
  storage::RecordFamily family = storage::RecordFamily::meta;
  std::string key;
  std::string value;
  std::string fault;  ///< one line that names the record
};

/// All small records of a store, decoded: everything but the messages.
struct StoreContents {
  /// With the topology's records as they are, and the progress records without pages: all sets are
  /// in them.
  storage::Recovered recovered;
  std::set<storage::QueueId> deleted_queues;
  /// Of the topology, with those that keep what delayed exchanges delay.
  std::map<storage::QueueId, std::shared_ptr<model::QueueRecord>> queues;
  std::vector<DamagedRecord> damaged_records;
  /// Progress records whose pages are not those that they count; what is wrong, by queue.
  std::map<storage::QueueId, std::string> incomplete_progress;
  std::vector<std::string> unreadable;  ///< families that could not be read to their end

  /// The progress of a queue; null if there is no record of it.
  [[nodiscard]] const storage::QueueProgress* progress_of(storage::QueueId queue) const;
};

[[nodiscard]] StoreContents load_contents(const storage::StoreInspection& store);

/// Opens the store of a data directory as a broker would, up to a torn end of its last log. The
/// error is one line.
[[nodiscard]] Result<std::unique_ptr<storage::StoreInspection>> open_sound_store(
    const std::filesystem::path& store);

/// Gives the topology in the form of RabbitMQ's definitions. The error is the broker's, if it could
/// not load it.
[[nodiscard]] Result<void> read_definitions(const StoreContents& contents,
                                            nlohmann::json& definitions);

/// The message of a row. Fails on a damaged row.
[[nodiscard]] Result<model::MessagePtr> decode_row(const storage::StoreInspection& store,
                                                   std::string_view row);

/// Whether a broker can load the topology; the error is its line.
[[nodiscard]] Result<void> check_topology(const storage::Recovered& recovered);

/// The keys of the topology's records that a broker could not load.
[[nodiscard]] std::vector<std::string> unloadable_records(const storage::Recovered& recovered);

/// "exchange 'x' in vhost '/'": what a key of the topology stands for, or its bytes.
[[nodiscard]] std::string described_record(std::string_view key);

/// "queue 'q' in vhost '/' (id 7)", or "queue id 7" for one that the topology does not have.
[[nodiscard]] std::string described(const StoreContents& contents, storage::QueueId queue);

/// Bytes as hexadecimal digits.
[[nodiscard]] std::string to_hexadecimal(std::string_view bytes);

}  // namespace lepus
