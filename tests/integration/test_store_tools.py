"""`lepus store …` as an operator uses it: docs/storage-tools.md runs as it stands there, and a backup of a busy
broker has all that was confirmed before."""

import os
import re
import shutil
import subprocess
import threading
from pathlib import Path

import pika
import pytest
from support.broker import Broker
from support.management import Management

TOOLS = Path(__file__).resolve().parents[2] / "docs/storage-tools.md"
BLOCKS = re.findall(r"```sh\n(.*?)```", TOOLS.read_text(), re.DOTALL)
DOCUMENTED_URL = "http://127.0.0.1:15672"


def publish(broker, queue, count):
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    channel.queue_declare(queue, durable=True)
    channel.confirm_delivery()
    for number in range(count):
        channel.basic_publish("", queue, str(number), pika.BasicProperties(delivery_mode=2))
    connection.close()


def take_all(broker, queue):
    connection = pika.BlockingConnection(broker.parameters())
    channel = connection.channel()
    bodies = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            break
        bodies.append(int(body))
    connection.close()
    return bodies


@pytest.fixture
def shell(test_directory):
    """Runs a script where `lepus` is the binary under test; returns what it printed."""
    (test_directory / "bin").mkdir(exist_ok=True)
    link = test_directory / "bin" / "lepus"
    if not link.exists():
        link.symlink_to(Broker.binary())

    def run(script):
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=test_directory,
            env={**os.environ, "PATH": f"{link.parent}:{os.environ['PATH']}"},
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert done.returncode == 0, f"{script}\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


def test_documented_commands_run_as_they_stand_there(private_broker, shell, test_directory):
    stopped = private_broker()
    publish(stopped, "orders", 3)
    stopped.terminate()
    shutil.copytree(stopped.data_directory, test_directory / "data")
    running = private_broker()
    publish(running, "orders", 3)
    assert len(BLOCKS) >= 9
    for block in BLOCKS:
        shell(block.replace(DOCUMENTED_URL, running.management_url))
    summary = "1 queues with 3 messages of 3 bytes"
    for directory in ("data", "data-copy", "new-data", "data-backup"):
        assert summary in shell(f"lepus store check {directory}"), directory
    everything = (test_directory / "everything.jsonl").read_text()
    assert shell("lepus store export new-data") == everything


def test_backup_of_a_busy_broker_has_all_that_was_confirmed(private_broker, shell, test_directory):
    broker = private_broker()
    publish(broker, "busy", 1)
    confirmed = []
    stop = threading.Event()
    enough = threading.Event()

    def keep_publishing():
        connection = pika.BlockingConnection(broker.parameters())
        channel = connection.channel()
        channel.confirm_delivery()
        number = 1
        while not stop.is_set():
            channel.basic_publish("", "busy", str(number), pika.BasicProperties(delivery_mode=2))
            confirmed.append(number)
            number += 1
            if number > 100:
                enough.set()
        connection.close()

    thread = threading.Thread(target=keep_publishing)
    thread.start()
    try:
        assert enough.wait(60)
        before = len(confirmed)
        shell(f"lepus store backup --to copy --url {broker.management_url}")
        after_backup = len(confirmed)
    finally:
        stop.set()
        thread.join()
    copy = Broker(test_directory / "copied-broker")
    copy.data_directory = test_directory / "copy"
    try:
        copy.start()
        found = take_all(copy, "busy")
    finally:
        copy.close()
    assert found[: before + 1] == list(range(before + 1))
    assert found == list(range(len(found)))
    assert len(found) <= after_backup + 2
    # The original does not share anything that the copy's broker wrote to.
    assert take_all(broker, "busy") == list(range(len(confirmed) + 1))


def test_only_an_administrator_may_make_a_backup(private_broker, shell, test_directory):
    broker = private_broker()
    management = Management(broker)
    management.put("users", "watcher", password="secret", tags="monitoring")
    done = subprocess.run(
        [Broker.binary(), "store", "backup", "--to", test_directory / "copy", "--url", broker.management_url]
        + ["--user", "watcher", "--password", "secret"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "the broker refuses" in done.stderr
    assert not (test_directory / "copy").exists()


def test_tools_refuse_a_running_brokers_directory(private_broker):
    broker = private_broker()
    for tool in (["check"], ["repair", "--accept-loss"], ["export"]):
        done = subprocess.run(
            [Broker.binary(), "store", *tool, broker.data_directory], capture_output=True, text=True
        )
        assert done.returncode == 2
        assert "is in use by another broker" in done.stderr
        assert done.stderr.count("\n") == 1


def test_node_shows_the_stores_figures(private_broker):
    broker = private_broker()
    publish(broker, "counted", 10)
    management = Management(broker)
    store = management.get("nodes", management.get("overview")["node"])["lepus_store"]
    assert store["commits"] >= 1
    assert store["sync_us"]["count"] == store["commits"]
    assert store["records_per_commit"]["sum"] >= 10
    assert set(store["families"]) >= {"messages", "progress", "topology", "transient"}
