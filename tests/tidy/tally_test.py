#!/usr/bin/env python3
"""Shows that tally.py counts what failed, crashed or never ran."""

import json
import pathlib
import subprocess
import sys
import tempfile
import unittest

TALLY = pathlib.Path(__file__).parents[1] / "tally.py"


def google_test(*failures):
    tests = [{"result": "COMPLETED"}, {"result": "SKIPPED"}]
    tests += [{"name": name, "result": "COMPLETED", "failures": [{}]} for name in failures]
    return {"testsuites": [{"name": "Suite", "testsuite": tests}]}


class TallyTest(unittest.TestCase):
    def tally(self, cases, reports=None):
        """The program's last line and exit code; `cases` are (name, status, output)."""
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            body = "".join(f'<testcase name="{case}" status="{status}"><system-out>{output}</system-out></testcase>'
                           for case, status, output in cases)
            (folder / "ctest.xml").write_text(f"<testsuite>{body}</testsuite>")
            for test, report in (reports or {}).items():
                (folder / f"{test}.json").write_text(report if isinstance(report, str) else json.dumps(report))
            result = subprocess.run([sys.executable, str(TALLY), str(folder / "ctest.xml"), name],
                                    capture_output=True, text=True, check=False)
        return result.stdout.splitlines()[-1], result.returncode

    def test_each_test_of_a_binary_counts_and_skipped_ones_do_not(self):
        self.assertEqual(self.tally([("a", "run", "")], {"a": google_test()}), ("1 passed, 0 failed", 0))

    def test_failures_of_a_binary_count(self):
        self.assertEqual(self.tally([("a", "fail", "")], {"a": google_test("x", "y")}), ("1 passed, 2 failed", 1))

    def test_a_crash_without_a_report_is_a_failure(self):
        self.assertEqual(self.tally([("a", "fail", "")]), ("0 passed, 1 failed", 1))

    def test_a_binary_that_fails_after_its_tests_passed_is_a_failure(self):
        self.assertEqual(self.tally([("a", "fail", "")], {"a": google_test()}), ("1 passed, 1 failed", 1))

    def test_a_script_counts_by_its_last_line(self):
        self.assertEqual(self.tally([("a", "run", "x\n7 passed, 0 failed\n")]), ("7 passed, 0 failed", 0))
        self.assertEqual(self.tally([("a", "fail", "7 passed, 2 failed\n")]), ("7 passed, 2 failed", 1))

    def test_any_other_test_counts_once(self):
        self.assertEqual(self.tally([("a", "run", "fine"), ("b", "run", "")]), ("2 passed, 0 failed", 0))

    def test_a_test_that_was_not_run_is_a_failure(self):
        self.assertEqual(self.tally([("a", "notrun", "")]), ("0 passed, 1 failed", 1))

    def test_nothing_is_not_success(self):
        self.assertEqual(self.tally([]), ("0 passed, 0 failed", 1))

    def test_a_damaged_report_is_a_failure(self):
        self.assertEqual(self.tally([("a", "run", "")], {"a": "{"})[1], 1)


if __name__ == "__main__":
    unittest.main()
