#!/usr/bin/env python3
"""./run with stand-ins for the compiler and the packages: when it builds, when not, and what it leaves to the broker."""

import os
import shutil
import subprocess
import unittest

from support import ROOT, ScriptTest

PROGRAM = """mkdir -p build/release/broker
printf '#!/bin/sh\\necho "broker in $(pwd) as $$: $*"\\n' >build/release/broker/lepus
chmod +x build/release/broker/lepus"""


class RunTest(ScriptTest):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        for folder in ("amqp", "storage", "broker", "management"):
            self.write(self.tree / folder / "a.cc", "// first\n")
        for file in ("CMakeLists.txt", "CMakePresets.json"):
            self.write(self.tree / file, "")
        for file in ("run", "cmake/setup.sh"):
            (self.tree / file).parent.mkdir(exist_ok=True)
            shutil.copy2(ROOT / file, self.tree / file)
        self.stand_in("cmake", "echo configuring")
        self.stand_in("ninja", "echo compiling\n" + PROGRAM)
        self.stand_in("dpkg-query", "echo installed")
        self.stand_in("apt-get")
        self.stand_in("sudo", 'exec "$@"')

    def run_it(self, *arguments, **options):
        return self.call(self.tree / "run", *arguments, **options)

    def test_builds_at_first_and_becomes_the_broker(self):
        with subprocess.Popen([str(self.tree / "run"), "--port", "0"], cwd=self.folder, env=self.environment,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
            output, errors = process.communicate(timeout=60)
        self.assertEqual(output, f"broker in {self.folder} as {process.pid}: --port 0\n")
        self.assertIn("configuring", errors)
        self.assertIn("compiling", errors)

    def test_an_unchanged_tree_is_started_without_any_tool(self):
        self.run_it()
        self.called()
        result = self.run_it()
        self.assertEqual((result.returncode, self.called(), result.stderr), (0, [], ""))
        self.assertIn("broker in", result.stdout)

    def test_every_change_of_the_sources_builds_again(self):
        changes = {
            "a changed file": lambda: self.write(self.tree / "amqp/a.cc", "// second\n"),
            "a new file": lambda: self.write(self.tree / "broker/model/b.cc", ""),
            "a removed file": lambda: (self.tree / "broker/model/b.cc").unlink(),
            "an older file in its place": lambda: os.utime(self.tree / "storage/a.cc", (1, 1)),
            "a changed build": lambda: self.write(self.tree / "CMakeLists.txt", "# x\n"),
            "a lost program": lambda: (self.tree / "build/release/broker/lepus").unlink(),
        }
        self.run_it()
        for name, change in changes.items():
            with self.subTest(name):
                change()
                self.called()
                self.assertEqual(self.run_it().returncode, 0)
                self.assertNotEqual(self.called("ninja"), [])
                self.run_it()
                self.assertEqual(self.called(), [])

    def test_a_failed_build_starts_nothing_and_is_tried_again(self):
        self.run_it()
        for tool in ("cmake", "ninja"):
            with self.subTest(tool):
                body = (self.programs / tool).read_text()
                self.stand_in(tool, "exit 1")
                self.write(self.tree / "amqp/a.cc", f"// for {tool}\n")
                for _ in range(2):
                    result = self.run_it()
                    self.assertNotEqual(result.returncode, 0)
                    self.assertEqual(result.stdout, "")
                    self.assertIn("failed", result.stderr)
                self.write(self.programs / tool, body, 0o755)
                self.assertEqual(self.run_it().returncode, 0)

    def test_only_missing_packages_are_installed(self):
        self.stand_in("dpkg-query", 'case "$*" in *librocksdb-dev*) ;; *) echo installed ;; esac')
        self.assertEqual(self.run_it().returncode, 0)
        calls = self.called("apt-get")
        self.assertEqual(len(calls), 1)
        self.assertTrue(calls[0].endswith(" librocksdb-dev"), calls)

    def test_package_lists_are_fetched_when_the_first_try_fails(self):
        self.stand_in("dpkg-query")
        self.stand_in("apt-get", f'case $1 in update) touch {self.folder}/listed ;; esac; test -e {self.folder}/listed')
        self.assertEqual(self.run_it().returncode, 0)
        self.assertEqual([call.split()[1] for call in self.called("apt-get")], ["install", "update", "install"])

    def test_packages_that_cannot_be_installed_are_a_failure(self):
        self.stand_in("dpkg-query")
        self.stand_in("apt-get", "exit 100")
        self.assertNotEqual(self.run_it().returncode, 0)
        self.assertEqual(self.called("ninja"), [])

    def test_a_link_to_it_works_from_any_folder(self):
        (self.folder / "link").symlink_to(self.tree / "run")
        result = self.call(self.folder / "link", "--shards", "1", cwd="/")
        self.assertIn("broker in / as", result.stdout)


if __name__ == "__main__":
    unittest.main()
