"""Publishing and consuming by the hundred thousand on a raw socket, with frames encoded in bulk.

A body starts with its sequence number (8 octets, big endian); the rest is filled with a pattern
that the consumer
compares, so a message that is cut or mixed up is noticed.
"""

import select
import struct
import time
from collections import OrderedDict

from support import wire as amqp

CHANNEL = 1
_FRAME = struct.Struct(">BHI")
_SEQUENCE = struct.Struct(">Q")
_ACK = struct.Struct(">QB")


class BulkConnection:
    """A connection with one open channel whose socket never blocks: `exchange` sends and receives
    at once."""

    def __init__(self, broker, timeout=30.0):
        self.timeout = timeout
        self.connection = amqp.WireConnection(broker.host, broker.port, timeout)
        try:
            self.connection.handshake()
            self.connection.open_channel(CHANNEL)
        except BaseException:
            self.close()
            raise

    def close(self):
        self.connection.close()

    def confirm_select(self):
        self.connection.send(amqp.method(CHANNEL, amqp.CONFIRM_SELECT, b"\0"))
        self.connection.expect(CHANNEL, amqp.CONFIRM_SELECT_OK)

    def start_bulk(self):
        """From here on only `exchange` is used. Octets that came already stay to be parsed."""
        self._socket = self.connection.socket
        self._socket.setblocking(False)
        self._outgoing = memoryview(b"")
        self._incoming = bytearray(self.connection._buffer)

    @property
    def idle(self):
        """Whether all that was given to `exchange` is sent."""
        return not self._outgoing

    def exchange(self, octets=None):
        """Sends what the socket takes, waits for room or data, and returns (buffer, [(kind, start,
        size)…]).

        `octets` may only be given while `idle`. The frames' offsets are into the returned buffer.
        """
        if octets is not None:
            assert self.idle
            self._outgoing = memoryview(octets)
        writers = [self._socket] if self._outgoing else []
        readable, writable, _ = select.select([self._socket], writers, [], self.timeout)
        assert readable or writable, f"the broker neither read nor wrote for {self.timeout} s"
        if writable:
            self._outgoing = self._outgoing[self._socket.send(self._outgoing[: 1 << 18]) :]
        if readable:
            data = self._socket.recv(1 << 18)
            if not data:
                raise amqp.EndOfStream
            self._incoming += data
        return self._frames()

    def _frames(self):
        buffer, frames, position = self._incoming, [], 0
        unpack, end = _FRAME.unpack_from, len(self._incoming)
        while end - position >= 8:
            kind, _, size = unpack(buffer, position)
            if end - position < size + 8:
                break
            assert buffer[position + size + 7] == 0xCE
            frames.append((kind, position + 7, size))
            position += size + 8
        self._incoming = buffer[position:]
        return buffer, frames


def identifiers(buffer, start):
    return struct.unpack_from(">HH", buffer, start)


def refuse(buffer, kind, start, size):
    frame = amqp.Frame(kind, 0, bytes(buffer[start : start + size]))
    if frame.identifiers in (amqp.CHANNEL_CLOSE, amqp.CONNECTION_CLOSE):
        close = amqp.Close.read(frame)
        if close.code == 320:
            raise amqp.EndOfStream
        raise AssertionError(f"the broker closed: {close}")
    raise AssertionError(f"unexpected {frame!r}")


def sequence_of(body):
    return _SEQUENCE.unpack_from(body)[0]


class Encoder:
    """basic.publish with its content, for bodies of `body_size` octets; only the sequence number
    differs."""

    def __init__(self, exchange, routing_key, body_size, persistent):
        self.filling = bytes(index % 253 for index in range(body_size - _SEQUENCE.size))
        body = _SEQUENCE.pack(0) + self.filling
        self._template = amqp.publish(CHANNEL, exchange, routing_key, body, persistent)
        self._offset = len(self._template) - 1 - body_size

    def encode(self, sequences):
        stride, pack_into = len(self._template), _SEQUENCE.pack_into
        buffer = bytearray(self._template * len(sequences))
        offset = self._offset
        for sequence in sequences:
            pack_into(buffer, offset, sequence)
            offset += stride
        return buffer


class ConfirmedPublisher:
    """Publishes sequence numbers on one connection, at most `window` of them unconfirmed."""

    def __init__(self, broker, encoder, window=2000, batch=200):
        self.bulk = BulkConnection(broker)
        self.bulk.confirm_select()
        self.bulk.start_bulk()
        self._encoder = encoder
        self._window = window
        self._batch = batch
        self._next_tag = 1
        self.outstanding = OrderedDict()  # delivery tag -> sequence number

    def close(self):
        self.bulk.close()

    def publish(self, sequences, on_confirmed=lambda some: None, on_sending=lambda some: None):
        """Publishes them all and returns when all are confirmed.

        `on_sending` gets each part of `sequences` before it goes out, `on_confirmed` each list of
        new confirms.
        """
        position = 0
        while position < len(sequences) or self.outstanding or not self.bulk.idle:
            octets = None
            room = self._window - len(self.outstanding)
            if self.bulk.idle and room > 0 and position < len(sequences):
                batch = sequences[position : position + min(room, self._batch)]
                position += len(batch)
                on_sending(batch)
                octets = self._encoder.encode(batch)
                for sequence in batch:
                    self.outstanding[self._next_tag] = sequence
                    self._next_tag += 1
            buffer, frames = self.bulk.exchange(octets)
            confirmed = []
            for kind, start, size in frames:
                if kind != amqp.FRAME_METHOD or identifiers(buffer, start) != amqp.BASIC_ACK:
                    refuse(buffer, kind, start, size)
                self._settle(*_ACK.unpack_from(buffer, start + 4), confirmed)
            if confirmed:
                on_confirmed(confirmed)

    def _settle(self, tag, multiple, confirmed):
        assert tag in self.outstanding or multiple, f"confirm of {tag}, which is not outstanding"
        if multiple:
            while self.outstanding and next(iter(self.outstanding)) < tag:
                confirmed.append(self.outstanding.popitem(last=False)[1])
        if tag in self.outstanding:
            confirmed.append(self.outstanding.pop(tag))


def publish_unconfirmed(broker, encoder, first, count, batch=1000):
    """Publishes without confirms; returns when a synchronous method behind them is answered."""
    bulk = BulkConnection(broker)
    bulk.start_bulk()
    position = first
    while position < first + count or not bulk.idle:
        octets = None
        if bulk.idle:
            end = min(position + batch, first + count)
            octets = encoder.encode(range(position, end))
            position = end
        buffer, frames = bulk.exchange(octets)
        for frame in frames:
            refuse(buffer, *frame)
    bulk.exchange(amqp.method(CHANNEL, amqp.CHANNEL_CLOSE, b"\0" * 7))
    deadline = time.monotonic() + bulk.timeout
    while True:
        buffer, frames = bulk.exchange()
        if frames:
            assert identifiers(buffer, frames[0][1]) == amqp.CHANNEL_CLOSE_OK
            break
        assert time.monotonic() < deadline
    bulk.close()


def consume(broker, queue, count, filling, on_message, prefetch=4000):
    """Takes `count` messages with acks, calling `on_message(sequence, redelivered)` for each in
    order."""
    bulk = BulkConnection(broker)
    bulk.connection.send(amqp.basic_qos(CHANNEL, prefetch), amqp.basic_consume(CHANNEL, queue, "c"))
    bulk.connection.expect(CHANNEL, amqp.BASIC_QOS_OK)
    bulk.connection.expect(CHANNEL, amqp.BASIC_CONSUME_OK)
    bulk.start_bulk()
    acked = taken = 0
    redelivered = False
    body, remaining = bytearray(), None
    while True:
        if bulk.idle and (taken - acked >= prefetch // 4 or taken == count != acked):
            acked = taken
            buffer, frames = bulk.exchange(amqp.basic_ack(CHANNEL, acked, multiple=True))
        elif taken == count and bulk.idle:
            break
        else:
            buffer, frames = bulk.exchange()
        for kind, start, size in frames:
            if kind == amqp.FRAME_BODY:
                body += buffer[start : start + size]
            elif kind == amqp.FRAME_HEADER:
                (remaining,) = _SEQUENCE.unpack_from(buffer, start + 4)
            elif identifiers(buffer, start) == amqp.BASIC_DELIVER:
                tag_end = start + 4 + 1 + buffer[start + 4]
                (tag,) = _SEQUENCE.unpack_from(buffer, tag_end)
                assert tag == taken + 1, f"delivery tag {tag} after {taken}"
                redelivered = buffer[tag_end + 8] != 0
            else:
                refuse(buffer, kind, start, size)
            if remaining is not None and len(body) >= remaining:
                assert len(body) == remaining and body[8:] == filling, "a body is not as published"
                taken += 1
                on_message(_SEQUENCE.unpack_from(body)[0], redelivered)
                body, remaining = bytearray(), None
    # The last ack is done when a method behind it is answered.
    bulk.connection.socket.settimeout(bulk.timeout)
    bulk.connection._buffer = bytes(bulk._incoming)
    bulk.connection.send(amqp.method(CHANNEL, amqp.BASIC_CANCEL, amqp.short_string("c") + b"\0"))
    bulk.connection.expect(CHANNEL, (60, 31))
    bulk.connection.close_gracefully()
