"""What the figures are measured with: a broker process, lepus-perf, and what the system tells."""

import base64
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path.insert(0, str(ROOT / "tests/integration"))
from support import wire  # noqa: E402  pylint: disable=wrong-import-position

BUILD = ROOT / "build/release"
BROKER = Path(os.environ.get("LEPUS_BROKER", BUILD / "broker/lepus"))
PERF = Path(os.environ.get("LEPUS_PERF", BUILD / "tests/benchmarks/lepus-perf"))
STORE_PERF = PERF.parent / "storage/lepus-store-perf"
START_TIMEOUT_S = 300


class Broker:
    """A broker with a data directory of its own, removed by `close`; the arguments are its own."""

    def __init__(self, folder, *arguments):
        self.folder = Path(tempfile.mkdtemp(prefix="lepus-figures-", dir=folder))
        self.data = self.folder / "data"
        self.arguments = arguments
        self.port = 0
        self.management_port = 0
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.close()

    def start(self):
        """Returns the seconds from the start of the process to its line `ready`."""
        command = [BROKER, "--bind", "127.0.0.1", "--port", self.port, "--management-port", 0]
        command += ["--data-dir", self.data, *self.arguments]
        with open(self.folder / "log", "ab") as log:
            before = time.monotonic()
            self.process = subprocess.Popen(
                [str(part) for part in command], stdout=subprocess.PIPE, stderr=log, text=True
            )
        for line in self.process.stdout:
            found = re.match(r"ready amqp=\S*:(\d+) management=\S*:(\d+)", line)
            if found:
                self.port, self.management_port = int(found.group(1)), int(found.group(2))
                return time.monotonic() - before
        raise RuntimeError(f"the broker did not start: {(self.folder / 'log').read_text()[-2000:]}")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.wait(60)
        self.process.stdout.close()

    def kill(self):
        self.stop(signal.SIGKILL)

    def close(self):
        if self.process.poll() is None:
            self.kill()
        shutil.rmtree(self.folder)

    @property
    def pid(self):
        return self.process.pid

    def cpu_s(self):
        """CPU time of all threads; the clock of another process is made of its number."""
        return time.clock_gettime((~self.pid << 3) | 2)

    def resident_bytes(self, field="VmRSS"):
        status = Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(rf"^{field}:\s+(\d+)", status, re.M).group(1)) * 1024

    def written_bytes(self):
        counts = Path(f"/proc/{self.pid}/io").read_text()
        return int(re.search(r"^write_bytes: (\d+)", counts, re.M).group(1))

    def data_bytes(self):
        """Blocks that the data directory takes; files may come and go meanwhile."""
        total = 0
        for folder, _, files in os.walk(self.data):
            for name in files:
                try:
                    total += os.stat(os.path.join(folder, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
        return total

    def connect(self):
        """A raw connection with channel 1."""
        connection = wire.WireConnection("127.0.0.1", self.port, timeout=120)
        connection.handshake()
        connection.open_channel(1)
        return connection

    def store(self):
        """The figures of the store."""
        return self.manage(f"nodes/{self.manage('nodes')[0]['name']}")["lepus_store"]

    def manage(self, path):
        """What the management API answers."""
        token = base64.b64encode(b"guest:guest").decode()
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.management_port}/api/{path}",
            headers={"Authorization": f"Basic {token}"},
        )
        with urllib.request.urlopen(request) as answer:
            return json.load(answer)

    def cycles(self, kind, *options):
        """The phases of one `lepus-perf cycles`."""
        result = self.folder / "result.json"
        command = [PERF, "cycles", kind, "--port", self.port, "--broker-pid", self.pid]
        run([*command, "--json", result, *options])
        return json.loads(result.read_text())

    def perf(self, *options):
        """The result of one `lepus-perf run`."""
        result = self.folder / "result.json"
        command = [PERF, "run", "--port", self.port, "--broker-pid", self.pid, "--quiet"]
        command += ["--json", result, *options]
        run([str(part) for part in command])
        return json.loads(result.read_text())


def run(command):
    """The standard output of a program that must succeed."""
    done = subprocess.run(
        [str(part) for part in command], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{command[0]}: {done.stderr or done.stdout}")
    return done.stdout


def store_perf(*arguments):
    return json.loads(run([STORE_PERF, *arguments]))


def syncs_per_second(folder, size_bytes, duration_s):
    return sync_loop(folder, size_bytes, duration_s)[0]


def sync_loop(folder, size_bytes, duration_s):
    """A loop that appends so much to a growing file and calls fdatasync: how often in a second, and
    the CPU time of each in µs."""
    text = run([PERF, "limit", "fsync", "--directory", folder, "--size", size_bytes,
                "--duration", duration_s])  # fmt: skip
    found = re.search(r"fdatasync: (\d+)/s, ([\d.]+) CPU", text)
    return float(found.group(1)), float(found.group(2))


def wait_for_at_most(limit, probe, timeout_s):
    """Calls `probe` each second until it is at most `limit`; returns its last answer and the
    seconds that went by."""
    start = time.monotonic()
    while True:
        answer, elapsed = probe(), time.monotonic() - start
        if answer <= limit or elapsed >= timeout_s:
            return answer, elapsed
        time.sleep(1)
