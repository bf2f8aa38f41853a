"""A queue of ten million messages: memory, restart, draining, disk space."""

import time

from machine import Broker, store_perf, wait_for_at_most, wire

SMALL = ("--size", 100, "--durable", "--persistent", "--confirm-window", 5000)
CONSUME = ("--prefetch", 2000, "--ack-every", 200, "--drain", 3600)
SPACE_BYTES = 150e6


def waiting(options):
    """Memory with all of them waiting, and the time from a start to the first delivery after
    kill -9."""
    count = options.scaled(10_000_000)
    with Broker(options.directory) as broker:
        broker.perf(*SMALL, "--name-prefix", "backlog", "--keep", "--consumers", 0,
                    "--messages", count)  # fmt: skip
        values = {
            "waiting.memory": broker.resident_bytes() / 1e6,
            "waiting.memory.peak": broker.resident_bytes("VmHWM") / 1e6,
            "waiting.disk": broker.data_bytes() / 1e6,
        }
        ready_s, first_s = [], []
        for _ in range(options.repeat):
            broker.kill()
            before = time.monotonic()
            ready_s.append(broker.start())
            take_first(broker, "backlog-0")
            first_s.append(time.monotonic() - before)
        values["waiting.first_delivery"] = first_s
        values["waiting.ready"] = ready_s
        values["waiting.memory.restarted"] = broker.resident_bytes() / 1e6
    return values


def take_first(broker, queue):
    """Returns when the first message was delivered; it goes back to the queue."""
    connection = broker.connect()
    connection.send(wire.basic_qos(1, 1), wire.basic_consume(1, queue, "first"))
    connection.expect(1, wire.BASIC_QOS_OK)
    connection.expect(1, wire.BASIC_CONSUME_OK)
    connection.expect(1, wire.BASIC_DELIVER)
    connection.close()


def draining(options):
    """Rates of deliveries from a long queue, and from one whose consumer keeps up."""
    count = options.scaled(10_000_000)
    with Broker(options.directory) as broker:
        live = broker.perf(*SMALL, *CONSUME, "--messages", count)
    with Broker(options.directory) as broker:
        late = broker.perf(*SMALL, *CONSUME, "--messages", count, "--consume-after-publish")
        left, space_s = wait_for_at_most(SPACE_BYTES, broker.data_bytes, 60)
    live_rate, late_rate = live["delivered"]["per_second"], late["delivered"]["per_second"]
    cpu_ns = late["broker"]["cpu_ns"] - late["broker"]["publish_cpu_ns"]
    return {
        "drain.ratio": late_rate / live_rate,
        "drain.per_second": late_rate,
        "drain.live.per_second": live_rate,
        "drain.live.cpu": live["broker"]["cpu_us_per_message"],
        "drain.publish.cpu": late["broker"]["publish_cpu_ns"] / 1e3 / count,
        "drain.cpu": cpu_ns / 1e3 / count,
        "drain.space": left / 1e6,
        "drain.space.seconds": space_s,
    }


def oldest_unacked(options):
    """One message stays unacked while all behind it are."""
    count = options.scaled(10_000_000)
    named = (*SMALL, *CONSUME, "--name-prefix", "oldest", "--keep")
    with Broker(options.directory) as broker:
        broker.perf(*named, "--consumers", 0, "--messages", 1)
        holder = broker.connect()
        holder.send(wire.basic_get(1, "oldest-0"))
        holder.expect(1, wire.BASIC_GET_OK)
        broker.perf(*named, "--messages", count)
        left, space_s = wait_for_at_most(SPACE_BYTES, broker.data_bytes, 60)
        time.sleep(2)  # Acks alone are committed within a second.
        broker.kill()
        holder.close()
        progress = store_perf("progress", broker.data)
    if progress["stored_messages"] != 1:
        raise RuntimeError(f"one message should be left: {progress}")
    return {
        "oldest.progress": progress["largest_bytes"],
        "oldest.space": left / 1e6,
        "oldest.space.seconds": space_s,
    }
