"""`kill -9` in the middle of all kinds of work, again and again, also while the broker recovers.

LEPUS_KILL_ROUNDS is how many rounds there are (10). Rounds follow each other on the same data: what
one leaves behind is there in the next. LEPUS_KILL_SEED repeats a failed run's choices, though not
its timing.
"""

import itertools
import os
import random
import time

import pika
import pytest

from support import kill_clients, ledger
from support.bulk import sequence_of
from support.consuming import message_count, take
from support.waiting import wait_until

# Taken out of the environment, since the broker takes LEPUS_… for its own settings.
ROUNDS = int(os.environ.pop("LEPUS_KILL_ROUNDS", 10))
SEED = int(os.environ.pop("LEPUS_KILL_SEED", 20261121))
PLAIN = ("acked", "returned", "filled")
TARGETS = ("moved 0", "moved 1")
CHECKER = "checker"
PUBLISHERS = (kill_clients.Publisher, kill_clients.WindowPublisher)


def without_markers(tags):
    return [identity for identity in tags.values() if identity[0] != CHECKER]


class Rounds:
    """The broker, the ledgers of its queues, and one round of work, kill, restart and check."""

    def __init__(self, broker):
        self.broker = broker
        self.random = random.Random(SEED)
        self.plain = {name: ledger.QueueLedger(name) for name in PLAIN}
        self.window = ledger.QueueLedger("window")
        self.moves = ledger.MoveLedger(ledger.QueueLedger("to move"))
        self.rejected = ledger.DeadLetterLedger(ledger.QueueLedger("to reject"))
        self.rejected.leaving = set()
        self.pushed_out = ledger.DeadLetterLedger(ledger.QueueLedger("overflowing"))
        self.sequences = {}
        self.ready_s = 1.0

    def declare(self):
        connection = pika.BlockingConnection(self.broker.parameters())
        channel = connection.channel()
        channel.exchange_declare("dead letters", "direct", durable=True)
        sources = {
            "to reject": {"x-dead-letter-routing-key": "rejected"},
            "overflowing": {"x-dead-letter-routing-key": "pushed out", "x-max-length": 20},
        }
        for name in (*PLAIN, *TARGETS, "window", "to move", "rejected", "pushed out"):
            channel.queue_declare(name, durable=True)
        for name, arguments in sources.items():
            arguments = {"x-dead-letter-exchange": "dead letters", **arguments}
            channel.queue_declare(name, durable=True, arguments=arguments)
        for name in ("rejected", "pushed out"):
            channel.queue_bind(name, "dead letters", name)
        connection.close()

    def numbers(self, name):
        return self.sequences.setdefault(name, itertools.count())

    def clients(self):
        def seed():
            return self.random.getrandbits(32)

        def publisher(name, *ledgers):
            return kill_clients.Publisher(self.broker, seed(), name, self.numbers(name), ledgers)

        def acker(name, queue, **options):
            numbers = self.numbers(name)
            return kill_clients.Acker(self.broker, seed(), name, numbers, queue, **options)

        acked, returned, filled = self.plain.values()
        return [
            publisher("a", acked, returned, filled),
            publisher("b", returned, acked),
            publisher("c", self.moves.source),
            publisher("d", self.rejected.source, self.pushed_out.source),
            kill_clients.WindowPublisher(
                self.broker, seed(), self.numbers("window"), self.window
            ),
            acker("acker", acked),
            acker("returner", returned, requeue_share=0.4),
            kill_clients.Mover(self.broker, seed(), self.moves, TARGETS),
            kill_clients.Rejecter(self.broker, seed(), self.rejected),
        ]

    def run(self, kills_while_recovering):
        clients = self.clients()
        for client in clients:
            client.start()
        enough = self.random.randint(10, 60)

        def working():
            failures = [client.failure for client in clients if client.failure]
            assert not failures, failures
            # Markers need twenty acks each; whoever has done one has been at work.
            publishers = [client for client in clients if isinstance(client, PUBLISHERS)]
            return all(client.done for client in clients) and all(
                client.done >= enough for client in publishers
            )

        wait_until(working, "all clients have done something", timeout=60, interval=0.005)
        self.broker.kill()
        for client in clients:
            client.join(30)
            assert not client.is_alive(), f"{client} did not notice the kill"
            assert not client.failure, client.failure
        for _ in range(kills_while_recovering):
            self.kill_while_recovering()
        before = time.monotonic()
        self.broker.start()
        self.ready_s = time.monotonic() - before
        self.check()

    def kill_while_recovering(self):
        self.broker.launch()
        if self.random.random() < 0.25:
            self.broker.wait_until_ready()
        else:
            # No event to wait for: any moment between the start and a little after `ready`.
            time.sleep(self.random.uniform(0, 1.1) * self.ready_s)
        self.broker.kill()

    def check(self):
        connection = pika.BlockingConnection(self.broker.parameters())
        back = {}
        channel = connection.channel()
        channel.confirm_delivery()
        for name in (*PLAIN, *TARGETS, "window", "to move", "to reject", "rejected",
                     "overflowing", "pushed out"):  # fmt: skip
            back[name] = self.take_all(channel, name)
        for queue in self.plain.values():
            queue.check(list(back[queue.name].values()))
        self.window.check(list(back["window"].values()))
        in_targets = [one for name in TARGETS for one in without_markers(back[name])]
        self.moves.check(list(back["to move"].values()), in_targets)
        for letters, target in ((self.rejected, "rejected"), (self.pushed_out, "pushed out")):
            in_source = list(back[letters.source.name].values())
            letters.check(in_source, without_markers(back[target]))
        self.settle(channel, back)
        connection.close()

    @staticmethod
    def take_all(channel, name):
        """{delivery tag: identity} of all messages, in the queue's order, left unacked."""
        count = message_count(channel, name)
        messages = take(channel, name, count, auto_ack=False) if count else []
        if name == "window":
            return {method.delivery_tag: (name, sequence_of(body)) for method, _, body in messages}
        return {method.delivery_tag: ledger.identity_of(body) for method, _, body in messages}

    def settle(self, channel, back):
        """Acks about half of the plain queues' messages and all others, as clients do; the ledgers
        then know what is there."""
        for queue in (*self.plain.values(), self.window):
            tags = back[queue.name]
            queue.restart_with(set(tags.values()))
            share = 1.0 if queue is self.window else 0.5
            acked = {tag: one for tag, one in tags.items() if self.random.random() < share}
            queue.acks_sent.update(acked.values())
            for tag in acked:
                channel.basic_ack(tag)
            if queue is not self.window:
                marker = (CHECKER, next(self.numbers(CHECKER)))
                kill_clients.publish_confirmed(channel, queue, marker)
                queue.acks_are_safe(acked.values())
        for name in (*TARGETS, "rejected", "pushed out"):
            for tag in back[name]:
                channel.basic_ack(tag)
            # Confirmed, so none of what was acked here may come back with the next round's.
            marker = ledger.body_of((CHECKER, next(self.numbers(CHECKER))))
            channel.basic_publish("", name, marker, kill_clients.PERSISTENT)
        self.moves.restart_with(back["to move"].values())
        self.rejected.restart_with(back["to reject"].values())
        self.pushed_out.restart_with(back["overflowing"].values())


@pytest.mark.timeout(60 + 30 * ROUNDS)
def test_every_promise_holds_after_every_kill(private_broker):
    """A quarter of the rounds, the second first, kill once or twice more during the recovery."""
    rounds = Rounds(private_broker("--shards", "2"))
    rounds.declare()
    for number in range(ROUNDS):
        rounds.run(rounds.random.randint(1, 2) if number % 4 == 1 else 0)


ONE, TWO, THREE = (("p", number) for number in range(3))


@pytest.mark.parametrize(
    ("acked", "back", "complaint"),
    [
        ([], [ONE, TWO], None),
        ([], [ONE, TWO, THREE], None),  # THREE was not confirmed: either is right.
        ([], [ONE], "confirmed messages lost"),
        ([], [TWO, ONE], "p/0 after p/1"),
        ([], [ONE, TWO, TWO], "p/1 after p/1"),
        ([ONE], [ONE, TWO], "settled messages are back"),
        ([ONE], [TWO], None),
        ([], [ONE, TWO, ("q", 0)], "never published"),
    ],
)
def test_the_ledger_of_a_queue_notices(acked, back, complaint):
    queue = ledger.QueueLedger("queue")
    queue.sent.update([ONE, TWO, THREE])
    queue.confirmed.update([ONE, TWO])
    queue.acks_are_safe(acked)
    assert_complaint(complaint, lambda: queue.check(back))


@pytest.mark.parametrize(
    ("in_source", "in_target", "complaint"),
    [
        ([THREE], [ONE, TWO], None),
        ([ONE, THREE], [TWO], "half of a transaction"),
        ([ONE, TWO, THREE], [], None),
        ([ONE, TWO, THREE], [ONE, TWO], "in the source and in a target"),
        ([THREE], [], "in neither queue"),
        ([], [ONE, TWO, THREE], "moved without a commit"),
        ([THREE], [ONE, TWO, TWO], "moved twice"),
    ],
)
def test_the_ledger_of_transactions_notices(in_source, in_target, complaint):
    source = ledger.QueueLedger("source")
    source.sent.update([ONE, TWO, THREE])
    source.confirmed.update([ONE, TWO, THREE])
    moves = ledger.MoveLedger(source)
    moves.pending.append((ONE, TWO))
    assert_complaint(complaint, lambda: moves.check(in_source, in_target))


def test_the_ledger_misses_a_committed_transaction():
    source = ledger.QueueLedger("source")
    source.sent.add(ONE)
    moves = ledger.MoveLedger(source)
    moves.committed.append((ONE,))
    assert_complaint("a committed transaction is not there", lambda: moves.check([ONE], []))


@pytest.mark.parametrize(
    ("in_source", "in_target", "complaint"),
    [
        ([TWO], [ONE], None),
        ([ONE, TWO], [], None),
        ([ONE, TWO], [ONE], "in the source and in the target"),
        ([TWO], [], "in neither"),
        ([TWO], [ONE, ONE], "dead-lettered twice"),
        ([ONE], [TWO], "never rejected"),
    ],
)
def test_the_ledger_of_dead_letters_notices(in_source, in_target, complaint):
    source = ledger.QueueLedger("source")
    source.sent.update([ONE, TWO])
    source.confirmed.update([ONE, TWO])
    letters = ledger.DeadLetterLedger(source)
    letters.leaving = {ONE}
    assert_complaint(complaint, lambda: letters.check(in_source, in_target))


def assert_complaint(complaint, check):
    if complaint is None:
        check()
        return
    with pytest.raises(AssertionError, match=complaint):
        check()
