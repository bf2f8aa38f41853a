"""The tests of aio-pika (Python, asyncio)."""

import os
import shutil
from pathlib import Path

import pytest

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "10.2.1"
NEEDED = ["aiomisc==18.0.37", "aiomisc-pytest==2.0.0", "aiothreads==1.1.4", "colorlog==6.12.0"]
NEEDED += ["logging_journald==0.6.12", "shortuuid==1.0.13", "timeout-decorator==0.5.0"]

EXCEPTIONS = {}

# The first starts containers of several versions of RabbitMQ and stops them; the second needs TLS;
# the third are those of test_amqp.py once more.
LEFT_OUT = ["test_robust_recovery.py", "test_amqps.py", "test_amqp_robust.py"]

pytestmark = pytest.mark.timeout(1800)


def test_its_tests_with_a_running_broker(broker, test_directory, judge):
    original = source_of_python_package("aio_pika", VERSION, NEEDED)
    source = test_directory / "source"
    shutil.copytree(original, source)
    shutil.copy(Path(__file__).with_name("running_broker.py"), source / "tests/docker_client.py")
    outcomes = run_pytest(
        f"aio-pika {VERSION}",
        source,
        ["-p", "no:asyncio", *(f"--ignore=tests/{name}" for name in LEFT_OUT), "tests"],
        {
            "LEPUS_TEST_PORT": str(broker.port),
            "LEPUS_TEST_TLS_PORT": "0",
            "PYTHONPATH": os.pathsep.join([str(source), str(original.parent / "needed")]),
        },
        test_directory,
        EXCEPTIONS,
        timeout=1700,
    )
    judge(outcomes, at_least=300)
