"""The store alone, and publishers that wait for confirms, against the disk."""

import shutil
import tempfile
from pathlib import Path

from machine import Broker, store_perf, sync_loop, syncs_per_second

PER_COMMIT = 256


def store_alone(options):
    """Per size: CPU per message, and the rate as a share of what CPU and disk would allow if they
    took turns. The sync that counts is one of as much as a commit writes."""
    values = {}
    for name, size in (("1k", 1024), ("16", 16)):
        syncs, sync_cpu_us = sync_loop(options.directory, PER_COMMIT * size, options.duration)
        commit_s = 1 / syncs
        folder = Path(tempfile.mkdtemp(prefix="lepus-figures-", dir=options.directory))
        try:
            result = store_perf(
                *("write", "--directory", folder / "data", "--size", size),
                *("--messages", options.scaled(2_000_000), "--per-commit", PER_COMMIT),
            )
        finally:
            shutil.rmtree(folder)
        cpu_us = result["cpu_us_per_message"]
        limit = PER_COMMIT / (commit_s + PER_COMMIT * cpu_us / 1e6)
        short_s = 1 / syncs_per_second(options.directory, 4096, options.duration)
        short_limit = PER_COMMIT / (short_s + PER_COMMIT * cpu_us / 1e6)
        values[f"store.cpu.{name}"] = cpu_us
        values[f"store.rate.{name}"] = 100 * result["per_second"] / limit
        values[f"store.rate.{name}.4k"] = 100 * result["per_second"] / short_limit
        values[f"store.per_second.{name}"] = result["per_second"]
        values[f"store.sync_us.{name}"] = commit_s * 1e6
        # What of it the bare loop needs: no store can do with less.
        values[f"store.cpu.{name}.of_the_loop"] = sync_cpu_us / PER_COMMIT
    return values


def confirms(options):
    before = syncs_per_second(options.directory, 4096, options.duration)
    with Broker(options.directory) as broker:
        one = broker.perf("--scenario", "single-confirm", "--duration", options.duration)
    with Broker(options.directory) as broker:
        many = broker.perf("--scenario", "many-confirm", "--duration", options.duration)
    after = syncs_per_second(options.directory, 4096, options.duration)
    one_rate, many_rate = one["confirmed"]["per_second"], many["confirmed"]["per_second"]
    return {
        "confirm.one": 100 * one_rate / ((before + after) / 2),
        "confirm.many": many_rate / one_rate,
        "confirm.one.per_second": one_rate,
        "confirm.many.per_second": many_rate,
    }
