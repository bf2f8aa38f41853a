"""AMQP 0-9-1 on a raw socket: an encoder and decoder of the tests' own, so that they can also be
wrong on purpose."""

import contextlib
import socket
import struct
from dataclasses import dataclass

HEADER = b"AMQP\x00\x00\x09\x01"
FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT = 1, 2, 3, 8
FRAME_END = b"\xce"

CONNECTION_START, CONNECTION_START_OK = (10, 10), (10, 11)
CONNECTION_TUNE, CONNECTION_TUNE_OK = (10, 30), (10, 31)
CONNECTION_OPEN, CONNECTION_OPEN_OK = (10, 40), (10, 41)
CONNECTION_CLOSE, CONNECTION_CLOSE_OK = (10, 50), (10, 51)
CHANNEL_OPEN, CHANNEL_OPEN_OK = (20, 10), (20, 11)
CHANNEL_FLOW, CHANNEL_FLOW_OK = (20, 20), (20, 21)
CHANNEL_CLOSE, CHANNEL_CLOSE_OK = (20, 40), (20, 41)
EXCHANGE_DECLARE, EXCHANGE_DECLARE_OK = (40, 10), (40, 11)
EXCHANGE_DELETE, EXCHANGE_DELETE_OK = (40, 20), (40, 21)
EXCHANGE_BIND, EXCHANGE_BIND_OK = (40, 30), (40, 31)
QUEUE_DECLARE, QUEUE_DECLARE_OK = (50, 10), (50, 11)
QUEUE_BIND, QUEUE_BIND_OK = (50, 20), (50, 21)
QUEUE_PURGE, QUEUE_PURGE_OK = (50, 30), (50, 31)
QUEUE_DELETE, QUEUE_DELETE_OK = (50, 40), (50, 41)
BASIC_QOS, BASIC_QOS_OK = (60, 10), (60, 11)
BASIC_CONSUME, BASIC_CONSUME_OK = (60, 20), (60, 21)
BASIC_CANCEL = (60, 30)
BASIC_PUBLISH, BASIC_RETURN, BASIC_DELIVER = (60, 40), (60, 50), (60, 60)
BASIC_GET, BASIC_GET_OK, BASIC_GET_EMPTY = (60, 70), (60, 71), (60, 72)
BASIC_ACK, BASIC_REJECT, BASIC_NACK = (60, 80), (60, 90), (60, 120)
BASIC_RECOVER, BASIC_RECOVER_OK = (60, 110), (60, 111)
CONFIRM_SELECT, CONFIRM_SELECT_OK = (85, 10), (85, 11)
TX_SELECT, TX_SELECT_OK = (90, 10), (90, 11)
TX_COMMIT, TX_COMMIT_OK = (90, 20), (90, 21)


def short_string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">B", len(data)) + data


def long_string(text):
    data = text.encode() if isinstance(text, str) else text
    return struct.pack(">I", len(data)) + data


def field_value(value):
    """A field table's value with its type octet: bool, int, str, bytes, dict, list, None."""
    if value is None:
        return b"V"
    if isinstance(value, bool):
        return b"t" + (b"\x01" if value else b"\x00")
    if isinstance(value, int):
        return b"I" + struct.pack(">i", value)
    if isinstance(value, (str, bytes)):
        return b"S" + long_string(value)
    if isinstance(value, dict):
        return b"F" + table(value)
    if isinstance(value, list):
        data = b"".join(field_value(item) for item in value)
        return b"A" + struct.pack(">I", len(data)) + data
    raise TypeError(f"no field type for {value!r}")


def table(values=None):
    data = b"".join(short_string(key) + field_value(value) for key, value in (values or {}).items())
    return struct.pack(">I", len(data)) + data


def bits(*flags):
    return struct.pack(">B", sum(1 << index for index, flag in enumerate(flags) if flag))


def frame(kind, channel, payload):
    return struct.pack(">BHI", kind, channel, len(payload)) + payload + FRAME_END


def method(channel, identifiers, arguments=b""):
    return frame(FRAME_METHOD, channel, struct.pack(">HH", *identifiers) + arguments)


def content_header(channel, body_size, flags=0, properties=b"", class_id=60, weight=0):
    return frame(
        FRAME_HEADER, channel, struct.pack(">HHQH", class_id, weight, body_size, flags) + properties
    )


def body(channel, data):
    return frame(FRAME_BODY, channel, data)


def publish(
    channel,
    exchange,
    routing_key,
    data,
    persistent=False,
    mandatory=False,
    immediate=False,
    headers=None,
):
    """The frames of one basic.publish whose body fits into one frame."""
    flags, properties = (0x1000, b"\x02") if persistent else (0, b"")
    if headers is not None:
        flags, properties = flags | 0x2000, table(headers) + properties
    return (
        method(
            channel,
            BASIC_PUBLISH,
            b"\x00\x00"
            + short_string(exchange)
            + short_string(routing_key)
            + bits(mandatory, immediate),
        )
        + content_header(channel, len(data), flags, properties)
        + (body(channel, data) if data else b"")
    )


def queue_declare(
    channel,
    name,
    passive=False,
    durable=False,
    exclusive=False,
    auto_delete=False,
    no_wait=False,
    arguments=None,
):
    flags = bits(passive, durable, exclusive, auto_delete, no_wait)
    return method(
        channel, QUEUE_DECLARE, b"\x00\x00" + short_string(name) + flags + table(arguments)
    )


def exchange_declare(
    channel,
    name,
    kind="direct",
    passive=False,
    durable=False,
    auto_delete=False,
    internal=False,
    arguments=None,
):
    flags = bits(passive, durable, auto_delete, internal, False)
    return method(
        channel,
        EXCHANGE_DECLARE,
        b"\x00\x00" + short_string(name) + short_string(kind) + flags + table(arguments),
    )


def exchange_delete(channel, name, if_unused=False):
    return method(
        channel, EXCHANGE_DELETE, b"\x00\x00" + short_string(name) + bits(if_unused, False)
    )


def queue_bind(channel, queue, exchange, routing_key="", arguments=None):
    return method(
        channel,
        QUEUE_BIND,
        b"\x00\x00"
        + short_string(queue)
        + short_string(exchange)
        + short_string(routing_key)
        + b"\x00"
        + table(arguments),
    )


def queue_purge(channel, name):
    return method(channel, QUEUE_PURGE, b"\x00\x00" + short_string(name) + b"\x00")


def queue_delete(channel, name, if_unused=False, if_empty=False):
    return method(
        channel, QUEUE_DELETE, b"\x00\x00" + short_string(name) + bits(if_unused, if_empty, False)
    )


def basic_qos(channel, prefetch_count, is_global=False, prefetch_size=0):
    return method(
        channel, BASIC_QOS, struct.pack(">IHB", prefetch_size, prefetch_count, int(is_global))
    )


def basic_consume(channel, queue, tag="", no_ack=False, exclusive=False, arguments=None):
    return method(
        channel,
        BASIC_CONSUME,
        b"\x00\x00"
        + short_string(queue)
        + short_string(tag)
        + bits(False, no_ack, exclusive, False)
        + table(arguments),
    )


def basic_get(channel, queue, no_ack=False):
    return method(channel, BASIC_GET, b"\x00\x00" + short_string(queue) + bits(no_ack))


def basic_ack(channel, tag, multiple=False):
    return method(channel, BASIC_ACK, struct.pack(">QB", tag, int(multiple)))


@dataclass
class Frame:
    kind: int
    channel: int
    payload: bytes

    @property
    def identifiers(self):
        """(class, method) of a method frame, else None."""
        return struct.unpack_from(">HH", self.payload) if self.kind == FRAME_METHOD else None

    @property
    def arguments(self):
        return Reader(self.payload, 4)

    def __repr__(self):
        what = f"method {self.identifiers}" if self.kind == FRAME_METHOD else f"type {self.kind}"
        return f"<{what} on channel {self.channel}: {self.payload!r}>"


class Reader:
    """Reads the arguments of a method one after another."""

    def __init__(self, data, offset=0):
        self.data = data
        self.offset = offset

    def _unpack(self, layout):
        (value,) = struct.unpack_from(layout, self.data, self.offset)
        self.offset += struct.calcsize(layout)
        return value

    def octet(self):
        return self._unpack(">B")

    def short(self):
        return self._unpack(">H")

    def long(self):
        return self._unpack(">I")

    def long_long(self):
        return self._unpack(">Q")

    def _bytes(self, length):
        data = self.data[self.offset : self.offset + length]
        assert len(data) == length, f"string of {length} octets ends outside of {self.data!r}"
        self.offset += length
        return data

    def short_string(self):
        return self._bytes(self.octet()).decode()

    def long_string(self):
        return self._bytes(self.long())

    def table(self):
        end = self.long() + self.offset
        result = {}
        while self.offset < end:
            key = self.short_string()
            result[key] = self.value()
        assert self.offset == end, "table longer than its length"
        return result

    def value(self):
        kind = self._bytes(1)
        readers = {
            b"t": lambda: self.octet() != 0,
            b"b": lambda: self._unpack(">b"),
            b"B": self.octet,
            b"s": lambda: self._unpack(">h"),
            b"u": self.short,
            b"I": lambda: self._unpack(">i"),
            b"i": self.long,
            b"l": lambda: self._unpack(">q"),
            b"f": lambda: self._unpack(">f"),
            b"d": lambda: self._unpack(">d"),
            b"T": self.long_long,
            b"S": self.long_string,
            b"x": self.long_string,
            b"F": self.table,
            b"V": lambda: None,
            b"A": self._array,
        }
        return readers[kind]()

    def _array(self):
        end = self.long() + self.offset
        result = []
        while self.offset < end:
            result.append(self.value())
        return result


@dataclass
class Close:
    """connection.close or channel.close as it came."""

    code: int
    text: str
    class_id: int
    method_id: int

    @staticmethod
    def read(frame_):
        reader = frame_.arguments
        return Close(reader.short(), reader.short_string(), reader.short(), reader.short())


class EndOfStream(Exception):
    """The peer closed its side of the socket."""


class WireConnection:
    """One socket to the broker. Every read is bounded by `timeout` seconds."""

    def __init__(self, host, port, timeout=15.0):
        self.timeout = timeout
        self.socket = socket.create_connection((host, port), timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._buffer = b""
        self.server_properties = None

    def close(self):
        self.socket.close()

    # Octets and frames.

    def send(self, *parts):
        self.socket.sendall(b"".join(parts))

    def _fill(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise EndOfStream
        self._buffer += data

    def read_octets(self, count):
        while len(self._buffer) < count:
            self._fill()
        data, self._buffer = self._buffer[:count], self._buffer[count:]
        return data

    def read_frame(self):
        """The next frame, heartbeats included."""
        kind, channel, size = struct.unpack(">BHI", self.read_octets(7))
        data = self.read_octets(size + 1)
        assert data[-1:] == FRAME_END, f"frame of type {kind} ends with {data[-1:]!r}"
        return Frame(kind, channel, data[:-1])

    def read_frame_but_heartbeats(self):
        while True:
            result = self.read_frame()
            if result.kind != FRAME_HEARTBEAT:
                return result

    def expect(self, channel, *identifiers):
        """The next frame must be one of these methods on this channel; returns it."""
        result = self.read_frame_but_heartbeats()
        found = result.channel == channel and result.identifiers in identifiers
        if not found and result.identifiers in (CONNECTION_CLOSE, CHANNEL_CLOSE):
            raise AssertionError(f"waited for {identifiers} on {channel}: {Close.read(result)}")
        assert found, f"waited for {identifiers} on channel {channel}, got {result!r}"
        return result

    def expect_connection_close(self):
        """Takes connection.close, answers it and waits for the end of the socket."""
        close = Close.read(self.expect(0, CONNECTION_CLOSE))
        # A broker that is about to end does not wait for the answer for ever.
        with contextlib.suppress(ConnectionError):
            self.send(method(0, CONNECTION_CLOSE_OK))
        self.expect_end()
        return close

    def expect_channel_close(self, channel):
        """Takes channel.close and answers it."""
        close = Close.read(self.expect(channel, CHANNEL_CLOSE))
        self.send(method(channel, CHANNEL_CLOSE_OK))
        return close

    def expect_end(self):
        """The broker closes the socket, without another frame but heartbeats."""
        try:
            frame_ = self.read_frame_but_heartbeats()
        except (EndOfStream, ConnectionResetError):
            assert self._buffer == b"", f"the stream ends inside of a frame: {self._buffer!r}"
            return
        raise AssertionError(f"waited for the end of the socket, got {frame_!r}")

    # The handshake, as a whole and in steps.

    def start(self):
        """Sends the protocol header, takes connection.start."""
        self.send(HEADER)
        reader = self.expect(0, CONNECTION_START).arguments
        assert (reader.octet(), reader.octet()) == (0, 9)
        self.server_properties = reader.table()
        self.mechanisms = reader.long_string().decode().split()
        self.locales = reader.long_string().decode().split()
        return self

    def start_ok(
        self, mechanism="PLAIN", response=b"\0guest\0guest", capabilities=None, **properties
    ):
        if capabilities is not None:
            properties["capabilities"] = capabilities
        self.send(
            method(
                0,
                CONNECTION_START_OK,
                table(properties)
                + short_string(mechanism)
                + long_string(response)
                + short_string("en_US"),
            )
        )

    def tune(self):
        """Takes connection.tune: (channel_max, frame_max, heartbeat)."""
        reader = self.expect(0, CONNECTION_TUNE).arguments
        return reader.short(), reader.long(), reader.short()

    def tune_ok(self, channel_max=2047, frame_max=131072, heartbeat=0):
        self.send(
            method(0, CONNECTION_TUNE_OK, struct.pack(">HIH", channel_max, frame_max, heartbeat))
        )

    def open_vhost(self, vhost="/"):
        self.send(method(0, CONNECTION_OPEN, short_string(vhost) + short_string("") + b"\x00"))

    def handshake(self, capabilities=None, channel_max=2047, frame_max=131072, heartbeat=0):
        """Everything up to connection.open-ok as guest on vhost /."""
        self.start()
        self.start_ok(capabilities=capabilities)
        self.tune()
        self.tune_ok(channel_max, frame_max, heartbeat)
        self.open_vhost()
        self.expect(0, CONNECTION_OPEN_OK)
        return self

    def open_channel(self, channel=1):
        self.send(method(channel, CHANNEL_OPEN, short_string("")))
        self.expect(channel, CHANNEL_OPEN_OK)
        return channel

    def declare_queue(self, channel, name="", **options):
        """Returns (name, message count, consumer count)."""
        self.send(queue_declare(channel, name, **options))
        reader = self.expect(channel, QUEUE_DECLARE_OK).arguments
        return reader.short_string(), reader.long(), reader.long()

    def close_gracefully(self):
        self.send(
            method(0, CONNECTION_CLOSE, struct.pack(">H", 200) + short_string("bye") + b"\0\0\0\0")
        )
        while self.read_frame().identifiers != CONNECTION_CLOSE_OK:
            pass
        self.socket.close()
