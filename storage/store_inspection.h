#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "broker/base/result.h"

namespace lepus::storage {

/// The column families of a store, as docs/storage-format.md lists them.
enum class RecordFamily : std::uint8_t {
  meta,
  topology,
  messages,
  progress,
  deleted_queues,
  bodies
};

/// The name of a family on the disk.
[[nodiscard]] std::string_view name_of(RecordFamily family);

/// How much a store that is read without a broker may be damaged.
enum class Strictness : std::uint8_t {
  /// As the broker opens it: nothing may be damaged but the end of the last log.
  as_the_broker,
  /// Whatever can be read of damaged logs and tables.
  whatever_can_be_read,
};

/// A stopped store, read without changing anything in it. For the tools; one thread uses it. The
/// data directory must be locked meanwhile.
class StoreInspection {
 public:
  using RecordVisitor = std::function<void(std::string_view key, std::string_view value)>;

  virtual ~StoreInspection() = default;

  /// Reads all of every table and compares checksums. One line for each file that is missing or
  /// damaged.
  [[nodiscard]] virtual std::vector<std::string> damaged_tables() const = 0;

  /// One line for each place where a log was damaged and something was skipped; only with
  /// Strictness::whatever_can_be_read.
  [[nodiscard]] virtual const std::vector<std::string>& damaged_logs() const = 0;

  /// The newest record of each key with this prefix, in order; the views are valid during the call
  /// only. Fails where the family can't be read any further.
  [[nodiscard]] virtual Result<void> visit(RecordFamily family, std::string_view prefix,
                                           const RecordVisitor& visitor) const = 0;

  /// The same of all keys.
  [[nodiscard]] Result<void> visit(RecordFamily family, const RecordVisitor& visitor) const {
    return visit(family, {}, visitor);
  }

  /// The newest record of a key; nothing if there is none or it can't be read.
  [[nodiscard]] virtual std::optional<std::string> find(RecordFamily family,
                                                        std::string_view key) const = 0;

  [[nodiscard]] virtual std::uint64_t table_count() const = 0;
  [[nodiscard]] virtual std::uint64_t table_bytes() const = 0;
};

/// A log that can't be read to its end.
struct LogFault {
  std::string text;          ///< one line that names the file and the place
  bool is_torn_end = false;  ///< the last write was not finished; a broker cuts it off and goes on
};

/// Reads all logs of a store and compares checksums.
[[nodiscard]] Result<std::vector<LogFault>> log_faults(const std::filesystem::path& store);

/// Opens the store of a data directory. The error is one line: why it can't be read at all.
[[nodiscard]] Result<std::unique_ptr<StoreInspection>> inspect_store(
    const std::filesystem::path& store, Strictness strictness);

}  // namespace lepus::storage
