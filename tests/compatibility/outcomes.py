"""What became of the tests of a client library."""

import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Outcomes:
    """By the names of the client's tests; `failed` with what they printed."""

    suite: str
    exceptions: dict[str, str]
    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

    def add(self, other):
        """What became of other tests of the same suite."""
        self.passed |= other.passed
        self.skipped |= other.skipped
        self.failed.update(other.failed)

    def except_failed(self, reasons, at_most):
        """For tests that are many: `reasons` is by a part of their names. More than so many are not
        all excused by them."""
        for test in self.failed:
            for part, reason in reasons.items():
                if part in test:
                    self.exceptions = {**self.exceptions, test: reason}
        excepted = sorted(self.excepted())
        assert len(excepted) <= at_most, f"more fail than are excused: {excepted}"

    def unexpected(self):
        return {test: text for test, text in self.failed.items() if test not in self.exceptions}

    def excepted(self):
        return {test for test in self.failed if test in self.exceptions}

    def stale(self):
        return self.passed & set(self.exceptions)


def run(command, log_path, timeout, **options):
    """Runs it with all output in the log."""
    with open(log_path, "w") as log:
        return subprocess.run(
            [str(word) for word in command],
            stdout=log,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
            **options,
        )


def read_junit(suite, reports, exceptions):
    """What reports in JUnit's format say, which pytest, Maven, CTest and others write."""
    outcomes = Outcomes(suite, exceptions)
    for case in (each for report in reports for each in ElementTree.parse(report).iter("testcase")):
        name = case.get("name")
        if case.get("classname") not in (None, name):
            name = f"{case.get('classname').rsplit('.', 1)[-1]}.{name}"
        problem = next((each for each in case if each.tag in ("failure", "error")), None)
        if problem is not None:
            outcomes.failed[name] = (problem.text or "")[-2000:]
        elif case.find("skipped") is not None:
            outcomes.skipped.add(name)
        else:
            outcomes.passed.add(name)
    return outcomes


def run_pytest(suite, source, tests, environment, directory, exceptions, timeout=300):
    """A client's tests that pytest runs, in this process's Python environment."""
    report = directory / "report.xml"
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-o", "addopts=", "-q"]
    log = directory / "pytest.log"
    run(
        [*command, f"--junitxml={report}", "--timeout=60", *tests],
        log,
        timeout,
        cwd=source,
        env={**os.environ, "PYTHONPATH": str(source), **environment},
    )
    assert report.exists(), log.read_text()[-4000:]
    return read_junit(suite, [report], exceptions)


def run_mocha(suite, source, environment, directory, exceptions, style="bdd", timeout=300):
    """A client's tests that mocha runs, written in one of its styles."""
    report = directory / "report.json"
    log = directory / "mocha.log"
    run(
        ["npx", "mocha", "--exit", "-u", style, "--reporter=json", f"--reporter-option=output={report}"]
        + sorted(str(path.relative_to(source)) for path in (source / "test").rglob("[!.]*.js")),
        log,
        timeout,
        cwd=source,
        env={**os.environ, **environment},
    )
    assert report.exists(), log.read_text()[-4000:]
    found = json.loads(report.read_text())
    return Outcomes(
        suite,
        exceptions,
        passed={test["fullTitle"] for test in found["passes"]},
        skipped={test["fullTitle"] for test in found["pending"]},
        failed={test["fullTitle"]: json.dumps(test["err"])[:2000] for test in found["failures"]},
    )


def run_go_tests(suite, source, environment, directory, exceptions, timeout=400, skip=""):
    """A module's tests, those with the tag `integration` too; without those that `skip` matches."""
    binary = source / "integration.test"
    log = directory / "go-test.json"
    if not binary.exists():
        build = ["go", "test", "-c", "-tags", "integration", "-o", binary, "."]
        assert run(build, log, 400, cwd=source).returncode == 0, log.read_text()
    run(
        [
            *("go", "tool", "test2json", f"./{binary.name}"),
            *("-test.v=test2json", "-test.timeout=300s", f"-test.skip={skip}"),
        ],
        log,
        timeout,
        cwd=source,
        env={**os.environ, **environment},
    )
    outcomes = Outcomes(suite, exceptions)
    output = defaultdict(list)
    for line in log.read_text().splitlines():
        if not line.startswith("{"):
            continue
        event = json.loads(line)
        test = event.get("Test")
        if event["Action"] == "output":
            output[test].append(event["Output"])
        elif test and event["Action"] == "pass":
            outcomes.passed.add(test)
        elif test and event["Action"] == "skip":
            outcomes.skipped.add(test)
        elif test and event["Action"] == "fail":
            outcomes.failed[test] = "".join(output[test])[-2000:]
    # A crash of the test binary leaves tests that began and did not end.
    for test in set(output) - {None} - outcomes.passed - outcomes.skipped - set(outcomes.failed):
        outcomes.failed[test] = "did not end\n" + "".join(output[test])[-2000:]
    return outcomes


def run_cargo_tests(suite, source, environment, directory, exceptions, features="", timeout=400):
    """A crate's unit and integration tests, without those in its documentation."""
    log = directory / "cargo-test.log"
    command = ["cargo", "test", "--locked", "--tests", "--features", features]
    # Symbols for a debugger would make what is kept below build/ ten times as large.
    small = {**os.environ, "CARGO_PROFILE_DEV_DEBUG": "0", "CARGO_INCREMENTAL": "0"}
    small["CARGO_PROFILE_TEST_DEBUG"] = "0"
    build = run([*command, "--no-run"], log, 800, cwd=source, env=small)
    assert build.returncode == 0, log.read_text()[-4000:]
    run(
        [*command, "--offline", "--no-fail-fast"],
        log,
        timeout,
        cwd=source,
        env={**small, **environment},
    )
    outcomes = Outcomes(suite, exceptions)
    program = ""
    for line in log.read_text(errors="replace").splitlines():
        if found := re.match(r" +Running (?:unittests )?(\S+) \(", line):
            program = Path(found[1]).stem
        elif found := re.match(r"test (\S+)(?: - should panic)? \.\.\. (ok|ignored|FAILED)", line):
            name = f"{program} {found[1]}"
            if found[2] == "ok":
                outcomes.passed.add(name)
            elif found[2] == "ignored":
                outcomes.skipped.add(name)
            else:
                outcomes.failed[name] = f"see {log}"
        elif line.startswith("error: test failed"):
            # One that crashed names no test.
            if not any(test.startswith(f"{program} ") for test in outcomes.failed):
                outcomes.failed[program] = line
    return outcomes
