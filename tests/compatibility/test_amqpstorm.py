"""The tests of AMQPStorm (Python), also of its client of the management API."""

from control import on_default_port
from outcomes import run_pytest
from sources import source_of_python_package

VERSION = "3.1.4"

OF_ITS_AUTHORS = "is for the node, or for the network, of the library's authors"
EXCEPTIONS = {
    "ApiFunctionalTests.test_api_cluster_name": OF_ITS_AUTHORS,
    "ApiFunctionalTests.test_api_with_inaccessible": OF_ITS_AUTHORS,
}


def test_its_tests_without_tls(broker, management, test_directory, judge):
    source = source_of_python_package("amqpstorm", VERSION)
    outcomes = run_pytest(
        f"amqpstorm {VERSION}",
        source,
        ["--ignore=amqpstorm/tests/functional/ssl", "amqpstorm/tests"],
        {
            **on_default_port(broker, test_directory),
            "AMQP_HOST": broker.host,
            "AMQP_URI": broker.url,
            "AMQP_HTTP_URL": broker.management_url,
            "AMQP_USERNAME": broker.user,
            "AMQP_PASSWORD": broker.password,
        },
        test_directory,
        EXCEPTIONS,
    )
    judge(outcomes, at_least=580)
