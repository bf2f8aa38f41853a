"""Clients that work until their broker is killed, and write what they did into a ledger."""

import itertools
import random
import threading

import pika

from support import bulk, ledger
from support import wire as amqp

PERSISTENT = pika.BasicProperties(delivery_mode=2)
INACTIVITY_S = 20
_CUT = (pika.exceptions.AMQPError, OSError, amqp.EndOfStream)


class Client(threading.Thread):
    """One connection. `work(channel)` ends when the connection breaks; that is expected."""

    def __init__(self, broker, seed):
        super().__init__(daemon=True)
        self.broker = broker
        self.random = random.Random(seed)
        self.done = 0  # whole steps, for the test to wait for
        self.failure = None

    def run(self):
        try:
            connection = pika.BlockingConnection(self.broker.parameters())
            self.work(connection.channel())
        except _CUT as error:
            # A broker that closes channels or connections with an error has not been killed.
            if isinstance(error, pika.exceptions.ChannelClosedByBroker):
                self.failure = repr(error)
        except BaseException as error:  # pylint: disable=broad-except; the test's thread raises it
            self.failure = repr(error)

    def work(self, channel):
        raise NotImplementedError


class Publisher(Client):
    """Waits for the confirm of each message; uses its queues in a random order."""

    def __init__(self, broker, seed, name, sequences, ledgers):
        super().__init__(broker, seed)
        self.name = name
        self.sequences = sequences  # an iterator that outlives the kill
        self.ledgers = ledgers

    def work(self, channel):
        channel.confirm_delivery()
        while True:
            queue = self.random.choice(self.ledgers)
            publish_confirmed(channel, queue, (self.name, next(self.sequences)))
            self.done += 1


def publish_confirmed(channel, queue, identity):
    queue.sent.add(identity)
    channel.basic_publish("", queue.name, ledger.body_of(identity), PERSISTENT)
    queue.confirmed.add(identity)


class WindowPublisher(Client):
    """Keeps hundreds of messages unconfirmed, so that a kill finds some at every stage."""

    def __init__(self, broker, seed, sequences, queue):
        super().__init__(broker, seed)
        self.sequences = sequences
        self.queue = queue

    def run(self):
        try:
            encoder = bulk.Encoder("", self.queue.name, 300, persistent=True)
            publisher = bulk.ConfirmedPublisher(self.broker, encoder, window=400, batch=20)
            while True:
                part = list(itertools.islice(self.sequences, 1000))
                publisher.publish(part, self._on_confirmed, self._on_sending)
        except _CUT:
            pass
        except BaseException as error:  # pylint: disable=broad-except; the test's thread raises it
            self.failure = repr(error)

    def _on_sending(self, sequences):
        self.queue.sent.update(("window", sequence) for sequence in sequences)

    def _on_confirmed(self, sequences):
        self.queue.confirmed.update(("window", sequence) for sequence in sequences)
        self.done += len(sequences)


class Acker(Client):
    """Acks what it gets, one by one or several at once, gives some back, and publishes a marker
    now and then: when that is confirmed, the acks before it are safe."""

    def __init__(self, broker, seed, name, sequences, queue, requeue_share=0.0):
        super().__init__(broker, seed)
        self.name = name
        self.sequences = sequences
        self.queue = queue
        self.requeue_share = requeue_share

    def work(self, channel):
        channel.confirm_delivery()
        channel.basic_qos(prefetch_count=20)
        waiting, acked = {}, []
        for method, _, body in channel.consume(self.queue.name, inactivity_timeout=INACTIVITY_S):
            if method is None:
                continue
            waiting[method.delivery_tag] = ledger.identity_of(body)
            if len(waiting) < 10:
                continue
            acked += self.settle(channel, waiting)
            if len(acked) >= 20:
                publish_confirmed(channel, self.queue, (self.name, next(self.sequences)))
                self.queue.acks_are_safe(acked)
                acked = []
                self.done += 1

    def settle(self, channel, waiting):
        """Gives back some, acks half of the rest with `multiple`, the others by themselves in any
        order; returns what was acked."""
        returned = [tag for tag in waiting if self.random.random() < self.requeue_share]
        for tag in returned:
            del waiting[tag]
            channel.basic_nack(tag, requeue=True)
        tags = sorted(waiting)
        acked = [waiting[tag] for tag in tags]
        self.queue.acks_sent.update(acked)
        half = len(tags) // 2
        if half:
            channel.basic_ack(tags[half - 1], multiple=True)
        rest = tags[half:]
        self.random.shuffle(rest)
        for tag in rest:
            channel.basic_ack(tag)
        waiting.clear()
        return acked


class Mover(Client):
    """Transactions that take one to five messages and publish them to two other queues."""

    def __init__(self, broker, seed, moves, targets):
        super().__init__(broker, seed)
        self.moves = moves
        self.targets = targets

    def work(self, channel):
        channel.tx_select()
        channel.basic_qos(prefetch_count=10)
        taken, wanted = [], 1
        for method, _, body in channel.consume(
            self.moves.source.name, inactivity_timeout=INACTIVITY_S
        ):
            if method is None:
                continue
            taken.append((method.delivery_tag, ledger.identity_of(body)))
            if len(taken) < wanted:
                continue
            for number, (tag, identity) in enumerate(taken):
                target = self.targets[number % len(self.targets)]
                channel.basic_publish("", target, ledger.body_of(identity), PERSISTENT)
                channel.basic_ack(tag)
            moved = tuple(identity for _, identity in taken)
            self.moves.pending.append(moved)
            channel.tx_commit()
            self.moves.committed.append(moved)
            self.done += 1
            taken, wanted = [], self.random.randint(1, 5)


class Rejecter(Client):
    """Rejects every message, so that the broker dead-letters it."""

    def __init__(self, broker, seed, letters):
        super().__init__(broker, seed)
        self.letters = letters

    def work(self, channel):
        channel.basic_qos(prefetch_count=5)
        for method, _, body in channel.consume(
            self.letters.source.name, inactivity_timeout=INACTIVITY_S
        ):
            if method is None:
                continue
            self.letters.leaving.add(ledger.identity_of(body))
            channel.basic_reject(method.delivery_tag, requeue=False)
            self.done += 1
