"""The broker under test: one that the tests start and may kill, or one that runs already."""

import os
import shlex
import shutil
from pathlib import Path

import pika

from support.program import Program

REPOSITORY = Path(__file__).resolve().parents[3]
START_TIMEOUT_S = 30
STOP_TIMEOUT_S = float(os.environ.get("LEPUS_TEST_STOP_TIMEOUT", 5))


def split_address(address):
    host, _, port = address.rpartition(":")
    return host, int(port)


class Target:
    """Where a broker listens and how to log in."""

    user = "guest"
    password = "guest"

    def __init__(self):
        self.host = None
        self.port = None
        self.management_host = None
        self.management_port = None

    @property
    def url(self):
        return f"amqp://{self.user}:{self.password}@{self.host}:{self.port}/%2F"

    @property
    def management_url(self):
        return f"http://{self.management_host}:{self.management_port}"

    def parameters(self, **changes):
        """pika's connection parameters."""
        options = {
            "host": self.host,
            "port": self.port,
            "credentials": pika.PlainCredentials(self.user, self.password),
            "heartbeat": 30,
            "blocked_connection_timeout": 30,
            "socket_timeout": 10,
            "stack_timeout": 15,
        }
        options.update(changes)
        return pika.ConnectionParameters(**options)


class ExternalBroker(Target):
    """A broker that somebody else started (LEPUS_TEST_AMQP, LEPUS_TEST_MANAGEMENT)."""

    pid = None
    running = True

    def __init__(self, amqp, management):
        super().__init__()
        self.host, self.port = split_address(amqp)
        if management:
            self.management_host, self.management_port = split_address(management)

    def log_tail(self):
        return ""

    def close(self):
        pass


class Broker(Target):
    """A broker process of its own: data directory and log below `directory`, free ports of
    127.0.0.1.

    The ports that the first start chose are kept by later starts.
    """

    def __init__(self, directory, options=()):
        super().__init__()
        self.directory = Path(directory)
        self.directory.mkdir(parents=True, exist_ok=True)
        self.data_directory = self.directory / "data"
        self.log_path = self.directory / "broker.log"
        self.tls_port = None
        self.options = list(options)
        self.program = None

    @staticmethod
    def binary():
        chosen = os.environ.get("LEPUS_TEST_BINARY")
        return Path(chosen).resolve() if chosen else REPOSITORY / "build/release/broker/lepus"

    @property
    def pid(self):
        return self.program.pid

    @property
    def running(self):
        return self.program is not None and self.program.running

    def command(self):
        return [
            self.binary(),
            *("--port", self.port or 0),
            *("--management-port", self.management_port or 0),
            *("--data-dir", self.data_directory),
            *("--bind", "127.0.0.1"),
            *shlex.split(os.environ.get("LEPUS_TEST_OPTIONS", "")),
            *self.options,
        ]

    def start(self):
        """Starts the broker and returns when its ready line came."""
        return self.launch().wait_until_ready()

    def launch(self):
        """Starts the process without waiting for anything, for tests that kill it while it
        recovers."""
        if self.program is not None:
            self.program.close()
        self.program = Program(
            self.command(), self.log_path, merge_errors=False, directory=self.directory
        )
        return self

    def wait_until_ready(self):
        match = self.program.wait_for_line(
            r"^ready amqp=(\S+) management=(\S+)(?: amqps=(\S+))?", timeout=START_TIMEOUT_S
        )
        self.host, self.port = split_address(match.group(1))
        self.management_host, self.management_port = split_address(match.group(2))
        self.tls_port = split_address(match.group(3))[1] if match.group(3) else None
        return self

    def kill(self):
        """SIGKILL: what a crash leaves on the disk is what a later start finds."""
        self.program.kill()

    def terminate(self):
        """SIGTERM; the promise is a clean end within 5 s. Returns the exit status."""
        return self.program.terminate(STOP_TIMEOUT_S)

    def restart(self):
        """A clean stop and a start on the same data directory and ports."""
        self.terminate()
        return self.start()

    def status_kib(self, field):
        """A field of /proc/PID/status in KiB, such as VmRSS or VmHWM."""
        for line in Path(f"/proc/{self.pid}/status").read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1])
        raise AssertionError(f"no {field} in the status of process {self.pid}")

    def log_tail(self):
        return self.program.tail() if self.program else ""

    def close(self):
        if self.program is not None:
            self.program.close()

    def remove_data(self):
        shutil.rmtree(self.data_directory, ignore_errors=True)
