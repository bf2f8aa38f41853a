"""How much is written to the disk for each octet of a body."""

import time

from backlog import SPACE_BYTES
from machine import Broker, wait_for_at_most

BODY = ("--size", 1024, "--durable", "--persistent", "--confirm-window", 5000)
CONSUME = ("--prefetch", 2000, "--ack-every", 200, "--drain", 3600)
# Flushes and compactions that the messages caused come a little later.
SETTLE_S = 5


def measure(options, *load):
    with Broker(options.directory) as broker:
        before = broker.written_bytes()
        result = broker.perf(*BODY, *CONSUME, *load)
        time.sleep(SETTLE_S)
        factor = (broker.written_bytes() - before) / (result["published"]["count"] * 1024)
        left, seconds = wait_for_at_most(SPACE_BYTES, broker.data_bytes, 60)
    return factor, left / 1e6, seconds, result


def bytes_written(options):
    count = options.scaled(4_000_000)
    behind, _, _, behind_result = measure(
        options, "--consumer-delay", 2, "--duration", max(options.duration * 2, 6)
    )
    one, left, seconds, _ = measure(options, "--messages", count, "--consume-after-publish")
    many, many_left, _, _ = measure(
        options, "--messages", count, "--consume-after-publish", "--queues", 1000
    )
    return {
        "writes.behind": behind,
        "writes.behind.per_second": behind_result["delivered"]["per_second"],
        "writes.one_queue": one,
        "writes.many_queues": many,
        "writes.space": left,
        "writes.space.seconds": seconds,
        "writes.many_queues.space": many_left,
    }
