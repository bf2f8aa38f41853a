#!/usr/bin/env python3
"""./test and .ci/run with stand-ins for the build and the tests: what they run, how they count, when they fail."""

import shutil
import unittest

from support import ROOT, ScriptTest

# Writes a result file of one test, which $CTEST_STATUS says passed (run) or failed (fail).
CTEST = """for argument; do
  case $last in --output-junit) printf '<s><testcase name="a" status="%s"/></s>' "${CTEST_STATUS:-run}" >"$argument" ;; esac
  last=$argument
done"""


class TestTest(ScriptTest):
    def setUp(self):
        super().setUp()
        self.tree = self.folder / "tree"
        for file in ("test", ".ci/run", "cmake/setup.sh", "tests/tally.py"):
            (self.tree / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / file, self.tree / file)
        for name in ("cmake", "ninja", "apt-get"):
            self.stand_in(name)
        self.stand_in("dpkg-query", "echo installed")
        self.stand_in("ctest", CTEST)
        self.write(self.tree / "tests/tidy/tidy.py", 'import sys\nprint("tidied", sys.argv[1:])\nprint("5 passed, 0 failed")\n')
        self.integration("40 passed, 0 failed", 0)
        self.write(self.tree / "tests/compatibility/run", "#!/bin/sh\necho '6 passed, 0 failed'\n", 0o755)

    def integration(self, last_line, status):
        self.write(self.tree / "tests/integration/run", f"#!/bin/sh\necho '{last_line}'\nexit {status}\n", 0o755)

    def outcome(self, program, *arguments):
        result = self.call(self.tree / program, *arguments)
        return ("\n" + result.stdout).splitlines()[-1], result.returncode

    def test_everything_is_added_up(self):
        self.assertEqual(self.outcome("test"), ("47 passed, 0 failed", 0))

    def test_failures_of_each_part_count(self):
        self.integration("38 passed, 2 failed", 1)
        self.assertEqual(self.outcome("test"), ("45 passed, 2 failed", 1))
        self.environment["CTEST_STATUS"] = "fail"
        self.assertEqual(self.outcome("test"), ("44 passed, 3 failed", 1))

    def test_a_part_that_dies_without_a_count_is_a_failure(self):
        self.integration("Traceback", 1)
        self.assertEqual(self.outcome("test"), ("7 passed, 1 failed", 1))
        self.integration("40 passed, 0 failed", 1)
        self.assertEqual(self.outcome("test"), ("47 passed, 1 failed", 1))
        (self.tree / "tests/integration/run").unlink()
        self.assertEqual(self.outcome("test"), ("7 passed, 1 failed", 1))

    def test_a_ctest_that_writes_nothing_is_a_failure(self):
        self.stand_in("ctest", "exit 0")
        self.assertEqual(self.outcome("test", "unit"), ("0 passed, 1 failed", 1))

    def test_a_failed_build_is_a_failure(self):
        self.stand_in("ninja", "exit 1")
        self.assertEqual(self.outcome("test"), ("0 passed, 1 failed", 1))
        self.assertEqual(self.called("ctest"), [])

    def test_suites_choose_their_tests_and_their_build(self):
        rows = [
            (["unit"], "build/release", "-L ^unit$"),
            (["scenario"], "build/release", "-L ^scenario$"),
            (["asan"], "build/asan", "-L ^(unit|scenario|simulation)$ -LE ^no_asan$"),
            (["tsan"], "build/tsan", "-L ^(unit|scenario|simulation)$ -LE ^no_tsan$"),
            (["asan", "unit", "simulation"], "build/asan", "-L ^(unit|simulation)$ -LE ^no_asan$"),
        ]
        for arguments, folder, labels in rows:
            with self.subTest(arguments):
                self.called()
                self.assertEqual(self.outcome("test", *arguments), ("1 passed, 0 failed", 0))
                call, = self.called("ctest")
                self.assertIn(f"{folder} ", call)
                self.assertTrue(call.endswith(labels), call)

    def test_a_suite_that_does_not_exist_says_so_and_fails(self):
        for suite in ("fuzz", "soak", "benchmark"):
            with self.subTest(suite):
                result = self.call(self.tree / "test", suite)
                self.assertEqual(result.returncode, 1)
                self.assertIn(f"the {suite} suite does not exist yet", result.stderr)

    def test_an_unknown_suite_prints_the_usage(self):
        result = self.call(self.tree / "test", "nonsense")
        self.assertEqual(result.returncode, 2)
        self.assertIn("./test [suite [arguments]]", result.stderr)

    def test_ci_adds_up_its_stages_and_tells_a_failure(self):
        self.assertEqual(self.outcome(".ci/run"), ("53 passed, 0 failed", 0))
        self.integration("38 passed, 2 failed", 1)
        self.assertEqual(self.outcome(".ci/run"), ("51 passed, 2 failed", 1))


if __name__ == "__main__":
    unittest.main()
