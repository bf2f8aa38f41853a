"""A hundred thousand durable queues: declaring them, and starting with them."""

import statistics

from machine import Broker, wire

CONNECTIONS = 50
STEP = 1000


def many_queues(options):
    count = max(options.scaled(100_000), 2 * STEP)
    with Broker(options.directory) as broker:
        connections = [broker.connect() for _ in range(CONNECTIONS)]
        cpu_us = []
        for first in range(0, count, STEP):
            before = broker.cpu_s()
            declare(connections, range(first, min(first + STEP, count)))
            cpu_us.append((broker.cpu_s() - before) * 1e6 / STEP)
        publish_one_each(connections[0], count)
        for connection in connections:
            connection.close()
        memory = broker.resident_bytes() / 1e6
        broker.kill()
        killed_s = broker.start()
        broker.stop()
        stopped_s = broker.start()
        check(broker, count)
    # A flush or a table that grows hits one step now and then, at any number of queues.
    last_us = statistics.median(cpu_us[-5:])
    return {
        "queues.declare": last_us / cpu_us[0],
        "queues.declare.first.cpu": cpu_us[0],
        "queues.declare.middle.cpu": statistics.median(cpu_us),
        "queues.declare.last.cpu": last_us,
        "queues.restart": killed_s,
        "queues.restart.clean": stopped_s,
        "queues.memory": memory,
    }


def name_of(number):
    return f"queue-{number}"


def declare(connections, numbers):
    """Each connection has one declare under way at a time, so that commits are shared."""
    shares = [numbers[index :: len(connections)] for index in range(len(connections))]
    for connection, share in zip(connections, shares):
        connection.send(*(wire.queue_declare(1, name_of(one), durable=True) for one in share))
    for connection, share in zip(connections, shares):
        for _ in share:
            connection.expect(1, wire.QUEUE_DECLARE_OK)


def publish_one_each(connection, count):
    connection.send(wire.method(1, wire.CONFIRM_SELECT, b"\0"))
    connection.expect(1, wire.CONFIRM_SELECT_OK)
    for first in range(0, count, STEP):
        numbers = range(first, min(first + STEP, count))
        connection.send(
            *(wire.publish(1, "", name_of(one), b"x" * 100, persistent=True) for one in numbers)
        )
        confirmed = first
        acked = set()
        while confirmed < numbers.stop:
            arguments = connection.expect(1, wire.BASIC_ACK).arguments
            tag, multiple = arguments.long_long(), arguments.octet()
            acked.update(range(confirmed + 1, tag + 1) if multiple else [tag])
            while confirmed + 1 in acked:
                confirmed += 1


def check(broker, count):
    connection = broker.connect()
    for number in (0, count // 2, count - 1):
        connection.send(wire.queue_declare(1, name_of(number), passive=True))
        arguments = connection.expect(1, wire.QUEUE_DECLARE_OK).arguments
        arguments.short_string()
        if arguments.long() != 1:
            raise RuntimeError(f"the message of {name_of(number)} is not there")
    connection.close()
