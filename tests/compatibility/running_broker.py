"""Takes the place of the containers that tests of Python's asyncio clients start: the broker under
test runs already, at LEPUS_TEST_PORT and LEPUS_TEST_TLS_PORT of this machine. The copy of aio-pika
gets this file for its module of that kind; aiormq's tests load it as a plugin of pytest."""

import os
from dataclasses import dataclass

import pytest
from yarl import URL


@dataclass
class ContainerInfo:
    id: str
    ports: dict[str, int]
    host: str


class DockerHostInfo:
    pass


class DockerNotAvailableError(Exception):
    pass


def check_docker_available():
    return DockerHostInfo()


def running_broker():
    ports = {
        "5672/tcp": int(os.environ["LEPUS_TEST_PORT"]),
        "5671/tcp": int(os.environ["LEPUS_TEST_TLS_PORT"]),
    }
    return ContainerInfo("broker", ports, "127.0.0.1")


class DockerClient:
    def __init__(self, _):
        pass

    def run(self, *_, **__):
        return running_broker()

    def kill(self, _):
        pass

    def remove(self, _):
        pass


@pytest.fixture(scope="session")
def rabbitmq_container():
    return running_broker()


@pytest.fixture(scope="session")
def amqp_direct_url(rabbitmq_container):
    port = rabbitmq_container.ports["5672/tcp"]
    return URL(f"amqp://guest:guest@{rabbitmq_container.host}:{port}//")
