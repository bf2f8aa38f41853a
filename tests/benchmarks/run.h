#pragma once

#include "broker/base/result.h"
#include "tests/benchmarks/options.h"
#include "tests/benchmarks/report.h"

namespace lepus::benchmarks {

/// Declares, publishes, consumes, deletes and measures, as the options say. Blocks until all is
/// over; prints a line each second unless the options say `quiet`.
[[nodiscard]] Result<RunResult> run(const RunOptions& options);

}  // namespace lepus::benchmarks
