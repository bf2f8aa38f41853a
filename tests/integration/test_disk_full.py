"""A disk that fills up: publishers are held up or told, consumers go on, and when there is room
again everything goes on by itself."""

import queue
import time

import pika
import pytest

from support import ledger
from support.broker import Broker
from support.callback_session import CallbackSession
from support.consuming import message_count, take
from support.small_disk import SmallDisk

BODY_BYTES = 8 << 10
PERSISTENT = pika.BasicProperties(delivery_mode=2)
RECOVERY_S = 60


@pytest.fixture
def disk(test_directory):
    disk = SmallDisk(test_directory / "disk", 256 << 20)
    reason = disk.mount()
    if reason:
        pytest.skip(f"no file system can be mounted here: {reason}")
    yield disk
    disk.unmount()


@pytest.fixture
def start_broker(disk, test_directory):
    """`start_broker(disk_free_limit_bytes)`: a broker with its data on the small disk."""
    brokers = []

    def start(disk_free_limit_bytes):
        configuration = test_directory / "lepus.conf"
        configuration.write_text(f"disk_free_limit.absolute = {disk_free_limit_bytes}\n")
        broker = Broker(test_directory / "broker", ["--config", configuration])
        broker.data_directory = disk.path / "data"
        brokers.append(broker)
        return broker.start()

    yield start
    for broker in brokers:
        broker.close()


class SteadyPublisher:
    """Publishes numbered messages to one queue, at most `WINDOW` of them unanswered, and knows what
    became of each."""

    WINDOW = 50

    def __init__(self, broker, name, first):
        self.session = CallbackSession(pika.SelectConnection, broker.parameters())
        self.session.confirm_delivery()
        self.name = name
        self.first = first
        self.next_tag = 1
        self.outstanding = set()
        self.confirmed = set()
        self.refused = set()
        self.blocked = False
        self.was_blocked = False
        connection = self.session.connection
        connection.add_on_connection_blocked_callback(lambda *_: self._set_blocked(True))
        connection.add_on_connection_unblocked_callback(lambda *_: self._set_blocked(False))

    def _set_blocked(self, blocked):
        self.blocked = blocked
        self.was_blocked |= blocked

    def step(self):
        """Publishes if it may, and takes the answers that are there."""
        if not self.blocked and len(self.outstanding) < self.WINDOW:
            body = ledger.body_of(("p", self.first + self.next_tag))
            self.session.publish("", self.name, body.ljust(BODY_BYTES, b" "), PERSISTENT)
            self.outstanding.add(self.next_tag)
            self.next_tag += 1
            wait_s = 0
        else:
            wait_s = 0.1
        try:
            while True:
                self._answered(*self.session.confirmations.get(timeout=wait_s))
                wait_s = 0
        except queue.Empty:
            pass

    def _answered(self, kind, tag, multiple):
        answered = {one for one in self.outstanding if one == tag or (multiple and one < tag)}
        self.outstanding -= answered
        if kind == "nack":
            time.sleep(0.02)  # As a client that tries again would.
        (self.confirmed if kind == "ack" else self.refused).update(
            self.first + one for one in answered
        )

    def go_on_until(self, condition, what, timeout=RECOVERY_S):
        deadline = time.monotonic() + timeout
        while not condition():
            assert time.monotonic() < deadline, (
                f"not within {timeout} s: {what} (blocked: {self.blocked}, confirmed: "
                f"{len(self.confirmed)}, refused: {len(self.refused)}, "
                f"unanswered: {len(self.outstanding)})"
            )
            self.step()


def declare(broker, *names):
    connection = pika.BlockingConnection(broker.parameters())
    for name in names:
        connection.channel().queue_declare(name, durable=True)
    connection.close()


def publish(broker, name, count):
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.confirm_delivery()
    for number in range(count):
        channel.basic_publish("", name, ledger.body_of(("before", number)), PERSISTENT)
    connection.close()


def consume(broker, name):
    """Acks all messages that are ready; returns their sequences in the queue's order."""
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    count = message_count(channel, name)
    messages = take(channel, name, count, auto_ack=False) if count else []
    for method, _, _ in messages:
        channel.basic_ack(method.delivery_tag)
    connection.close()
    return [ledger.identity_of(body.strip())[1] for _, _, body in messages]


def assert_nothing_lost(confirmed, taken):
    assert taken == sorted(set(taken)), "not in order, or twice"
    lost = sorted(set(confirmed) - set(taken))
    assert not lost, f"{len(lost)} confirmed messages lost: {lost[:10]}"


@pytest.mark.timeout(240)
def test_a_nearly_full_disk_blocks_publishers_until_messages_are_consumed(start_broker, disk):
    broker = start_broker(128 << 20)
    declare(broker, "long", "work")
    publish(broker, "work", 100)
    publisher = SteadyPublisher(broker, "long", 0)
    publisher.go_on_until(lambda: publisher.blocked, "connection.blocked")
    assert not publisher.refused, "the disk was not full yet"

    assert consume(broker, "work") == list(range(100)), "consumers go on"
    # What was on its way before the publisher heard of it is taken from the socket only later.
    taken = consume(broker, "long")
    publisher.go_on_until(lambda: not publisher.blocked, "connection.unblocked")
    confirmed = len(publisher.confirmed)
    publisher.go_on_until(lambda: len(publisher.confirmed) > confirmed + 100, "publishing goes on")
    publisher.go_on_until(
        lambda: publisher.blocked or not publisher.outstanding, "the last answers"
    )
    publisher.session.close()
    broker.kill()
    broker.start()
    assert_nothing_lost(publisher.confirmed, sorted({*taken, *consume(broker, "long")}))


@pytest.mark.timeout(240)
def test_a_full_disk_is_survived(start_broker, disk):
    """The limit is so low that writing fails before there is an alarm: what was on its way is
    nacked or waits, nothing confirmed is lost, and it all goes on when there is room."""
    broker = start_broker(1)
    declare(broker, "long", "work")
    publish(broker, "work", 100)
    disk.fill(but_bytes=8 << 20)
    publisher = SteadyPublisher(broker, "long", 0)
    publisher.go_on_until(lambda: publisher.refused or publisher.blocked, "a refusal")

    assert consume(broker, "work") == list(range(100)), "consumers go on"
    assert broker.running
    disk.remove_ballast()
    publisher.go_on_until(lambda: not publisher.blocked, "connection.unblocked")
    confirmed = len(publisher.confirmed)
    publisher.go_on_until(lambda: len(publisher.confirmed) > confirmed + 100, "publishing goes on")
    publisher.session.close()
    publish(broker, "work", 1)  # Its commit takes the queue's acks along.

    broker.kill()
    broker.start()
    assert_nothing_lost(publisher.confirmed, consume(broker, "long"))
    assert message_count_of(broker, "work") == 1, "what was acked before a later confirm is back"


def message_count_of(broker, name):
    connection = pika.BlockingConnection(broker.parameters())
    count = message_count(connection.channel(), name)
    connection.close()
    return count
