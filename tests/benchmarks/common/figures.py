"""Figures with what is asked of them, measured in groups: what `tests/benchmarks/run storage` and
`tests/benchmarks/run speed` have in common."""

import argparse
import json
import os
import statistics
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

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


def parse(program, description, groups):
    parser = argparse.ArgumentParser(prog=program, description=description.splitlines()[0])
    parser.add_argument("groups", nargs="*", help=f"of {', '.join(groups)}; all")
    parser.add_argument("--scale", type=float, default=1.0, help="of the numbers of messages")
    parser.add_argument("--repeat", type=int, default=5, help="runs; their medians count")
    parser.add_argument("--duration", type=float, default=5.0, help="seconds of timed runs")
    parser.add_argument("--directory", default=tempfile.gettempdir(), help="on the disk meant")
    parser.add_argument("--results", type=Path, help="a JSON file for all values")
    options = parser.parse_args()
    unknown = set(options.groups) - set(groups)
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


def show(figures, values):
    """Prints the figures of a group and what else was found; returns (reached, missed)."""
    reached = missed = 0
    for name, value in values.items():
        figure = figures.get(name)
        if figure is None:
            print(f"    {name:<46} {value:>12,.2f}")
            continue
        good = figure.reached(value)
        reached, missed = reached + good, missed + (not good)
        mark = "" if good else "   MISSED"
        print(f"{figure.text:<50} {figure.asked():>12} {value:>12,.2f}{mark}")
    sys.stdout.flush()
    return reached, missed


def measure(program, description, figures, groups):
    """The main function. `groups`: by name what measures, and whether it is repeated as a whole;
    the others repeat by themselves what counts seconds. The exit status."""
    options = parse(program, description, groups)
    sync_s = 1 / syncs_per_second(options.directory, 4096, 1)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, 4 KiB and fdatasync in "
          f"{options.directory}: {sync_s * 1e6:.0f} us, scale {options.scale:g}")  # fmt: skip
    print(f"{'figure':<50} {'asked':>12} {'measured':>12}")
    passed = failed = 0
    everything = {"sync_us": [sync_s * 1e6], "scale": options.scale}
    for name in options.groups or groups:
        run_group, repeated = groups[name]
        try:
            runs = [run_group(options) for _ in range(options.repeat if repeated else 1)]
        except (RuntimeError, OSError, AssertionError) as error:
            print(f"{name}: {error}")
            failed += 1
            continue
        found, all_values = medians(runs)
        everything.update(all_values)
        reached, missed = show(figures, found)
        passed, failed = passed + reached, failed + missed
    if options.results:
        options.results.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"{passed} passed, {failed} failed")
    return 0 if passed and not failed else 1
