#!/usr/bin/env python3
"""The figures of storage: tests/benchmarks/run storage [options] [group…].

Prints each figure with what is asked and what was measured, and the machine's time for a sync.
The last line is `N passed, N failed`. A trial of a few minutes: --scale 0.01 --repeat 1.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

# ruff: noqa: E402  pylint: disable=wrong-import-position
import backlog
import delayed
import disk_writes
import queues
import throughput
from figures import Figure, measure

FIGURES = {
    "store.rate.1k": Figure("store alone, 1 KiB, of disk and CPU in turns", at_least=80, unit="%"),
    "store.rate.16": Figure("store alone, 16 B, the same", at_least=80, unit="%"),
    "store.cpu.1k": Figure("store alone, 1 KiB, CPU per message", at_most=3.0, unit="us"),
    "store.cpu.16": Figure("store alone, 16 B, CPU per message", at_most=1.0, unit="us"),
    "confirm.one": Figure("one waiting publisher, of a bare sync loop", at_least=60, unit="%"),
    "confirm.many": Figure("200 of them, times the one", at_least=20),
    "waiting.memory": Figure("10 million waiting, resident memory", at_most=250, unit="MB"),
    "waiting.first_delivery": Figure(
        "10 million waiting, kill -9 to first delivery", at_most=1.2, unit="s"
    ),
    "queues.restart": Figure("restart with 100,000 queues", at_most=3, unit="s"),
    "queues.declare": Figure("the last 1,000 declares, CPU of the first 1,000", at_most=1.3),
    "drain.ratio": Figure("draining 10 million, of a consumer that keeps up", at_least=0.8),
    "oldest.progress": Figure("oldest unacked, progress record", at_most=4096, unit="B"),
    "oldest.space": Figure("oldest unacked, data directory", at_most=150, unit="MB"),
    "writes.behind": Figure("written per octet, consumers 2 s behind", at_most=1.5),
    "writes.one_queue": Figure("written per octet, backlog in 1 queue", at_most=3),
    "writes.many_queues": Figure("written per octet, backlog in 1,000 queues", at_most=6),
    "writes.space": Figure("data directory after 1 KiB backlog, 60 s", at_most=150, unit="MB"),
    "delayed.memory.peak": Figure(
        "10 million delayed, resident memory at most", at_most=250, unit="MB"
    ),
    "delayed.first": Figure("10 million delayed, kill -9 to a release", at_most=1.2, unit="s"),
    "drain.space": Figure("data directory after 10 million, 60 s", at_most=150, unit="MB"),
}

# Whether a group is repeated as a whole; the others repeat what counts seconds by themselves.
GROUPS = {
    "store": (throughput.store_alone, True),
    "confirms": (throughput.confirms, True),
    "waiting": (backlog.waiting, False),
    "queues": (queues.many_queues, True),
    "drain": (backlog.draining, True),
    "oldest": (backlog.oldest_unacked, False),
    "writes": (disk_writes.bytes_written, False),
    "delayed": (delayed.waiting, False),
    "release": (delayed.releasing, False),
}


if __name__ == "__main__":
    sys.exit(measure("tests/benchmarks/run storage", __doc__, FIGURES, GROUPS))
