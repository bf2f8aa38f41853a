#pragma once

#include <cstddef>
#include <vector>

#include "broker/connection/connection.h"
#include "broker/connection/shard_connections.h"

namespace lepus::connection {

/// Goes through a shard's connections a few at a time, so that looking at a hundred thousand of
/// them holds no message up. Those that go meanwhile are left out, and so are those that come. On
/// the shard's thread; between the steps anything may happen.
class ConnectionWalk {
 public:
  explicit ConnectionWalk(ShardConnections& connections)
      : connections_(connections), ids_(connections.ids()) {}

  /// Appends the rows (of connections, channels or consumers) of the next connections, until there
  /// are about so many more; the in-process clients have none. @return false when all were seen.
  template <typename Row>
  bool append_rows(std::vector<Row>& rows, std::size_t rows_max) {
    const std::size_t enough = rows.size() + rows_max;
    // Connections without rows take their time as well.
    for (std::size_t seen = 0; seen < rows_max && rows.size() < enough; ++seen) {
      if (next_ == ids_.size()) {
        return false;
      }
      const Connection* connection = connections_.find(ids_[next_++]);
      if (connection != nullptr && !connection->is_direct()) {
        connection->append_rows(rows);
      }
    }
    return next_ < ids_.size();
  }

  /// Adds what the channels of the next connections did. @return false when all were seen.
  bool add_counters(model::MessageCounters& total, std::size_t connections_max) {
    for (std::size_t seen = 0; seen < connections_max && next_ < ids_.size(); ++seen) {
      if (const Connection* connection = connections_.find(ids_[next_++])) {
        connection->add_counters(total);
      }
    }
    return next_ < ids_.size();
  }

 private:
  ShardConnections& connections_;
  std::vector<model::ConnectionId> ids_;
  std::size_t next_ = 0;
};

}  // namespace lepus::connection
