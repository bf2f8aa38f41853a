"""The tests of aio-pika (Python, asyncio)."""

import os
import shutil
from pathlib import Path

import pytest

from control import answering_later
from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "10.2.1"
NEEDED = ["aiomisc==18.0.37", "aiomisc-pytest==2.0.0", "aiothreads==1.1.4", "colorlog==6.12.0"]
NEEDED += ["logging_journald==0.6.12", "shortuuid==1.0.13", "timeout-decorator==0.5.0"]

EXCEPTIONS = {}

# The first starts containers of several versions of RabbitMQ and stops them; the second needs TLS;
# the third are those of test_amqp.py once more.
LEFT_OUT = ["test_robust_recovery.py", "test_amqps.py", "test_amqp_robust.py"]

# A broker as quick as ours has sent close-ok before the client's tasks of the connection have ended.
RACES = "test_leak_unclosed_channel or test_create_channels_during_reconnect"

pytestmark = pytest.mark.timeout(1800)


def test_its_tests_with_a_running_broker(broker, test_directory, judge):
    original = source_of_python_package("aio_pika", VERSION, NEEDED)
    source = test_directory / "source"
    shutil.copytree(original, source)
    shutil.copy(Path(__file__).with_name("running_broker.py"), source / "tests/docker_client.py")
    ignored = [f"--ignore=tests/{name}" for name in LEFT_OUT]

    def run_with(name, port, *arguments):
        directory = test_directory / name
        directory.mkdir()
        environment = {
            "LEPUS_TEST_PORT": str(port),
            "LEPUS_TEST_TLS_PORT": "0",
            "PYTHONPATH": os.pathsep.join([str(source), str(original.parent / "needed")]),
        }
        arguments = ["-p", "no:asyncio", *ignored, *arguments, "tests"]
        suite = f"aio-pika {VERSION}"
        return run_pytest(suite, source, arguments, environment, directory, EXCEPTIONS, timeout=1700)

    outcomes = run_with("most", broker.port, "-k", f"not ({RACES})")
    with answering_later(broker.host, broker.port, 0.001) as port:
        outcomes.add(run_with("races", port, "-k", RACES))
    judge(outcomes, at_least=580)
