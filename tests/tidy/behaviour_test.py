#!/usr/bin/env python3
"""Shows that behaviour.py can fail."""

import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).parent))
import behaviour

DOCUMENT = "| `a_word` | `queue/one`, `queue/two` |\n| text/plain | `tests/broker/a_test.cc` |\n"


class BehaviourTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = pathlib.Path(folder.name)
        self.write(behaviour.DOCUMENT, DOCUMENT)
        self.write("tests/scenarios/queue/one.scenario")
        self.write("tests/scenarios/queue/two.scenario")
        self.write("tests/broker/a_test.cc")

    def write(self, path, text=""):
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run_program(self):
        program = [sys.executable, str(pathlib.Path(behaviour.__file__)), str(self.root)]
        return subprocess.run(program, capture_output=True, text=True, check=False)

    def test_what_belongs_together_passes(self):
        self.assertEqual(behaviour.check(self.root), (3, []))
        self.assertEqual(self.run_program().returncode, 0)

    def test_a_scenario_that_is_not_named_fails(self):
        self.write("tests/scenarios/basic/one.scenario")
        self.assertEqual(behaviour.check(self.root)[1], [f"{behaviour.DOCUMENT} does not name the scenario basic/one"])

    def test_a_scenario_that_is_gone_fails(self):
        (self.root / "tests/scenarios/queue/two.scenario").unlink()
        self.assertEqual(behaviour.check(self.root)[1], [f"{behaviour.DOCUMENT}: there is no scenario queue/two"])

    def test_a_file_that_is_gone_fails(self):
        (self.root / "tests/broker/a_test.cc").unlink()
        result = self.run_program()
        self.assertEqual(result.returncode, 1)
        self.assertEqual(
            result.stdout, f"{behaviour.DOCUMENT}: there is no tests/broker/a_test.cc\n2 passed, 1 failed\n"
        )

    def test_an_empty_tree_fails(self):
        self.write(behaviour.DOCUMENT, "")
        for path in (self.root / "tests").rglob("*.scenario"):
            path.unlink()
        self.assertEqual(self.run_program().returncode, 1)


if __name__ == "__main__":
    unittest.main()
