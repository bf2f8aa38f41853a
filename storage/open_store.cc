#include "storage/open_store.h"

#include <utility>

#include "storage/threaded_store.h"

namespace lepus::storage {

std::unique_ptr<Store> make_memory_store() {
  return make_memory_store(std::make_shared<MemoryBackend>());
}

std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryBackend> backend) {
  return std::make_unique<ThreadedStore>(std::move(backend));
}

}  // namespace lepus::storage
