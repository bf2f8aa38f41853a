"""A long queue lives on the disk: the broker's memory stays bounded while it grows and while it is
drained."""

import threading

import pika
import pytest

from support import bulk

LIMIT_KIB = 300 * 1024


class MemorySampler(threading.Thread):
    """Reads the broker's VmRSS every 50 ms until it is stopped."""

    def __init__(self, broker):
        super().__init__(daemon=True)
        self._broker = broker
        self._stopped = threading.Event()
        self.samples = []

    def run(self):
        while not self._stopped.wait(0.05):
            self.samples.append(self._broker.status_kib("VmRSS"))

    def stop(self):
        self._stopped.set()
        self.join()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


def declare(broker, name, durable):
    connection = pika.BlockingConnection(broker.parameters())
    connection.channel().queue_declare(name, durable=durable)
    connection.close()


def ready_count(broker, name):
    connection = pika.BlockingConnection(broker.parameters())
    count = (
        connection.channel().queue_declare(name, passive=True, durable=True).method.message_count
    )
    connection.close()
    return count


def drain(broker, name, count, encoder):
    """Takes all messages and checks that each comes once, whole, in order and for the first
    time."""
    expected = 0

    def check(sequence, redelivered):
        nonlocal expected
        assert sequence == expected, f"{sequence} where {expected} was due"
        assert not redelivered
        expected += 1

    bulk.consume(broker, name, count, encoder.filling, check)
    assert expected == count
    assert ready_count(broker, name) == 0


def assert_bounded(broker, sampler, record_property):
    peak = broker.status_kib("VmHWM")
    record_property("peak_kib", peak)
    record_property("largest_sample_kib", max(sampler.samples))
    print(f"memory: peak {peak} KiB, largest sample {max(sampler.samples)} KiB")
    assert max(sampler.samples) < LIMIT_KIB
    assert peak < LIMIT_KIB


@pytest.mark.timeout(180)
def test_a_million_persistent_messages_of_1_kib(private_broker, record_property):
    count = 1_000_000
    broker = private_broker()
    declare(broker, "long", durable=True)
    encoder = bulk.Encoder("", "long", 1024, persistent=True)
    with MemorySampler(broker) as sampler:
        publisher = bulk.ConfirmedPublisher(broker, encoder, window=20_000, batch=500)
        publisher.publish(range(count))
        publisher.close()
        assert ready_count(broker, "long") == count
        drain(broker, "long", count, encoder)
    assert_bounded(broker, sampler, record_property)


@pytest.mark.timeout(120)
def test_many_transient_messages(private_broker, record_property):
    """Without confirms: the publisher is as fast as the broker lets it be."""
    count = 400_000
    broker = private_broker()
    declare(broker, "long", durable=False)
    encoder = bulk.Encoder("", "long", 1024, persistent=False)
    with MemorySampler(broker) as sampler:
        bulk.publish_unconfirmed(broker, encoder, 0, count)
        drain(broker, "long", count, encoder)
    assert_bounded(broker, sampler, record_property)


@pytest.mark.timeout(120)
def test_a_consumer_that_does_not_read(private_broker, record_property):
    """Deliveries without a prefetch limit to a client that reads nothing wait on the broker's
    disk."""
    count = 400_000
    broker = private_broker()
    declare(broker, "long", durable=False)
    encoder = bulk.Encoder("", "long", 1024, persistent=False)
    with MemorySampler(broker) as sampler:
        lazy = bulk.BulkConnection(broker)
        lazy.connection.send(bulk.amqp.basic_consume(bulk.CHANNEL, "long", "lazy"))
        lazy.connection.expect(bulk.CHANNEL, bulk.amqp.BASIC_CONSUME_OK)
        bulk.publish_unconfirmed(broker, encoder, 0, count)
        lazy.close()
        seen = []
        bulk.consume(
            broker, "long", count, encoder.filling, lambda sequence, _: seen.append(sequence)
        )
        assert seen == list(range(count))
    assert_bounded(broker, sampler, record_property)
