"""pika's callback connections (SelectConnection, AsyncioConnection), driven from a test's thread.

The connection's loop runs in a thread of its own. What the test asks for is run there, and what
pika reports
there becomes an item of a queue that the test takes from, each time with a bound.
"""

import asyncio
import queue
import threading
from concurrent.futures import Future

from pika.adapters.asyncio_connection import AsyncioConnection

TIMEOUT_S = 20


class CallbackSession:
    """One connection of class `connection_class` and one channel on it."""

    def __init__(self, connection_class, parameters):
        self._connection_class = connection_class
        self._parameters = parameters
        self._opened = Future()
        self.connection = None
        self.channel = None
        self.connection_closed = Future()
        self.channel_closed = Future()
        self.confirmations = queue.Queue()
        self.returns = queue.Queue()
        self.deliveries = queue.Queue()
        self.cancellations = queue.Queue()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._opened.result(TIMEOUT_S)

    def _run(self):
        if self._connection_class is AsyncioConnection:
            asyncio.set_event_loop(asyncio.new_event_loop())
        self.connection = self._connection_class(
            self._parameters,
            on_open_callback=self._on_open,
            on_open_error_callback=lambda _, error: self._opened.set_exception(error),
            on_close_callback=self._on_close,
        )
        loop = self.connection.ioloop
        if self._connection_class is AsyncioConnection:
            loop.run_forever()
            # What pika left to be done, such as closing its socket, is done before the loop ends.
            loop.run_until_complete(asyncio.sleep(0))
            loop.close()
        else:
            loop.start()

    def _on_open(self, connection):
        connection.channel(on_open_callback=self._on_channel_open)

    def _on_channel_open(self, channel):
        self.channel = channel
        channel.add_on_close_callback(lambda _, reason: self.channel_closed.set_result(reason))
        channel.add_on_return_callback(lambda _, *message: self.returns.put(message))
        channel.add_on_cancel_callback(self.cancellations.put)
        self._opened.set_result(None)

    def _on_close(self, connection, reason):
        self.connection_closed.set_result(reason)
        connection.ioloop.stop()

    def run(self, function):
        """Runs `function` in the connection's thread and returns its result."""
        done = Future()

        def call():
            try:
                done.set_result(function())
            except Exception as error:  # pylint: disable=broad-except; handed to the test's thread
                done.set_exception(error)

        loop = self.connection.ioloop
        if isinstance(self.connection, AsyncioConnection):
            loop.call_soon_threadsafe(call)
        else:
            loop.add_callback_threadsafe(call)
        return done.result(TIMEOUT_S)

    def ask(self, method, *arguments, **options):
        """Calls `channel.method(…, callback=…)` and returns the frame it is answered with."""
        answer = Future()
        self.run(
            lambda: getattr(self.channel, method)(*arguments, callback=answer.set_result, **options)
        )
        return answer.result(TIMEOUT_S)

    def confirm_delivery(self):
        """Confirm mode; each basic.ack and basic.nack comes as (kind, tag, multiple) in
        `confirmations`."""
        selected = Future()

        def on_confirmation(frame):
            kind = "ack" if frame.method.NAME == "Basic.Ack" else "nack"
            self.confirmations.put((kind, frame.method.delivery_tag, frame.method.multiple))

        self.run(
            lambda: self.channel.confirm_delivery(on_confirmation, callback=selected.set_result)
        )
        selected.result(TIMEOUT_S)

    def publish(self, *arguments, **options):
        self.run(lambda: self.channel.basic_publish(*arguments, **options))

    def consume(self, name, **options):
        """Starts a consumer; each message comes as (method, properties, body) in `deliveries`."""
        return self.ask(
            "basic_consume", name, lambda _, *message: self.deliveries.put(message), **options
        )

    def confirmed(self, outstanding):
        """Takes confirmations until all tags of the set are acked; returns how many frames that
        took."""
        frames = 0
        while outstanding:
            kind, tag, multiple = self.confirmations.get(timeout=TIMEOUT_S)
            assert kind == "ack", f"basic.nack of {tag}"
            frames += 1
            settled = {one for one in outstanding if one == tag or (multiple and one < tag)}
            assert settled, f"basic.ack of {tag} (multiple={multiple}) that confirms nothing"
            outstanding -= settled
        return frames

    def close(self):
        """Closes the connection and returns the reason that pika reports."""
        if not self.connection_closed.done():
            self.run(self.connection.close)
        reason = self.connection_closed.result(TIMEOUT_S)
        self._thread.join(TIMEOUT_S)
        assert not self._thread.is_alive()
        return reason
