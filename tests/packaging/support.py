"""A folder of stand-ins for programs, which note how they were called."""

import os
import pathlib
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]


class ScriptTest(unittest.TestCase):
    """Gives each test a folder `self.folder`, stand-ins before everything else on the path, and their log."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name).resolve()
        self.programs = self.folder / "programs"
        self.log = self.folder / "log"
        self.log.touch()
        self.environment = {"PATH": f"{self.programs}:{os.environ['PATH']}", "LOG": str(self.log)}

    def write(self, path, text, mode=0o644):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def stand_in(self, name, body=""):
        """A program that notes its name and arguments in the log, then does `body` (a shell script)."""
        self.write(self.programs / name, f'#!/bin/sh\necho "{name} $*" >>"$LOG"\n{body}\n', 0o755)

    def called(self, name=""):
        """The calls since the last one of this function, one line each."""
        lines = self.log.read_text().splitlines()
        self.log.write_text("")
        return [line for line in lines if line.startswith(name)]

    def call(self, *command, **options):
        options = {"cwd": self.folder, "env": self.environment} | options
        return subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False,
                              stdin=subprocess.DEVNULL, timeout=60, **options)
