#pragma once

#include <filesystem>
#include <memory>

#include "broker/base/result.h"
#include "storage/memory_backend.h"
#include "storage/options.h"
#include "storage/store.h"
#include "storage/store_operations.h"

namespace lepus::storage {

/// Opens or creates the store in a data directory and locks it. The error is one line for the
/// operator.
[[nodiscard]] Result<std::unique_ptr<Store>> open_rocksdb_store(const std::filesystem::path& path,
                                                                const StoreOptions& options);

/// A store that keeps everything in memory, with the same threads as the real one.
[[nodiscard]] std::unique_ptr<Store> make_memory_store();

/// A store over a backend that outlives it, so that a test can stop one store and start another
/// over what it left (after MemoryBackend::reopen).
[[nodiscard]] std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryBackend> backend);

/// What operators can do with a store that was opened here; null for any other.
[[nodiscard]] StoreOperations* operations_of(Store& store);

}  // namespace lepus::storage
