"""Lets programs of a client's tests stop and start the broker under test, and reach it where they
expect it."""

import shutil
import socket
import subprocess
import threading
import time
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

RABBITMQCTL = Path(__file__).with_name("rabbitmqctl.py")


@contextmanager
def control(broker):
    """Serves what rabbitmqctl.py needs to stop and start the broker; yields the environment for
    it. A broker that is not ours can't be stopped (see there for RabbitMQ's)."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            if self.path == "/stop_app":
                broker.terminate()
            elif not broker.running:
                broker.start()
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield {
            "RABBITMQCTL_URL": broker.management_url,
            "RABBITMQCTL_CONTROL": f"http://127.0.0.1:{server.server_port}",
        }
    finally:
        server.shutdown()
        if not broker.running:
            broker.start()


@contextmanager
def answering_later(host, port, delay_s):
    """Yields another port of a broker at which its answers come so much later. Some tests of clients are
    races that only a broker slower than ours lets them win."""

    def relay(source, target, delay_s):
        with source:
            while octets := source.recv(65536):
                time.sleep(delay_s)
                target.sendall(octets)
            target.shutdown(socket.SHUT_WR)

    def start(*arguments):
        def relay_until_the_end():
            try:
                relay(*arguments)
            except OSError:
                pass  # One side has closed the socket.

        threading.Thread(target=relay_until_the_end, daemon=True).start()

    def accept():
        while True:
            try:
                client = listener.accept()[0]
            except OSError:
                return
            server = socket.create_connection((host, int(port)))
            for each in (client, server):
                each.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            start(client, server.dup(), 0)
            start(server, client.dup(), delay_s)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=accept, daemon=True).start()
        yield listener.getsockname()[1]


def on_default_port(broker, directory):
    """The environment in which a program's connections to port 5672 reach the broker; builds
    default_port.c."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler")
    library = directory / "default_port.so"
    source = Path(__file__).with_name("default_port.c")
    command = [compiler, "-shared", "-fPIC", "-O1", "-o", library, source, "-ldl"]
    subprocess.run(command, check=True)
    return {"LEPUS_DEFAULT_PORT": str(broker.port), "LD_PRELOAD": str(library)}
