#!/usr/bin/env python3
"""The figures of speed: tests/benchmarks/run speed [options] [group…].

Prints each figure with what is asked and what was measured, with the machine's limits beside.
The last line is `N passed, N failed`.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "common"))

# ruff: noqa: E402  pylint: disable=wrong-import-position
import clients
import messages
from figures import Figure, measure

FIGURES = {
    "transient.cpu.16": Figure("transient, 16 B, CPU per message", at_most=0.5, unit="us"),
    "transient.rate.16": Figure("transient, 16 B, messages/s", at_least=1e6),
    "transient.cpu.1k": Figure("transient, 1 KiB, CPU per message", at_most=1.2, unit="us"),
    "transient.relay.1k": Figure("the same, times a relay's CPU", at_most=3),
    "behind.of_store": Figure("persistent, 2 s behind, of the store alone", at_least=70, unit="%"),
    "behind.rate": Figure("the same, messages/s", at_least=140e3),
    "behind.cpu": Figure("the same, CPU per message", at_most=4.5, unit="us"),
    "live.rate": Figure("persistent, consumer keeps up, messages/s", at_least=200e3),
    "live.cpu": Figure("the same, CPU per message", at_most=3, unit="us"),
    "large.of_appending": Figure("64 KiB, times the time to append them", at_most=1.5),
    "latency.p50": Figure("20,000/s persistent, delivery p50", at_most=0.3, unit="ms"),
    "latency.p99": Figure("the same, p99", at_most=2, unit="ms"),
    "latency.p999": Figure("the same, p99.9", at_most=10, unit="ms"),
    "fanout.rate": Figure("fanout to 100, 1 KiB, deliveries/s", at_least=1e6),
    "topic.many_keys": Figure("100,000 bindings, 1,000,000 keys, of direct", at_least=0.5),
    "topic.one_key": Figure("100,000 bindings, one key, of direct", at_least=0.95),
    "drain.rate": Figure("drain of 1,000,000, messages/s", at_least=250e3),
    "rpc.of_relay.1": Figure("RPC, one shard, of a ping-pong", at_least=0.6),
    "rpc.of_relay.2": Figure("RPC, two shards, of a ping-pong", at_least=0.6),
    "connections.per_second": Figure("connect, channel, close, per second", at_least=8000),
    "declares.declared": Figure("durable declares, of a sync loop", at_least=60, unit="%"),
    "declares.deleted": Figure("durable deletes, of a sync loop", at_least=60, unit="%"),
    "idle.connections": Figure("idle connection with a channel", at_most=10, unit="KiB"),
    "idle.queues": Figure("idle queue", at_most=2, unit="KiB"),
    "crossing.cpu": Figure("crossing shards, CPU per message, more by", at_most=0.2, unit="us"),
    "others.instructions": Figure("among 10,000 others, instructions, times", at_most=1.05),
}

GROUPS = {
    "transient": (messages.transient, True),
    "persistent": (messages.persistent, True),
    "large": (messages.large, True),
    "latency": (messages.latency, True),
    "fanout": (messages.fanout, True),
    "topic": (messages.topic, True),
    "drain": (messages.drain, True),
    "rpc": (clients.rpc, True),
    "connections": (clients.connections, True),
    "declares": (clients.declares, True),
    "idle": (clients.idle, False),
    "crossing": (messages.crossing, True),
    "others": (clients.others, True),
}


if __name__ == "__main__":
    sys.exit(measure("tests/benchmarks/run speed", __doc__, FIGURES, GROUPS))
