"""Debian's RabbitMQ as a broker to be measured beside Lepus."""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

from machine import Broker

PROGRAM = "/usr/lib/rabbitmq/bin/rabbitmq-server"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


class RabbitMq(Broker):
    """With its default settings and a folder of its own; `process` is Erlang's virtual machine."""

    def __init__(self, folder):
        super().__init__(folder)
        self.erlang = None

    def start(self):
        ports = [free_port() for _ in range(3)]
        self.port = ports[0]
        home = self.folder
        (home / "plugins").write_text("[].\n")
        environment = {
            **os.environ,
            "HOME": str(home),
            "RABBITMQ_NODENAME": f"perf{os.getpid()}@localhost",
            "RABBITMQ_NODE_PORT": str(ports[0]),
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_DIST_PORT": str(ports[1]),
            "ERL_EPMD_PORT": str(ports[2]),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_MNESIA_BASE": str(self.data),
            "RABBITMQ_LOG_BASE": str(home / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
            "RABBITMQ_PID_FILE": str(home / "pid"),
            "RABBITMQ_CONFIG_FILE": str(home / "none"),
        }
        before = time.monotonic()
        with open(home / "out", "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM], env=environment, stdout=log, stderr=log, start_new_session=True
            )
        while not self.answers():
            if self.process.poll() is not None or time.monotonic() - before > 120:
                raise RuntimeError(f"RabbitMQ did not start: {(home / 'out').read_text()[-2000:]}")
            time.sleep(0.2)
        self.erlang = self.find_erlang()
        return time.monotonic() - before

    def answers(self):
        try:
            self.connect().close()
            return True
        except (OSError, EOFError, AssertionError):
            return False

    def find_erlang(self):
        """The process that works: the program is a script that starts it."""
        wanted = os.getsid(self.process.pid)
        for entry in Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                name = (entry / "comm").read_text().strip()
                if name == "beam.smp" and os.getsid(int(entry.name)) == wanted:
                    return int(entry.name)
            except (FileNotFoundError, ProcessLookupError):
                pass
        raise RuntimeError("RabbitMQ's process was not found")

    @property
    def pid(self):
        return self.erlang

    def stop(self, number=signal.SIGTERM):
        """The whole session, epmd with it."""
        os.killpg(self.process.pid, number)
        self.process.wait(60)

    def close(self):
        if self.process and self.process.poll() is None:
            self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)


def is_installed():
    return Path(PROGRAM).exists()
