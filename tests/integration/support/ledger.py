"""What must, may and must not be in a queue after a kill, written down while clients work.

A message is known by (publisher, sequence); sequences of one publisher rise. Clients' threads write
into a ledger before they send and again when they have an answer; after the restart the test checks
what came back against it.
"""


def body_of(identity):
    publisher, sequence = identity
    return f"{publisher}/{sequence}".encode()


def identity_of(body):
    publisher, _, sequence = body.decode().rpartition("/")
    return publisher, int(sequence)


class QueueLedger:
    """The messages of one queue that is published to, acked and requeued."""

    def __init__(self, name):
        self.name = name
        self.sent = set()  # published; whether they arrived is not known
        self.confirmed = set()
        self.acks_sent = set()  # acked; whether that was committed is not known
        self.gone = set()  # the ack is as safe as a confirm behind it, or a restart came without it

    def acks_are_safe(self, identities):
        self.gone.update(identities)

    def check_order(self, back):
        """Each message once, and the messages of each publisher in the order of publishing."""
        newest = {}
        for publisher, sequence in back:
            before = newest.get(publisher, -1)
            assert sequence > before, (
                f"{self.name}: {publisher}/{sequence} after {publisher}/{before}"
            )
            newest[publisher] = sequence
        return newest

    def check(self, back):
        """`back` is what the queue held after the restart, in its order."""
        newest = self.check_order(back)
        present = set(back)
        settled = self.acks_sent | self.gone
        lost = sorted(self.confirmed - settled - present)
        assert not lost, f"{self.name}: {len(lost)} confirmed messages lost: {lost[:10]}"
        wrong = sorted(present & self.gone)
        assert not wrong, f"{self.name}: {len(wrong)} settled messages are back: {wrong[:10]}"
        strange = sorted(present - self.sent)
        assert not strange, f"{self.name}: never published here: {strange[:10]}"
        holes = [one for one in self.sent - settled - present if one[1] < newest.get(one[0], -1)]
        assert not holes, f"{self.name}: missing before later ones: {sorted(holes)[:10]}"

    def restart_with(self, present):
        """What is there now is known; what is not there must never come back."""
        self.gone.update(self.sent - present)
        self.sent = set(present)
        self.confirmed = set(present)
        self.acks_sent = set()


class MoveLedger:
    """Transactions that take messages out of one queue and publish them to others."""

    def __init__(self, source):
        self.source = source  # QueueLedger of the queue that messages are taken from
        self.pending = []  # tuples of identities; the commit was sent
        self.committed = []  # … and answered

    def check(self, in_source, in_targets):
        source, targets = set(in_source), set(in_targets)
        assert len(targets) == len(in_targets), "a message was moved twice"
        both = sorted(source & targets)
        assert not both, f"in the source and in a target: {both[:10]}"
        for moved in self.committed:
            assert targets.issuperset(moved), f"a committed transaction is not there: {moved}"
        tried = set()
        for moved in self.committed + self.pending:
            there = targets.intersection(moved)
            assert not there or len(there) == len(moved), f"half of a transaction: {moved}: {there}"
            tried.update(moved)
        assert targets <= tried, f"moved without a commit: {sorted(targets - tried)[:10]}"
        lost = sorted(self.source.confirmed - self.source.gone - source - targets)
        assert not lost, f"in neither queue: {lost[:10]}, {self.fate(lost[0])}"
        wrong = sorted((source | targets) & self.source.gone)
        assert not wrong, f"settled messages are back: {wrong[:10]}"
        self.source.check_order(in_source)

    def fate(self, identity):
        if any(identity in moved for moved in self.committed):
            return "its transaction was committed"
        if any(identity in moved for moved in self.pending):
            return "the commit of its transaction was sent, not answered"
        return "no transaction had it"

    def restart_with(self, in_source):
        self.source.restart_with(set(in_source))
        self.pending = []
        self.committed = []


class DeadLetterLedger:
    """A queue whose messages go to another one when they are rejected or pushed out."""

    def __init__(self, source):
        self.source = source
        self.leaving = None  # rejected so far; None where any message may be pushed out

    def check(self, in_source, in_target):
        source, target = set(in_source), set(in_target)
        assert len(target) == len(in_target), f"{self.source.name}: dead-lettered twice"
        both = sorted(source & target)
        assert not both, f"{self.source.name}: in the source and in the target: {both[:10]}"
        lost = sorted(self.source.confirmed - self.source.gone - source - target)
        assert not lost, f"{self.source.name}: in neither source nor target: {lost[:10]}"
        if self.leaving is not None:
            early = sorted(target - self.leaving)
            assert not early, f"{self.source.name}: dead-lettered, never rejected: {early[:10]}"
        strange = sorted((source | target) - self.source.sent)
        assert not strange, f"{self.source.name}: never published here: {strange[:10]}"
        wrong = sorted((source | target) & self.source.gone)
        assert not wrong, f"{self.source.name}: settled messages are back: {wrong[:10]}"
        self.source.check_order(in_source)

    def restart_with(self, in_source):
        self.source.restart_with(set(in_source))
        if self.leaving is not None:
            self.leaving = set()
