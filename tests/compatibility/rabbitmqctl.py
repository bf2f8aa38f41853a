#!/usr/bin/env python3
"""Does what clients' tests ask of `rabbitmqctl`, over the management API of the broker under test:
`rabbitmqctl.py [-n NODE] COMMAND [ARGUMENT…]`. `rabbitmqctl.py make …` is the same for the targets of
RabbitMQ's own Makefile, which stop and start a broker.

RABBITMQCTL_URL       the management API
RABBITMQCTL_CONTROL   where /stop_app and /start_app stop and start the broker (see `Control`)
RABBITMQCTL           RabbitMQ's own program, for what RabbitMQ's management API can't do
"""

import argparse
import base64
import json
import os
import subprocess
import sys
import urllib.request
from urllib.parse import quote


def request(method, *path, body=None):
    url = "/".join([os.environ["RABBITMQCTL_URL"], "api", *(quote(part, safe="") for part in path)])
    data = json.dumps(body).encode() if body is not None else None
    token = base64.b64encode(b"guest:guest").decode()
    headers = {"Authorization": f"Basic {token}", "Content-Type": "application/json"}
    with urllib.request.urlopen(
        urllib.request.Request(url, data, headers, method=method), timeout=30
    ) as answer:
        return json.loads(answer.read() or b"null")


def list_connections(_, *columns):
    for connection in request("GET", "connections"):
        # The process identifier names a connection to `close_connection`; its name does as well.
        print("\t".join(str(connection["name" if each == "pid" else each]) for each in columns))


def close_connection(_, name, _reason):
    request("DELETE", "connections", name)


def set_policy(options, name, pattern, definition):
    body = {"pattern": pattern, "definition": json.loads(definition)}
    request("PUT", "policies", options.vhost, name, body={**body, "priority": options.priority})


def clear_policy(options, name):
    request("DELETE", "policies", options.vhost, name)


def add_user(_, name, password):
    request("PUT", "users", name, body={"password": password, "tags": ""})


def delete_user(_, name):
    request("DELETE", "users", name)


def set_user_tags(_, name, *tags):
    request("PUT", "users", name, body={**request("GET", "users", name), "tags": ",".join(tags)})


def add_vhost(_, name):
    request("PUT", "vhosts", name, body={})
    set_permissions(argparse.Namespace(vhost=name), "guest", ".*", ".*", ".*")


def delete_vhost(_, name):
    request("DELETE", "vhosts", name)


def set_permissions(options, user, configure, write, read):
    body = {"configure": configure, "write": write, "read": read}
    request("PUT", "permissions", options.vhost, user, body=body)


def clear_permissions(options, user):
    request("DELETE", "permissions", options.vhost, user)


def set_topic_permissions(options, user, exchange, write, read):
    body = {"exchange": exchange, "write": write, "read": read}
    request("PUT", "topic-permissions", options.vhost, user, body=body)


def clear_topic_permissions(options, user):
    request("DELETE", "topic-permissions", options.vhost, user)


def trace_on(options):
    request("PUT", "vhosts", options.vhost, body={"tracing": True})


def trace_off(options):
    request("PUT", "vhosts", options.vhost, body={"tracing": False})


def control(action):
    urllib.request.urlopen(f"{os.environ['RABBITMQCTL_CONTROL']}/{action}", b"", timeout=60).close()


def stop_app(_):
    control("stop_app")


def start_app(_):
    control("start_app")


def set_vm_memory_high_watermark(_, fraction):
    if float(fraction) < 0.1:
        sys.exit("an alarm can't be set off here")


COMMANDS = {
    function.__name__: function
    for function in (
        list_connections,
        close_connection,
        set_policy,
        clear_policy,
        add_user,
        delete_user,
        set_user_tags,
        add_vhost,
        delete_vhost,
        set_permissions,
        clear_permissions,
        set_topic_permissions,
        clear_topic_permissions,
        trace_on,
        trace_off,
        set_vm_memory_high_watermark,
        stop_app,
        start_app,
    )
}


# What RabbitMQ's management API does not offer, or only late.
BETTER_ASKED = ("list_connections", "close_connection", "stop_app", "start_app")

# Alarms, which the third lifts, are never set off.
TARGETS = {"stop-rabbit-on-node": "stop_app", "start-rabbit-on-node": "start_app", "clear-resource-alarm": None}


def make(words):
    """The targets among make's arguments, which no other argument looks like."""
    targets = [word for word in words if word in TARGETS]
    if not targets:
        sys.exit("the targets are " + ", ".join(TARGETS))
    for target in targets:
        if TARGETS[target] is None:
            continue
        subprocess.run([sys.executable, "-SI", __file__, TARGETS[target]], check=True)


def main():
    if sys.argv[1:2] == ["make"]:
        make(sys.argv[2:])
        return
    parser = argparse.ArgumentParser()
    parser.add_argument("-n", "--node")
    parser.add_argument("-p", "--vhost", default="/")
    parser.add_argument("-q", "--quiet", action="store_true")
    parser.add_argument("--priority", type=int, default=0)
    options, words = parser.parse_known_args()
    own = os.environ.get("RABBITMQCTL")
    if own and any(word in BETTER_ASKED for word in words):
        # That one is told its node by its environment, and prints headings unless told otherwise.
        passed = [word for word in sys.argv[1:] if word not in ("-n", options.node, "-q")]
        os.execv(own, [own, "--silent", *passed])
    if not words or words[0] not in COMMANDS:
        # Clients look for a command's name here to learn whether there is one.
        sys.exit("the commands are " + ", ".join(COMMANDS))
    COMMANDS[words[0]](options, *words[1:])


if __name__ == "__main__":
    main()
