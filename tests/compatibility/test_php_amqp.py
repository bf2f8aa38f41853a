"""The tests of php-amqp, PHP's extension over rabbitmq-c: Debian's build of it, with its tests from
Debian's source package."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from outcomes import read_junit, run
from sources import source_of_debian_package

VERSION = "1.11.0"
DIGEST = "dc5212b4785f59955118a219bbfbcedb7aa6ab2a91e8038a0ad1898f331c2f08"

EXCEPTIONS = {
    "amqpconnection_construct_with_connect_timeout": "connects to an address of the internet",
    "bug_62354": "was written for a PHP before 8.2, which warns",
}


def has_extension():
    command = ["php", "-r", "exit(extension_loaded('amqp') ? 0 : 1);"]
    return shutil.which("php") is not None and subprocess.run(command, check=False).returncode == 0


def runner():
    """PHP's own program for tests of this kind; it comes with php-dev."""
    found = list(Path("/usr/lib/php").glob("2*/build/run-tests.php"))
    return found[0] if found else None


pytestmark = [
    pytest.mark.skipif(not has_extension(), reason="PHP's amqp is not installed (php-amqp)"),
    pytest.mark.skipif(runner() is None, reason="run-tests.php is not installed (php-dev)"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_debian_package("php-amqp", VERSION, DIGEST)
    tests = test_directory / "tests"
    # PHP binds the extension to the C library before anything that is preloaded: the port is set,
    # and what is printed of it is changed with it.
    shutil.copytree(source / "tests", tests)
    for path in tests.glob("*.phpt"):
        path.write_bytes(path.read_bytes().replace(b"5672", str(broker.port).encode()))
    report = test_directory / "report.xml"
    run(
        ["php", runner(), "-q", "-P", "-d", f"amqp.port={broker.port}", tests],
        test_directory / "php.log",
        600,
        cwd=test_directory,
        env={**os.environ, "TEST_PHP_EXECUTABLE": shutil.which("php"), "TEST_PHP_JUNIT": str(report)},
    )
    outcomes = read_junit(f"php-amqp {VERSION}", [report], {})
    outcomes.exceptions = {
        test: reason
        for test in outcomes.passed | set(outcomes.failed)
        for name, reason in EXCEPTIONS.items()
        if f"{name}.phpt" in test
    }
    judge(outcomes, at_least=150)
