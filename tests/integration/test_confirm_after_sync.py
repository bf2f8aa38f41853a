"""A confirm leaves the broker only after the disk has said that it has the message: seen from
outside, in the order of its system calls."""

import struct

import pika
import pytest

from support import system_calls
from support import wire as amqp
from support.broker import Broker
from support.callback_session import CallbackSession
from support.waiting import wait_until

COUNT = 200
COPIES = 3
PERSISTENT = pika.BasicProperties(delivery_mode=2)


class TracedBroker(Broker):
    def __init__(self, directory, options):
        super().__init__(directory, options)
        self.record = self.directory / "calls.strace"

    def command(self):
        return system_calls.traced(super().command(), self.record)


@pytest.fixture
def traced_broker(test_directory):
    reason = system_calls.why_not()
    if reason:
        pytest.skip(reason)
    broker = TracedBroker(test_directory / "broker", ["--shards", "2"])
    yield broker
    broker.close()
    broker.remove_data()


def marker(number):
    return f"<message {number:06}>".encode()


def body(number):
    """A record may be cut where a block of the log ends, so the marker is in it several times."""
    return (marker(number) + b"." * 200) * COPIES


def is_log(call):
    return call.target.endswith(".log") and "/data/" in call.target


def synced_at(calls, number, rows):
    """The first place in the record at which a sync has returned that began when so many rows with
    the message had been written; or None."""
    seen, held_from, log = 0, None, None
    for call in calls:
        if is_log(call) and held_from is None:
            seen += call.data.count(marker(number))
            if seen >= COPIES * rows - 1:
                held_from, log = call.end, call.target
        elif held_from is not None and call.name in ("fsync", "fdatasync"):
            if call.target == log and call.begin > held_from and call.result == 0:
                return call.end
    return None


def acks(calls):
    """(delivery tag, multiple, where the call that carries its last octet began) of every basic.ack
    that went to a client."""
    streams, found = {}, []
    for call in calls:
        if not call.target.startswith("TCP") or not call.data:
            continue
        stream = streams.setdefault(call.target, bytearray())
        stream += call.data
        while len(stream) >= 8:
            kind, _, size = struct.unpack_from(">BHI", stream)
            if len(stream) < size + 8:
                break
            frame = bytes(stream[7 : 7 + size])
            del stream[: size + 8]
            is_ack = frame[:4] == struct.pack(">HH", *amqp.BASIC_ACK)
            if kind == amqp.FRAME_METHOD and is_ack:
                tag, multiple = struct.unpack_from(">QB", frame, 4)
                found.append((tag, bool(multiple & 1), call.begin))
    return found


def check(calls, rows):
    """How many messages were confirmed, each of them after a sync of all its rows."""
    confirmed = 0
    for tag, multiple, began in acks(calls):
        for number in range(confirmed + 1, tag + 1) if multiple else [tag]:
            safe = synced_at(calls, number, rows)
            assert safe is not None, f"message {number} was confirmed and never synced"
            assert safe < began, (
                f"the confirm of message {number} left at {began}, its sync returned at {safe}"
            )
        confirmed = max(confirmed, tag)
    return confirmed


@pytest.mark.timeout(120)
@pytest.mark.parametrize("queues", [["single"], ["first", "second"]], ids=["one", "two"])
def test_no_confirm_before_the_sync(traced_broker, queues):
    """With two queues, which may belong to two shards, both must hold the message."""
    broker = traced_broker.start()
    session = CallbackSession(pika.SelectConnection, broker.parameters())
    session.ask("exchange_declare", "all", "fanout", durable=True)
    for name in queues:
        session.ask("queue_declare", name, durable=True)
        session.ask("queue_bind", name, "all")
    session.confirm_delivery()
    outstanding = set()
    for number in range(1, COUNT + 1):
        session.publish("all", "", body(number), PERSISTENT)
        outstanding.add(number)
        if number % 10 == 0:  # One by one, then ten at a time, so that commits overlap.
            session.confirmed(outstanding)
        elif number < COUNT // 2:
            session.confirmed(outstanding)
    session.confirmed(outstanding)
    session.close()
    broker.terminate()
    wait_until(lambda: system_calls.is_complete(broker.record, broker.pid), "the record's end")

    assert check(system_calls.read(broker.record), len(queues)) == COUNT


def call(name, target, data, begin, end):
    return system_calls.Call(name, target, data, begin, end, len(data))


LOG = "/somewhere/data/store/000004.log"
ACK = amqp.method(1, amqp.BASIC_ACK, struct.pack(">QB", 1, 0))
SYNC = call("fdatasync", LOG, b"", 3, 4)


@pytest.mark.parametrize(
    ("sync", "ack_began", "complaint"),
    [
        (SYNC, 5, None),
        (SYNC, 3, "left at 3, its sync returned at 4"),
        (call("fdatasync", LOG, b"", 1, 4), 5, "never synced"),
        (call("fdatasync", "/somewhere/data/other", b"", 3, 4), 5, "never synced"),
    ],
    ids=["right", "confirm before the sync", "sync before the write", "sync of another file"],
)
def test_the_check_notices(sync, ack_began, complaint):
    ack = call("sendmsg", "TCP:[127.0.0.1:1->127.0.0.1:2]", ACK, ack_began, 6)
    calls = [call("write", LOG, body(1), 1, 2), sync, ack]
    if complaint is None:
        assert check(calls, 1) == 1
        return
    with pytest.raises(AssertionError, match=complaint):
        check(calls, 1)
