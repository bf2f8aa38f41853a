#pragma once

#include "broker/store_audit.h"
#include "storage/types.h"

namespace lepus {

/// The progress record that fits the rows: every row that can be decoded and is not known to be
/// settled is a message, and nothing else is. All of them count as redelivered, since deliveries
/// may have been forgotten.
/// @param delays  it keeps what an exchange delays: its positions are times
[[nodiscard]] storage::QueueProgress rebuild_progress(const QueueAudit& queue, bool delays);

}  // namespace lepus
