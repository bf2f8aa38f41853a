#include "storage/open_store.h"

#include <utility>

#include "storage/rocksdb_backend.h"
#include "storage/threaded_store.h"

namespace lepus::storage {

Result<std::unique_ptr<Store>> open_rocksdb_store(const std::filesystem::path& path,
                                                  const StoreOptions& options) {
  auto backend = RocksdbBackend::open(path, options);
  if (!backend) {
    return backend.error();
  }
  return std::make_unique<ThreadedStore>(std::move(*backend));
}

std::unique_ptr<Store> make_memory_store() {
  return make_memory_store(std::make_shared<MemoryBackend>());
}

std::unique_ptr<Store> make_memory_store(std::shared_ptr<MemoryBackend> backend) {
  return std::make_unique<ThreadedStore>(std::move(backend));
}

StoreOperations* operations_of(Store& store) {
  return dynamic_cast<ThreadedStore*>(&store);
}

}  // namespace lepus::storage
