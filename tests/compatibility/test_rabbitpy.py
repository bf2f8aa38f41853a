"""The tests of rabbitpy (Python)."""

import os

from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "3.0.2"
NEEDED = ["python-dotenv==1.1.1"]

EXCEPTIONS = {}


def test_all_of_its_tests(broker, test_directory, judge):
    source = source_of_python_package("rabbitpy", VERSION, NEEDED)
    outcomes = run_pytest(
        f"rabbitpy {VERSION}",
        source,
        ["tests"],
        {
            "RABBITMQ_URL": broker.url,
            "PYTHONPATH": os.pathsep.join(str(path) for path in (source, source.parent / "needed")),
        },
        test_directory,
        EXCEPTIONS,
    )
    judge(outcomes, at_least=360)
