"""What clients do besides: connect, declare, ask, and nothing at all."""

import os
import re
import subprocess

from machine import PERF, Broker, run, syncs_per_second


def rpc(options):
    """Round trips, against those through a relay."""
    text = run([PERF, "limit", "ping-pong", "--size", 120, "--duration", options.duration])
    limit = float(re.search(r": (\d+)/s", text).group(1))
    values = {"rpc.relay.per_second": limit}
    for shards in (1, 2):
        with Broker(options.directory, "--shards", shards) as broker:
            phase = broker.cycles("rpc", "--duration", options.duration)["rpc"]
        values[f"rpc.of_relay.{shards}"] = phase["per_second"] / limit
        values[f"rpc.per_second.{shards}"] = phase["per_second"]
        values[f"rpc.cpu.{shards}"] = phase["broker_cpu_us"]
    return values


def connections(options):
    with Broker(options.directory) as broker:
        phase = broker.cycles("connections", "--clients", 8, "--duration", options.duration)
    return {
        "connections.per_second": phase["connections"]["per_second"],
        "connections.cpu": phase["connections"]["broker_cpu_us"],
    }


def declares(options):
    """One client that waits for each durable queue, against a loop of append and fdatasync."""
    before = syncs_per_second(options.directory, 4096, options.duration)
    with Broker(options.directory) as broker:
        phases = broker.cycles("queues", "--durable", "--duration", options.duration)
    after = syncs_per_second(options.directory, 4096, options.duration)
    limit = (before + after) / 2
    return {
        f"declares.{name}": 100 * phases[name]["per_second"] / limit
        for name in ("declared", "deleted")
    }


def idle(options):
    """Memory of what is there and does nothing."""
    values = {}
    for name, count in (("connections", 4000), ("queues", 50_000)):
        with Broker(options.directory) as broker:
            text = run([PERF, "idle", "--port", broker.port, "--broker-pid", broker.pid,
                        f"--{name}", count])  # fmt: skip
        per = dict(zip(("connections", "queues"), re.findall(r"(-?\d+) B per", text)))
        values[f"idle.{name}"] = float(per[name]) / 1024
    return values


def others(options):
    """Instructions of a message alone, and among 10,000 queues and bindings and as many idle
    connections as may be open."""
    found = {}
    for name, crowd in (("alone", 0), ("among", 10_000)):
        with Broker(options.directory) as broker, Crowd(broker, crowd):
            found[name] = instructions_per_message(broker, options)
    return {"others.instructions": found["among"] / found["alone"]}


class Crowd:
    """Idle connections and queues, there while the context lasts."""

    def __init__(self, broker, count):
        # The broker and the crowd each need a descriptor for a connection.
        sockets = min(count, os.sysconf("SC_OPEN_MAX") - 1000)
        self.command = [PERF, "idle", "--port", broker.port, "--connections", sockets,
                        "--queues", count, "--bindings", 1, "--hold"]  # fmt: skip
        self.count = count
        self.process = None

    def __enter__(self):
        if self.count:
            self.process = subprocess.Popen(
                [str(word) for word in self.command],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            if not self.process.stdout.readline().startswith("ready"):
                raise RuntimeError("the crowd did not come")

    def __exit__(self, *_):
        if self.process:
            self.process.communicate()


def instructions_per_message(broker, options):
    """By the processor's counter where there is one, else by CPU time."""
    counting = subprocess.Popen(
        ["perf", "stat", "-x,", "-e", "instructions:u", "-p", str(broker.pid)],
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        result = broker.perf(
            "--scenario", "transient-1k", "--prefetch", 1000, "--manual-ack", "--ack-every", 50,
            "--in-flight", 5000, "--duration", options.duration,
        )  # fmt: skip
    finally:
        counting.send_signal(2)
        counted = re.search(r"^(\d+),", counting.communicate()[1], re.M)
    if counted:
        return int(counted.group(1)) / result["delivered"]["count"]
    return result["broker"]["cpu_us_per_message"]
