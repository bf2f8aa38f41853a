"""RabbitMQ's own command-line program for the management API, from Debian's rabbitmq-server
package."""

import json
import os
import shutil
import subprocess
import sys
import uuid

import pika
import pytest


def find_program():
    """The program's path, by the list of the package's files, or else by PATH; None if there is
    none."""
    if shutil.which("dpkg"):
        result = subprocess.run(["dpkg", "-L", "rabbitmq-server"], capture_output=True, text=True)
        for path in result.stdout.split():
            if os.path.basename(path) == "rabbitmqadmin" and os.path.isfile(path):
                return path
    return shutil.which("rabbitmqadmin")


PROGRAM = find_program()
pytestmark = pytest.mark.skipif(PROGRAM is None, reason="rabbitmqadmin is not installed")


@pytest.fixture
def admin(broker, management, test_directory):
    """Runs rabbitmqadmin; returns what it writes, decoded when it lists."""

    def run(*arguments, expect=0, input=None):
        command = [sys.executable, PROGRAM, "--host", broker.management_host]
        command += ["--port", str(broker.management_port), "--format", "raw_json", *arguments]
        result = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=120,
            input=input,
            # A ~/.rabbitmqadmin.conf of whoever runs the tests must not be read.
            env={**os.environ, "HOME": str(test_directory)},
        )
        assert result.returncode == expect, f"{arguments}: {result.stdout} {result.stderr}"
        listing = arguments[0] in ("list", "show", "get")
        return (
            json.loads(result.stdout) if listing and expect == 0 else result.stdout + result.stderr
        )

    return run


@pytest.fixture
def name(admin):
    name = f"admin.{uuid.uuid4().hex[:8]}"
    yield name
    for kind, listed in (("queue", "queues"), ("exchange", "exchanges")):
        if name in [one["name"] for one in admin("list", listed, "name")]:
            admin("delete", kind, f"name={name}")


def test_declare_publish_get_purge_delete(admin, name):
    assert "queue declared" in admin("declare", "queue", f"name={name}", "durable=true")
    assert "exchange declared" in admin("declare", "exchange", f"name={name}", "type=direct")
    assert "binding declared" in admin(
        "declare", "binding", f"source={name}", f"destination={name}", "routing_key=key"
    )
    assert name in [queue["name"] for queue in admin("list", "queues", "name", "messages")]
    (exchange,) = [one for one in admin("list", "exchanges") if one["name"] == name]
    assert exchange["type"] == "direct"
    bindings = [one for one in admin("list", "bindings") if one["source"] == name]
    assert [one["routing_key"] for one in bindings] == ["key"]

    for payload in ("one", "two", "three"):
        published = admin("publish", f"exchange={name}", "routing_key=key", f"payload={payload}")
        assert "Message published" in published
    unrouted = admin("publish", f"exchange={name}", "routing_key=other", "payload=x")
    assert "NOT routed" in unrouted
    assert "Message published" in admin(
        "publish", f"routing_key={name}", input="from standard input"
    )

    (message,) = admin("get", f"queue={name}", "ackmode=ack_requeue_false")
    assert (message["payload"], message["exchange"], message["routing_key"]) == ("one", name, "key")
    messages = admin("get", f"queue={name}", "count=2", "ackmode=ack_requeue_true")
    assert [one["payload"] for one in messages] == ["two", "three"]
    assert "queue purged" in admin("purge", "queue", f"name={name}")
    assert admin("get", f"queue={name}") == []

    admin(
        "delete", "binding", f"source={name}", "destination_type=queue",
        f"destination={name}", "properties_key=key",
    )  # fmt: skip
    assert [one for one in admin("list", "bindings") if one["source"] == name] == []
    assert "queue deleted" in admin("delete", "queue", f"name={name}")
    assert "exchange deleted" in admin("delete", "exchange", f"name={name}")


def test_lists(admin, connect, name):
    assert admin("show", "overview", "rabbitmq_version")[0]["rabbitmq_version"]
    assert "/" in [vhost["name"] for vhost in admin("list", "vhosts")]
    assert "guest" in [user["name"] for user in admin("list", "users")]
    assert admin("list", "nodes", "name", "running")[0]["running"] is True
    for what in ("connections", "channels", "consumers", "permissions", "parameters", "policies"):
        assert isinstance(admin("list", what), list), what


def test_close_connection(admin, management, connect, name):
    connection = connect(client_properties={"connection_name": name})
    listed = management.connection_named(name)
    assert "connection closed" in admin("close", "connection", f"name={listed['name']}")
    with pytest.raises(pika.exceptions.ConnectionClosedByBroker) as caught:
        while True:
            connection.process_data_events(time_limit=20)
    assert caught.value.reply_code == 320


def test_vhost_user_and_permission(admin, name):
    admin("declare", "vhost", f"name={name}")
    admin("declare", "user", f"name={name}", "password=secret", "tags=management")
    admin(
        "declare",
        "permission",
        f"vhost={name}",
        f"user={name}",
        "configure=.*",
        "write=.*",
        "read=.*",
    )
    assert name in [one["vhost"] for one in admin("list", "permissions") if one["user"] == name]
    admin("delete", "user", f"name={name}")
    admin("delete", "vhost", f"name={name}")
    assert name not in [vhost["name"] for vhost in admin("list", "vhosts")]


def test_policy(admin, name):
    admin("declare", "vhost", f"name={name}")
    admin(
        "--vhost", name, "declare", "policy", "name=limit", "pattern=.*",
        'definition={"max-length": 3}', "apply-to=queues",
    )  # fmt: skip
    (policy,) = [one for one in admin("list", "policies") if one["vhost"] == name]
    assert policy["definition"] == {"max-length": 3}
    admin("delete", "vhost", f"name={name}")


def test_export_and_import(admin, name, test_directory):
    admin("declare", "queue", f"name={name}", "durable=true", 'arguments={"x-max-length": 7}')
    path = test_directory / "definitions.json"
    assert "Exported definitions" in admin("export", str(path))
    admin("delete", "queue", f"name={name}")
    assert "Uploaded definitions" in admin("import", str(path))
    (queue,) = [one for one in admin("list", "queues", "name", "arguments") if one["name"] == name]
    assert queue["arguments"] == {"x-max-length": 7}


def test_errors_are_shown_with_their_reason(admin, name):
    admin("declare", "queue", f"name={name}", "durable=true")
    output = admin("declare", "queue", f"name={name}", "durable=false", expect=1)
    assert "*** inequivalent arg 'durable' for queue" in output
    output = admin("delete", "queue", f"name={name}.missing", expect=1)
    assert "Not found" in output
