"""Ten million delayed messages: memory, restart, what is written; and releasing a million at once."""

import time

from machine import Broker, wire

WEEK_MS = 7 * 24 * 3600 * 1000
HOUR_MS = 3600 * 1000
DELAYED = ("--size", 100, "--durable", "--persistent", "--confirm-window", 5000,
           "--exchange", "direct")  # fmt: skip


def waiting(options):
    """Up to a week each, in no order."""
    count = options.scaled(10_000_000)
    with Broker(options.directory) as broker:
        before = broker.written_bytes()
        result = broker.perf(*DELAYED, "--delay-min", HOUR_MS, "--delay-max", WEEK_MS,
                             "--name-prefix", "later", "--keep", "--consumers", 0,
                             "--messages", count)  # fmt: skip
        values = {
            "delayed.cpu": result["broker"]["cpu_us_per_message"],
            "delayed.memory": broker.resident_bytes() / 1e6,
            "delayed.memory.peak": broker.resident_bytes("VmHWM") / 1e6,
            "delayed.disk": broker.data_bytes() / 1e6,
            "delayed.written": (broker.written_bytes() - before) / 1e6 / (count * 100 / 1e6),
        }
        first_s = []
        for _ in range(options.repeat):
            broker.kill()
            before_s = time.monotonic()
            broker.start()
            release_one(broker, "later", "later-0")
            first_s.append(time.monotonic() - before_s)
        values["delayed.first"] = first_s
        values["delayed.memory.restarted"] = broker.resident_bytes() / 1e6
    return values


def release_one(broker, exchange, key):
    """Returns when a message that is delayed by a millisecond was delivered, before all the others."""
    connection = broker.connect()
    connection.send(wire.basic_consume(1, key, "first", no_ack=True))
    connection.expect(1, wire.BASIC_CONSUME_OK)
    connection.send(wire.publish(1, exchange, key, b"soon", headers={"x-delay": 1}))
    connection.expect(1, wire.BASIC_DELIVER)
    connection.close()


def releasing(options):
    """All are due while they are still being published, or soon after."""
    count = options.scaled(1_000_000)
    with Broker(options.directory) as broker:
        result = broker.perf(*DELAYED, "--delay-min", 1, "--delay-max", 5000, "--messages", count,
                             "--prefetch", 2000, "--ack-every", 200, "--drain", 600)  # fmt: skip
    return {"delayed.through.cpu": result["broker"]["cpu_us_per_message"]}
