"""The tests of rabbitmq-c, the C library librabbitmq, from Debian's source package."""

import os
import shutil

import pytest

from control import on_default_port
from outcomes import read_junit, run
from sources import source_of_debian_package

VERSION = "0.11.0"
DIGEST = "437d45e0e35c18cf3e59bcfe5dfe37566547eb121e69fca64b98f5d2c1c2d424"
OPTIONS = {
    "ENABLE_SSL_SUPPORT": "OFF",
    "BUILD_EXAMPLES": "OFF",
    "BUILD_TOOLS": "OFF",
    "BUILD_SHARED_LIBS": "OFF",
    "BUILD_TESTS": "ON",
    "RUN_SYSTEM_TESTS": "ON",
}

EXCEPTIONS = {}

pytestmark = [
    pytest.mark.quick,
    pytest.mark.skipif(shutil.which("cmake") is None, reason="CMake is not installed"),
]


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_debian_package("librabbitmq", VERSION, DIGEST)
    build = test_directory / "build"
    log = test_directory / "build.log"
    options = [f"-D{name}={value}" for name, value in OPTIONS.items()]
    configured = run(["cmake", "-S", source, "-B", build, "-G", "Ninja", *options], log, 100)
    assert configured.returncode == 0, log.read_text()[-4000:]
    assert run(["ninja", "-C", build], log, 300).returncode == 0, log.read_text()[-4000:]
    report = test_directory / "report.xml"
    run(
        ["ctest", "--test-dir", build, "--output-junit", report],
        test_directory / "ctest.log",
        100,
        env={**os.environ, **on_default_port(broker, test_directory)},
    )
    judge(read_junit(f"rabbitmq-c {VERSION}", [report], EXCEPTIONS), at_least=7)
