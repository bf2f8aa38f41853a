#!/usr/bin/env python3
"""The figures of storage: tests/benchmarks/run storage [options] [group…].

Prints each figure with what is asked and what was measured, and the machine's time for a sync.
The last line is `N passed, N failed`. A trial of a few minutes: --scale 0.01 --repeat 1.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import backlog
import delayed
import disk_writes
import queues
import throughput
from machine import syncs_per_second


@dataclass
class Figure:
    text: str
    at_least: float = None
    at_most: float = None
    unit: str = ""

    def asked(self):
        if self.at_least is not None:
            return f">= {self.at_least:g} {self.unit}".rstrip()
        if self.at_most is not None:
            return f"<= {self.at_most:g} {self.unit}".rstrip()
        return "-"

    def reached(self, value):
        return (self.at_least is None or value >= self.at_least) and (
            self.at_most is None or value <= self.at_most
        )


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


def parse():
    parser = argparse.ArgumentParser(
        prog="tests/benchmarks/run storage", description=__doc__.splitlines()[0]
    )
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(GROUPS)}; all")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of messages")
    parser.add_argument("--repeat", type=int, default=5, help="runs; their medians count")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of timed runs")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="on the disk meant")
    parser.add_argument("--results", type=Path, help="a JSON file for all values")
    options = parser.parse_args()
    unknown = set(options.groups) - set(GROUPS)
    if unknown:
        parser.error(f"no such group: {', '.join(sorted(unknown))}")
    options.scaled = lambda count: max(int(count * options.scale) // 1000 * 1000, 1000)
    return options


def medians(runs):
    """One dictionary of all runs' values; lists within a run count as runs."""
    values = {}
    for one in runs:
        for name, value in one.items():
            values.setdefault(name, []).extend(value if isinstance(value, list) else [value])
    return {name: statistics.median(some) for name, some in values.items()}, values


def show(values):
    """Prints the figures of a group and what else was found; returns (reached, missed)."""
    reached = missed = 0
    for name, value in values.items():
        figure = FIGURES.get(name)
        if figure is None:
            print(f"    {name:<46} {value:>12,.2f}")
            continue
        good = figure.reached(value)
        reached, missed = reached + good, missed + (not good)
        mark = "" if good else "   MISSED"
        print(f"{figure.text:<50} {figure.asked():>12} {value:>12,.2f}{mark}")
    sys.stdout.flush()
    return reached, missed


def main():
    options = parse()
    sync_s = 1 / syncs_per_second(options.directory, 4096, 1)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, 4 KiB and fdatasync in "
          f"{options.directory}: {sync_s * 1e6:.0f} us, scale {options.scale:g}")  # fmt: skip
    print(f"{'figure':<50} {'asked':>12} {'measured':>12}")
    passed = failed = 0
    everything = {"sync_us": [sync_s * 1e6], "scale": options.scale}
    for name in options.groups or GROUPS:
        measure, repeated = GROUPS[name]
        try:
            runs = [measure(options) for _ in range(options.repeat if repeated else 1)]
        except (RuntimeError, OSError, AssertionError) as error:
            print(f"{name}: {error}")
            failed += 1
            continue
        found, all_values = medians(runs)
        everything.update(all_values)
        reached, missed = show(found)
        passed, failed = passed + reached, failed + missed
    if options.results:
        options.results.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1


if __name__ == "__main__":
    sys.exit(main())
