"""Child processes of the tests: started with their own log, watched by their output, ended by
pid."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

PROGRAMS = Path(__file__).resolve().parent.parent / "programs"


class Program:
    """A child process whose output is copied to `log_path` and can be awaited line by line."""

    def __init__(self, arguments, log_path, environment=None, merge_errors=True, directory=None):
        self.log_path = Path(log_path)
        self._lines = []
        self._position = 0
        self._ended = False
        self._changed = threading.Condition()
        self._log = open(self.log_path, "ab", buffering=0)
        self.process = subprocess.Popen(
            [str(argument) for argument in arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merge_errors else self._log,
            env={**os.environ, **(environment or {})},
            cwd=directory,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self):
        return self.process.pid

    @property
    def running(self):
        return self.process.poll() is None

    def _read(self):
        for line in self.process.stdout:
            self._log.write(line)
            with self._changed:
                self._lines.append(line.decode(errors="replace").rstrip("\n"))
                self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def wait_for_line(self, pattern, timeout=20.0):
        """Returns the match of the next line that `pattern` is found in, skipping those before
        it."""
        deadline = time.monotonic() + timeout
        with self._changed:
            while True:
                while self._position < len(self._lines):
                    match = re.search(pattern, self._lines[self._position])
                    self._position += 1
                    if match:
                        return match
                remaining = deadline - time.monotonic()
                if self._ended or remaining <= 0:
                    why = "its output ended" if self._ended else f"nothing for {timeout} s"
                    raise AssertionError(
                        f"{self.process.args[0]}: no line matches {pattern!r}: {why}\n{self.tail()}"
                    )
                self._changed.wait(remaining)

    def send_line(self, text):
        self.process.stdin.write(text.encode() + b"\n")
        self.process.stdin.flush()

    def lines(self):
        with self._changed:
            return list(self._lines)

    def tail(self, count=60):
        """The last lines of the log, for failure reports."""
        text = self.log_path.read_text(errors="replace") if self.log_path.exists() else ""
        return "\n".join(text.splitlines()[-count:])

    def kill(self):
        """SIGKILL, and waits for the end."""
        self._end(signal.SIGKILL, 10)

    def terminate(self, timeout=10.0):
        """SIGTERM, and waits for the end; returns the exit status."""
        self._end(signal.SIGTERM, timeout)
        return self.process.returncode

    def wait(self, timeout):
        self.process.wait(timeout)
        self._reader.join(timeout)
        return self.process.returncode

    def close(self):
        """Ends the process, gently first; for clean-up."""
        if self.running:
            try:
                self._end(signal.SIGTERM, 10)
            except subprocess.TimeoutExpired:
                self._end(signal.SIGKILL, 10)
        self._reader.join(10)
        self.process.stdin.close()
        self.process.stdout.close()
        self._log.close()

    def _end(self, number, timeout):
        if self.running:
            self.process.send_signal(number)
        self.process.wait(timeout)


def python_program(name, arguments, log_path, environment=None, **options):
    """Starts `programs/{name}` with this interpreter."""
    return Program(
        [sys.executable, "-u", PROGRAMS / name, *arguments], log_path, environment, **options
    )
