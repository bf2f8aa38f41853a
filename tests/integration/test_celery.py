"""Celery with real worker processes: results by rpc://, retries, late acks and killed workers."""

import os
import signal
import subprocess
import sys

import pytest
from kombu import Connection, Consumer, Exchange, Queue

from support.program import PROGRAMS, Program

TIMEOUT_S = 30


@pytest.fixture
def environment(broker, unique):
    return {"TEST_CELERY_BROKER": broker.url, "TEST_CELERY_QUEUE": unique()}


@pytest.fixture
def start_worker(environment, test_directory, broker):
    """Starts a worker process and returns when it is ready to work."""
    workers = []

    def start(pool="prefork"):
        name = f"worker{len(workers)}"
        command = [sys.executable, "-m", "celery", "--app", "celery_application", "worker"]
        command += ["--pool", pool, "--concurrency", "1", "--loglevel", "INFO"]
        command += ["--hostname", f"{name}-{os.getpid()}@%h"]
        worker = Program(
            command, test_directory / f"{name}.log", environment=environment, directory=PROGRAMS
        )
        workers.append(worker)
        worker.wait_for_line(r" ready\.", timeout=TIMEOUT_S)
        return worker

    yield start
    for worker in workers:
        worker.close()
    with Connection(broker.url) as connection:
        connection.default_channel.queue_delete(environment["TEST_CELERY_QUEUE"])


@pytest.fixture
def tasks(environment, monkeypatch):
    """The module with the tasks, as the program that calls them imports it."""
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.syspath_prepend(str(PROGRAMS))
    sys.modules.pop("celery_application", None)
    import celery_application

    yield celery_application
    celery_application.application.close()
    sys.modules.pop("celery_application", None)


def test_results_and_errors(start_worker, tasks):
    start_worker()
    results = [tasks.add.delay(number, 7) for number in range(50)]
    assert [result.get(timeout=TIMEOUT_S) for result in results] == list(range(7, 57))
    with pytest.raises(ValueError, match="as asked for"):
        tasks.fail.delay().get(timeout=TIMEOUT_S)


def test_chain_and_group(start_worker, tasks):
    from celery import chain, group

    start_worker()
    assert chain(tasks.add.s(1, 2), tasks.add.s(3), tasks.add.s(4))().get(timeout=TIMEOUT_S) == 10
    together = group(tasks.add.s(number, number) for number in range(20))()
    assert together.get(timeout=TIMEOUT_S) == [2 * number for number in range(20)]


def test_retries_with_countdown(start_worker, tasks):
    worker = start_worker()
    assert tasks.fail_until.delay(3).get(timeout=TIMEOUT_S) == 3
    for attempt in range(3):
        worker.wait_for_line(f"^try {attempt}")


def test_task_with_eta_waits_unacked(start_worker, tasks):
    start_worker()
    assert tasks.add.apply_async((1, 2), countdown=0.5).get(timeout=TIMEOUT_S) == 3


def test_remote_control(start_worker, tasks):
    """Ping and inspect: a fanout exchange out, answers to a queue of the caller's own."""
    start_worker()
    (answer,) = tasks.application.control.ping(timeout=3, limit=1)
    assert list(answer.values()) == [{"ok": "pong"}]


def test_killed_worker_gives_its_task_to_another(start_worker, tasks, tmp_path):
    """The whole worker is killed; its late ack never came."""
    victim = start_worker(pool="solo")
    result = tasks.hold_first.delay(str(tmp_path / "go"))
    victim.wait_for_line("^working in .* redelivered=False", TIMEOUT_S)
    other = start_worker(pool="solo")
    victim.kill()
    other.wait_for_line("^working in .* redelivered=True", TIMEOUT_S)
    (tmp_path / "go").touch()
    assert result.get(timeout=TIMEOUT_S) is True


def test_killed_child_process_is_rejected_and_tried_again(start_worker, tasks, tmp_path):
    """Only the process that works is killed; the worker requeues the message
    (reject_on_worker_lost)."""
    worker = start_worker(pool="prefork")
    result = tasks.hold_first.delay(str(tmp_path / "go"))
    match = worker.wait_for_line(r"^working in (\d+) redelivered=False", TIMEOUT_S)
    child = int(match.group(1))
    parent = int(
        subprocess.run(
            ["ps", "-o", "ppid=", "-p", str(child)], capture_output=True, check=True
        ).stdout
    )
    assert parent == worker.pid
    os.kill(child, signal.SIGKILL)
    match = worker.wait_for_line(r"^working in (\d+) redelivered=True", TIMEOUT_S)
    assert int(match.group(1)) != child
    (tmp_path / "go").touch()
    assert result.get(timeout=TIMEOUT_S) is True


@pytest.mark.timeout(150)
def test_clean_worker_stop_finishes_its_task(start_worker, tasks, tmp_path):
    worker = start_worker()
    result = tasks.hold_first.delay(str(tmp_path / "go"))
    worker.wait_for_line("^working in", TIMEOUT_S)
    worker.process.send_signal(signal.SIGTERM)
    worker.wait_for_line("Warm shutdown", TIMEOUT_S)
    (tmp_path / "go").touch()
    assert result.get(timeout=TIMEOUT_S) is False
    # Celery's process pool may wait half a minute for its child before it gives up on it.
    assert worker.wait(3 * TIMEOUT_S) == 0


# kombu, the library below Celery, for itself.


@pytest.fixture
def kombu_connection(broker):
    with Connection(broker.url, heartbeat=10, connect_timeout=10) as connection:
        yield connection


def test_kombu_producer_and_consumer(kombu_connection, unique):
    exchange = Exchange(unique("exchange"), "topic", durable=False, auto_delete=True)
    queue = Queue(unique(), exchange, routing_key="news.#", durable=False, auto_delete=True)
    received = []

    def on_message(body, message):
        received.append((message.delivery_info["routing_key"], message.headers["n"], body))
        message.ack()

    with (
        Consumer(kombu_connection, [queue], callbacks=[on_message], prefetch_count=2),
        kombu_connection.Producer(serializer="json") as producer,
    ):
        for number in range(10):
            producer.publish(
                {"n": number},
                exchange=exchange,
                routing_key=f"news.{number}",
                headers={"n": number},
                compression="zlib",
            )
        while len(received) < 10:
            kombu_connection.drain_events(timeout=TIMEOUT_S)
    assert received == [(f"news.{number}", number, {"n": number}) for number in range(10)]


def test_kombu_confirmed_publish_and_simple_queue(broker, unique):
    with Connection(broker.url, transport_options={"confirm_publish": True}) as connection:
        name = unique()
        queue = connection.SimpleQueue(name)
        for number in range(20):
            queue.put({"number": number}, delivery_mode=2)
        assert queue.qsize() == 20
        for number in range(20):
            message = queue.get(timeout=TIMEOUT_S)
            assert message.payload == {"number": number}
            message.ack()
        with pytest.raises(queue.Empty):
            queue.get(block=False)
        queue.close()
        connection.default_channel.queue_delete(name)


def test_kombu_heartbeats(kombu_connection, unique):
    """Heartbeats of 1 s checked as kombu's users do; the connection lives on."""
    with Connection(kombu_connection.as_uri(include_password=True), heartbeat=1) as connection:
        connection.ensure_connection(max_retries=1)
        queue = connection.SimpleBuffer(unique())
        for _ in range(20):
            connection.heartbeat_check()
            with pytest.raises(queue.Empty):
                queue.get(timeout=0.2)
        queue.put("alive")
        assert queue.get(timeout=TIMEOUT_S).payload == "alive"
        queue.close()
