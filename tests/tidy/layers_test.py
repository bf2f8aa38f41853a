#!/usr/bin/env python3
"""Shows that layers.py can fail: each rule has an include that breaks it, and one that does not."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import layers

REFUSED = [
    ("amqp includes the model", "amqp/a.h", '#include "broker/model/queue.h"'),
    ("amqp includes storage", "amqp/a.h", '#include "storage/store.h"'),
    ("storage includes amqp", "storage/a.h", '#include "amqp/types.h"'),
    ("base includes amqp", "broker/base/a.h", '#include "amqp/types.h"'),
    ("model includes a connection", "broker/model/a.h", '#include "broker/connection/channel.h"'),
    ("model includes a store's implementation", "broker/model/a.h", '#include "storage/rocksdb_store.h"'),
    ("model includes the store for tests", "broker/model/a.h", '#include "storage/memory_store.h"'),
    ("connection includes storage", "broker/connection/a.h", '#include "storage/store.h"'),
    ("connection includes transport", "broker/connection/a.h", '#include "broker/transport/server.h"'),
    ("transport includes management", "broker/transport/a.h", '#include "management/server.h"'),
    ("management includes a connection", "management/a.h", '#include "broker/connection/channel.h"'),
    ("model includes the wiring", "broker/model/a.h", '#include "broker/configuration.h"'),
    ("source includes a test", "storage/a.h", '#include "tests/support/a.h"'),
    ("a path that is not from the root", "amqp/a.h", '#include "types.h"'),
    ("a relative path", "amqp/a.h", '#include "../storage/store.h"'),
    ("a file that is not there", "amqp/a.h", '#include "amqp/missing.h"'),
    ("Asio in the model", "broker/model/a.h", "#include <boost/asio/post.hpp>"),
    ("Asio in the codec", "amqp/a.h", "#include <boost/asio.hpp>"),
    ("Beast in a connection", "broker/connection/a.h", "#include <boost/beast/http.hpp>"),
    ("RocksDB in the model", "broker/model/a.h", "#include <rocksdb/db.h>"),
    ("RocksDB in the store's interface", "storage/store.h", "#include <rocksdb/db.h>"),
    ("JSON in the model", "broker/model/a.h", "#include <nlohmann/json.hpp>"),
    ("the log in a connection", "broker/connection/a.h", "#include <spdlog/spdlog.h>"),
    ("a thread in the model", "broker/model/a.h", "#include <thread>"),
    ("a lock in a connection", "broker/connection/a.h", "#include <mutex>"),
    ("a lock in the codec", "amqp/a.h", "#include <shared_mutex>"),
    ("a file in the model", "broker/model/a.h", "#include <fstream>"),
    ("a socket in a connection", "broker/connection/a.h", "#include <sys/socket.h>"),
    ("blanks around the parts", "broker/connection/a.h", "  #  include   <mutex>"),
    ("the standard's assert", "amqp/a.h", "#include <cassert>"),
    ("a test library in the broker", "broker/a.h", "#include <gtest/gtest.h>"),
]
ACCEPTED = [
    ("the codec's base", "amqp/a.h", '#include "broker/base/result.h"'),
    ("the model's codec", "broker/model/a.h", '#include "amqp/types.h"'),
    ("the model's store", "broker/model/a.h", '#include "storage/store.h"'),
    ("the model's lock", "broker/model/a.h", "#include <shared_mutex>"),
    ("the store's RocksDB", "storage/rocksdb_a.h", "#include <rocksdb/db.h>"),
    ("the store's thread", "storage/a.h", "#include <thread>"),
    ("Asio in the transport", "broker/transport/a.h", "#include <boost/asio/post.hpp>"),
    ("Beast in management", "management/api/a.h", "#include <boost/beast/http.hpp>"),
    ("JSON in management", "management/a.h", "#include <nlohmann/json.hpp>"),
    ("everything in the wiring", "broker/a.cc", '#include "management/server.h"'),
    ("everything in a test", "tests/amqp/a.cc", '#include "storage/store.h"'),
    ("the system in a test", "tests/amqp/a.cc", "#include <thread>"),
    ("a commented include", "amqp/a.h", '// #include "storage/store.h"'),
]
EXISTING = {match[1] for _, _, line in REFUSED + ACCEPTED if "missing" not in line and "../" not in line
            for match in [layers.re.search(r'"([^"]+)"', line)] if match and "/" in match[1]}


class LayersTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        for path in EXISTING:
            self.write(path, "")

    def write(self, path, text, once="#pragma once\n"):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text((once if path.endswith(".h") else "") + text + "\n")

    def test_what_breaks_a_rule_is_named_with_its_line(self):
        for name, path, line in REFUSED:
            with self.subTest(name):
                self.write(path, line)
                problems = layers.check_file(self.root, path)
                self.assertEqual(len(problems), 1, problems)
                self.assertRegex(problems[0], rf"^{path}:\d+: ")

    def test_what_keeps_the_rules_passes(self):
        for name, path, line in ACCEPTED:
            with self.subTest(name):
                self.write(path, line)
                self.assertEqual(layers.check_file(self.root, path), [])

    def test_header_without_pragma_once_is_refused(self):
        self.write("amqp/a.h", "int f();", once="")
        self.assertEqual(layers.check_file(self.root, "amqp/a.h"), ["amqp/a.h:1: has no #pragma once"])

    def test_file_in_no_layer_is_refused(self):
        self.write("broker/other/a.h", "")
        self.assertEqual(len(layers.check_file(self.root, "broker/other/a.h")), 1)

    def test_the_program_fails_and_counts(self):
        self.write("amqp/bad.h", '#include "storage/store.h"')
        program = [sys.executable, str(pathlib.Path(layers.__file__)), str(self.root)]
        result = subprocess.run(program, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertIn("amqp/bad.h:2: amqp may not include storage", result.stdout)
        self.assertTrue(result.stdout.endswith(" passed, 1 failed\n"), result.stdout)

    def test_a_tree_without_sources_fails(self):
        with tempfile.TemporaryDirectory() as empty:
            program = [sys.executable, str(pathlib.Path(layers.__file__)), empty]
            self.assertEqual(subprocess.run(program, capture_output=True, check=False).returncode, 1)


if __name__ == "__main__":
    unittest.main()
