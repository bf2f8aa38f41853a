"""What became of the tests of a client library."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from support.broker import REPOSITORY

SOURCES = REPOSITORY / "build/compatibility"


@dataclass
class Outcomes:
    """By the names of the client's tests; `failed` with what they printed."""

    suite: str
    exceptions: dict[str, str]
    passed: set[str] = field(default_factory=set)
    skipped: set[str] = field(default_factory=set)
    failed: dict[str, str] = field(default_factory=dict)

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


def unpacked(name, download):
    """A folder below build/ with what `download(folder)` put there; it is called once."""
    folder = SOURCES / name
    if not (folder / "complete").exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        try:
            download(folder)
        except (subprocess.SubprocessError, OSError) as error:
            if not os.environ.get("LEPUS_SKIP_UNFETCHED"):
                raise
            pytest.skip(f"{name} can't be fetched: {error}")
        (folder / "complete").touch()
    return folder


def source_of_python_package(name, version):
    """The source distribution from PyPI, unpacked."""

    def download(folder):
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
        subprocess.run(
            [*pip, "--no-deps", "--no-binary", ":all:", f"{name}=={version}"],
            cwd=folder,
            check=True,
            timeout=300,
        )
        shutil.unpack_archive(folder / f"{name}-{version}.tar.gz", folder)

    return unpacked(f"{name}-{version}", download) / f"{name}-{version}"


def source_of_node_package(name, version, needed):
    """The package from npm, unpacked, with what its tests need besides."""

    def download(folder):
        npm = {"cwd": folder, "check": True, "timeout": 300, "stdout": subprocess.DEVNULL}
        subprocess.run(["npm", "pack", "--silent", f"{name}@{version}"], **npm)
        shutil.unpack_archive(folder / f"{name}-{version}.tgz", folder)
        npm["cwd"] = folder / "package"
        subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--silent", *needed], **npm)

    return unpacked(f"{name}-{version}", download) / "package"


def source_of_go_module(module, version):
    """A writable copy of the module's source, through the Go module proxy."""
    name = module.rsplit("/", 1)[-1]

    def download(folder):
        answer = subprocess.run(
            ["go", "mod", "download", "-json", f"{module}@{version}"],
            stdout=subprocess.PIPE,
            text=True,
            timeout=180,
            cwd="/",
            check=True,
        )
        shutil.copytree(json.loads(answer.stdout)["Dir"], folder / "source")
        for path in [folder / "source", *(folder / "source").rglob("*")]:
            path.chmod(path.stat().st_mode | 0o200)

    return unpacked(f"{name}-{version}", download) / "source"


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
    outcomes = Outcomes(suite, exceptions)
    for case in ElementTree.parse(report).iter("testcase"):
        name = f"{case.get('classname').rsplit('.', 1)[-1]}.{case.get('name')}"
        problem = next((each for each in case if each.tag in ("failure", "error")), None)
        if problem is not None:
            outcomes.failed[name] = (problem.text or "")[-2000:]
        elif case.find("skipped") is not None:
            outcomes.skipped.add(name)
        else:
            outcomes.passed.add(name)
    return outcomes


def run_mocha(suite, source, environment, directory, exceptions, timeout=300):
    """A client's tests that mocha runs, written in its TDD style."""
    report = directory / "report.json"
    log = directory / "mocha.log"
    run(
        ["npx", "mocha", "--exit", "-u", "tdd", "--reporter=json", f"--reporter-option=output={report}"]
        + sorted(str(path.relative_to(source)) for path in (source / "test").glob("*.js")),
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


def run_go_tests(suite, source, environment, directory, exceptions, timeout=400):
    """A module's tests, those with the tag `integration` too."""
    binary = source / "integration.test"
    log = directory / "go-test.json"
    if not binary.exists():
        build = ["go", "test", "-c", "-tags", "integration", "-o", binary, "."]
        assert run(build, log, 400, cwd=source).returncode == 0, log.read_text()
    run(
        ["go", "tool", "test2json", f"./{binary.name}", "-test.v=test2json", "-test.timeout=300s"],
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
