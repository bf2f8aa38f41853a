#!/usr/bin/env python3
"""Adds up a ctest run: tally.py JUNIT-FILE REPORT-FOLDER.

A GoogleTest binary left REPORT-FOLDER/<name>.json and counts with each of its tests; a test whose output ends in
`N passed, N failed` counts with those; any other counts once. A test that ctest calls failed adds at least one
failure (a crash, a time limit). Prints the names of what failed and ends with `N passed, N failed`.
"""

import json
import pathlib
import re
import sys
import xml.etree.ElementTree

LAST_LINE = re.compile(r"(\d+) passed, (\d+) failed\s*\Z")


def from_report(report):
    """(passed, names of the failed) of a GoogleTest report; skipped and disabled tests count for neither."""
    passed, failed = 0, []
    for suite in report.get("testsuites", []):
        for test in suite.get("testsuite", []):
            if test.get("failures"):
                failed.append(f"{suite['name']}.{test['name']}")
            elif test.get("result") == "COMPLETED":
                passed += 1
    return passed, failed


def count(case, reports):
    """(passed, names of the failed) of one ctest test."""
    name = case.get("name")
    succeeded = case.get("status") == "run"
    output = case.findtext("system-out") or ""
    report = reports / f"{name}.json"
    if report.exists():
        passed, failed = from_report(json.loads(report.read_text()))
        failed = [f"{name}: {test}" for test in failed]
    elif match := LAST_LINE.search(output):
        passed, failed = int(match[1]), [f"{name}: see above"] * int(match[2])
    else:
        passed, failed = int(succeeded), []
    if not succeeded and not failed:
        failed = [f"{name}: {case.get('status')}"]
    return passed, failed


def tally(junit, reports):
    passed, failed = 0, []
    for case in xml.etree.ElementTree.parse(junit).getroot().iter("testcase"):
        if case.get("status") == "disabled":
            continue
        more_passed, more_failed = count(case, reports)
        passed += more_passed
        failed += more_failed
    return passed, failed


def main():
    junit, reports = (pathlib.Path(argument) for argument in sys.argv[1:3])
    try:
        passed, failed = tally(junit, reports)
    except (OSError, ValueError, xml.etree.ElementTree.ParseError) as error:
        print(f"no result of ctest: {error}")
        passed, failed = 0, ["ctest"]
    for name in failed:
        print(f"FAILED {name}")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
