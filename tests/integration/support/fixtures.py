"""Fixtures of the integration tests: brokers, connections, child processes, names that are cleaned
up."""

import os
import re
import shutil
import uuid
from pathlib import Path

import pika
import pytest

from support.broker import REPOSITORY, Broker, ExternalBroker
from support.management import Management
from support.program import python_program
from support.wire import WireConnection

WORK = Path(os.environ.get("LEPUS_TEST_DIRECTORY", REPOSITORY / "build/integration/work")).resolve()
EXTERNAL_AMQP = os.environ.get("LEPUS_TEST_AMQP")
EXTERNAL_MANAGEMENT = os.environ.get("LEPUS_TEST_MANAGEMENT")

_live_brokers = []


def pytest_configure(config):
    if not EXTERNAL_AMQP and not os.access(Broker.binary(), os.X_OK):
        raise pytest.UsageError(
            f"no broker at {Broker.binary()}: build it (cmake --build --preset release), or name "
            "one by LEPUS_TEST_BINARY or a running one by LEPUS_TEST_AMQP and LEPUS_TEST_MANAGEMENT"
        )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of its brokers' logs."""
    report = yield
    if report.failed:
        for broker in _live_brokers:
            report.sections.append((f"log of {broker.log_path}", broker.log_tail()))
    return report


def pytest_sessionfinish(session):
    """Leaves the counts for `run`. An error of a fixture or a collection counts as failed."""
    path = os.environ.get("LEPUS_TEST_SUMMARY")
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if path and reporter:
        counts = {name: len(reporter.stats.get(name, [])) for name in ("passed", "failed", "error")}
        failed = counts["failed"] + counts["error"]
        Path(path).write_text(f"{counts['passed']} passed, {failed} failed\n")


@pytest.fixture(scope="session")
def work_directory():
    """A folder of this run; the folders of former runs are removed first."""
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    return WORK


@pytest.fixture
def test_directory(work_directory, request):
    """A folder of this test, for logs and data."""
    name = re.sub(r"[^A-Za-z0-9_.-]+", "-", request.node.nodeid.split("::", 1)[-1])[:80]
    directory = work_directory / f"{request.path.stem}-{name}"
    directory.mkdir(parents=True, exist_ok=True)
    return directory


@pytest.fixture(scope="session")
def shared_broker(work_directory):
    if EXTERNAL_AMQP:
        yield ExternalBroker(EXTERNAL_AMQP, EXTERNAL_MANAGEMENT)
        return
    broker = Broker(work_directory / "shared")
    _live_brokers.append(broker)
    try:
        yield broker.start()
    finally:
        _live_brokers.remove(broker)
        broker.close()
        broker.remove_data()


@pytest.fixture
def broker(shared_broker):
    """The broker of the whole session. A test that brings it down fails, and the next one gets a
    new one."""
    if not shared_broker.running:
        shared_broker.start()
    yield shared_broker
    assert shared_broker.running, "the broker ended during this test"


@pytest.fixture
def private_broker(test_directory):
    """Starts brokers that the test may kill: `private_broker(*options)` returns a started one."""
    if EXTERNAL_AMQP:
        pytest.skip("this test stops its broker, and the one given by LEPUS_TEST_AMQP is not ours")
    brokers = []

    def start(*options):
        broker = Broker(test_directory / f"broker{len(brokers)}", options)
        brokers.append(broker)
        _live_brokers.append(broker)
        return broker.start()

    yield start
    for broker in brokers:
        _live_brokers.remove(broker)
        broker.close()
        broker.remove_data()


@pytest.fixture(params=["kill", "terminate"])
def restart(request):
    """Ends a broker in both ways and starts it again."""

    def restart_broker(broker):
        getattr(broker, request.param)()
        broker.start()

    return restart_broker


@pytest.fixture
def connect(broker):
    """Opens pika BlockingConnections to the shared broker; they are closed after the test."""
    connections = []

    def open_connection(**changes):
        connection = pika.BlockingConnection(broker.parameters(**changes))
        connections.append(connection)
        return connection

    yield open_connection
    for connection in connections:
        if connection.is_open:
            connection.close()


@pytest.fixture
def channel(connect):
    return connect().channel()


@pytest.fixture
def wire(broker):
    """Opens raw sockets to the shared broker, closed after the test; keyword options of
    WireConnection."""
    connections = []

    def open_connection(**options):
        connection = WireConnection(broker.host, broker.port, **options)
        connections.append(connection)
        return connection

    yield open_connection
    for connection in connections:
        connection.socket.close()


@pytest.fixture
def management(broker):
    """The shared broker's management API as guest."""
    if broker.management_port is None:
        pytest.skip("LEPUS_TEST_MANAGEMENT is not given")
    return Management(broker)


@pytest.fixture
def unique(broker, request):
    """Makes names that no other test uses: `unique()` or `unique("what")`."""
    base = re.sub(r"[^A-Za-z0-9_]+", "-", request.node.name)[:40].strip("-")
    return lambda what="queue": f"{base}.{what}.{uuid.uuid4().hex[:8]}"


@pytest.fixture
def fresh(broker):
    """Deletes queues and exchanges by their fixed names, now and after the test.

    `fresh(queues=[…], exchanges=[…])`: the tutorials' programs use fixed names, and must find
    nothing there.
    """
    names = []

    def delete():
        connection = pika.BlockingConnection(broker.parameters())
        channel = connection.channel()
        for kind, name in names:
            (channel.queue_delete if kind == "queue" else channel.exchange_delete)(name)
        connection.close()

    def register(queues=(), exchanges=()):
        names.extend(("queue", name) for name in queues)
        names.extend(("exchange", name) for name in exchanges)
        delete()

    yield register
    if names and broker.running:
        delete()


@pytest.fixture
def queue(broker, unique):
    """The name of a durable, empty queue, deleted after the test."""
    name = unique()
    connection = pika.BlockingConnection(broker.parameters())
    connection.channel().queue_declare(name, durable=True)
    connection.close()
    yield name
    if broker.running:
        connection = pika.BlockingConnection(broker.parameters())
        connection.channel().queue_delete(name)
        connection.close()


@pytest.fixture
def run_program(test_directory):
    """Starts `programs/NAME` in a process of its own: `run_program("worker.py", argument…)`."""
    programs = []

    def start(name, *arguments, **options):
        log_path = test_directory / f"{len(programs)}-{Path(name).stem}.log"
        program = python_program(name, arguments, log_path, **options)
        programs.append(program)
        return program

    yield start
    for program in programs:
        program.close()
