"""The way of a message: transient, persistent, large, to many queues, by many bindings."""

import re

from machine import PERF, Broker, run, store_perf, sync_loop

ACKS = ("--prefetch", 1000, "--ack-every", 50)
PERSISTENT = ("--durable", "--persistent", *ACKS)
ONE_KIB = (*PERSISTENT, "--size", 1024, "--confirm-window", 200)


def relay_cpu_us(duration_s):
    """CPU time of a relay for a message, by the size of its body."""
    text = run([PERF, "limit", "relay", "--duration", duration_s])
    return {int(size): float(cpu) for size, cpu in re.findall(r"(\d+) B message: ([\d.]+)", text)}


def transient(options):
    relay = relay_cpu_us(options.duration)
    values = {}
    for name, size in (("16", 16), ("1k", 1024)):
        with Broker(options.directory) as broker:
            result = broker.perf("--scenario", f"transient-{name}", "--duration", options.duration)
        cpu_us = result["broker"]["cpu_us_per_message"]
        values[f"transient.cpu.{name}"] = cpu_us
        values[f"transient.rate.{name}"] = result["delivered"]["per_second"]
        values[f"transient.relay.{name}"] = cpu_us / relay[size]
    return values


def written(broker, result):
    """What a message costs the disk."""
    count = result["published"]["count"]
    store = broker.store()
    return {
        "bytes": result["broker"]["written_bytes"] / count,
        "syncs": store["commits"] / count,
        "batch": count / store["commits"],
    }


def persistent(options):
    """Confirms and acks, with a consumer that keeps up, and with one that is two seconds late."""
    values = {}
    for name, delay_s in (("behind", 2), ("live", 0)):
        with Broker(options.directory) as broker:
            result = broker.perf(
                *ONE_KIB, "--consumer-delay", delay_s, "--duration", options.duration
            )
            values.update({f"{name}.{key}": value for key, value in written(broker, result).items()})
        values[f"{name}.rate"] = result["delivered"]["per_second"]
        values[f"{name}.confirmed"] = result["confirmed"]["per_second"]
        values[f"{name}.cpu"] = result["broker"]["cpu_us_per_message"]
    folder_store = store_alone(options, max(int(values["behind.batch"]), 1))
    values["behind.of_store"] = 100 * values["behind.confirmed"] / folder_store
    return values


def store_alone(options, per_commit):
    """Messages a second of the store without a broker, with so many in each commit."""
    with Broker(options.directory) as broker:
        broker.stop()
        result = store_perf(
            *("write", "--directory", broker.folder / "store", "--size", 1024),
            *("--messages", options.scaled(500_000), "--per-commit", per_commit),
        )
    return result["per_second"]


def large(options):
    """64 KiB, against a file to which as much is appended with an fdatasync per 3 MiB."""
    syncs, _ = sync_loop(options.directory, 3 << 20, options.duration)
    with Broker(options.directory) as broker:
        result = broker.perf(
            *PERSISTENT, "--size", 65536, "--confirm-window", 50, "--duration", options.duration
        )
    appended = syncs * (3 << 20) / 65536
    rate = result["delivered"]["per_second"]
    return {
        "large.of_appending": appended / rate,
        "large.rate": rate,
        "large.cpu": result["broker"]["cpu_us_per_message"],
    }


def latency(options):
    """20,000 a second, each acked by itself; the disk's own latency beside."""
    text = run([PERF, "limit", "fsync", "--directory", options.directory,
                "--duration", options.duration])  # fmt: skip
    with Broker(options.directory) as broker:
        found = broker.perf("--scenario", "rate-20k", "--duration", options.duration)
    latencies = found["delivery_latency"]
    return {
        "latency.p50": latencies["p50_us"] / 1e3,
        "latency.p99": latencies["p99_us"] / 1e3,
        "latency.p999": latencies["p999_us"] / 1e3,
        "latency.confirm.p50": found["confirm_latency"]["p50_us"] / 1e3,
        "latency.sync.p999": float(re.search(r"p99.9 (\d+)", text).group(1)) / 1e3,
    }


def fanout(options):
    with Broker(options.directory) as broker:
        result = broker.perf(
            "--scenario", "fanout-100", "--size", 1024, "--duration", options.duration
        )
    return {
        "fanout.rate": result["delivered"]["per_second"],
        "fanout.cpu": result["broker"]["cpu_us_per_message"],
    }


def topic(options):
    """100,000 bindings, against a direct exchange with one."""
    count = options.scaled(100_000)
    rates = {}
    for name, kind, bindings, keys in (
        ("direct", "direct", 1, 1),
        ("many_keys", "topic", count, 10 * count),
        ("one_key", "topic", count, 1),
    ):
        with Broker(options.directory) as broker:
            result = broker.perf(
                *("--scenario", "transient-16", "--exchange", kind, "--bindings", bindings),
                *("--distinct-keys", keys, "--duration", options.duration),
            )
        rates[name] = result["delivered"]["per_second"]
    return {
        "topic.many_keys": rates["many_keys"] / rates["direct"],
        "topic.one_key": rates["one_key"] / rates["direct"],
        "topic.direct.rate": rates["direct"],
    }


def drain(options):
    count = options.scaled(1_000_000)
    with Broker(options.directory) as broker:
        result = broker.perf(
            *("--durable", "--persistent", "--size", 1024, "--confirm-window", 5000),
            *(*ACKS, "--messages", count, "--consume-after-publish", "--drain", 600),
        )
    return {"drain.rate": result["delivered"]["per_second"]}


def crossing(options):
    """Four queues, publishers and consumers, of which about half meet on another shard."""
    load = ("--scenario", "transient-1k", "--publishers", 4, "--consumers", 4, "--queues", 4)
    cpu_us = {}
    for shards in (1, 2):
        with Broker(options.directory, "--shards", shards) as broker:
            result = broker.perf(*load, "--duration", options.duration)
        cpu_us[shards] = result["broker"]["cpu_us_per_message"]
    return {"crossing.cpu": cpu_us[2] - cpu_us[1], "crossing.one_shard.cpu": cpu_us[1]}
