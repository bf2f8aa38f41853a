#pragma once

#include <memory>

#include "storage/memory_backend.h"
#include "storage/store.h"

namespace lepus::storage {

/// A store that keeps everything in memory, with the same threads as the real one.
[[nodiscard]] std::unique_ptr<Store> make_memory_store();

/// A store over a backend that outlives it, so that a test can stop one store and start another
/// over what it left (after MemoryBackend::reopen).
[[nodiscard]] std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryBackend> backend);

}  // namespace lepus::storage
