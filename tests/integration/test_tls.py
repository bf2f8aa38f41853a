"""AMQP over TLS, and users who log in by their certificates (EXTERNAL)."""

import ssl

import pika
import pytest
import trustme

from support.management import Management

SETTINGS = """
ssl_options.cacertfile = {ca}
ssl_options.certfile = {certificate}
ssl_options.keyfile = {key}
ssl_options.verify = verify_peer
ssl_options.fail_if_no_peer_cert = {must_show}
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = EXTERNAL
ssl_cert_login_from = {login_from}
"""


@pytest.fixture
def authority():
    return trustme.CA()


@pytest.fixture
def start(private_broker, authority, test_directory):
    """Starts a broker with a certificate for localhost."""

    def start_broker(login_from="common_name", must_show="false"):
        files = {name: test_directory / f"{name}.pem" for name in ("ca", "certificate", "key")}
        own = authority.issue_cert("localhost", "127.0.0.1")
        authority.cert_pem.write_to_path(files["ca"])
        own.cert_chain_pems[0].write_to_path(files["certificate"])
        own.private_key_pem.write_to_path(files["key"])
        config = test_directory / "tls.conf"
        config.write_text(SETTINGS.format(login_from=login_from, must_show=must_show, **files))
        return private_broker("--config", config, "--tls-port", 0)

    return start_broker


def tls_parameters(broker, authority, certificate=None, credentials=None):
    context = ssl.create_default_context()
    authority.configure_trust(context)
    if certificate is not None:
        certificate.configure_cert(context)
    return broker.parameters(
        port=broker.tls_port,
        ssl_options=pika.SSLOptions(context, "localhost"),
        credentials=credentials or broker.parameters().credentials,
    )


def test_password_over_tls(start, authority):
    broker = start()
    with pika.BlockingConnection(tls_parameters(broker, authority)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("q")
        channel.basic_publish("", "q", b"x" * 300_000)
        assert channel.basic_get("q", auto_ack=True)[2] == b"x" * 300_000
        (listed,) = Management(broker).get("connections")
        assert listed["ssl"] and listed["auth_mechanism"] == "PLAIN"
        assert listed["ssl_protocol"] == "tlsv1.3"


@pytest.mark.parametrize(
    ("login_from", "user"),
    [
        ("common_name", "orders"),
        ("distinguished_name", None),  # as trustme writes it
        ("subject_alternative_name", "orders.example"),
    ],
)
def test_user_of_the_certificate(start, authority, login_from, user):
    broker = start(login_from)
    certificate = authority.issue_cert("orders.example", common_name="orders")
    external = pika.credentials.ExternalCredentials()
    management = Management(broker)
    if user is None:
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            pika.BlockingConnection(tls_parameters(broker, authority, certificate, external))
        user = broker.log_path.read_text().split("EXTERNAL login refused: user '")[1].split("'")[0]
        assert user.startswith("CN=orders,"), "written from its end, as RabbitMQ does"
    management.put("users", user, password_hash="", tags="")
    management.put("permissions", "/", user, configure="^own$", write=".*", read=".*")
    with pika.BlockingConnection(
        tls_parameters(broker, authority, certificate, external)
    ) as connection:
        connection.channel().queue_declare("own")
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            connection.channel().queue_declare("other")
        (listed,) = management.get("connections")
        assert (listed["user"], listed["auth_mechanism"]) == (user, "EXTERNAL")


def test_certificate_of_nobody(start, authority):
    broker = start()
    external = pika.credentials.ExternalCredentials()
    for certificate in (None, authority.issue_cert("x.example", common_name="nobody")):
        with pytest.raises(pika.exceptions.ProbableAuthenticationError):
            pika.BlockingConnection(tls_parameters(broker, authority, certificate, external))


def test_only_who_has_a_certificate_comes_in(start, authority):
    broker = start(must_show="true")
    stranger = trustme.CA().issue_cert("x.example", common_name="guest")
    for certificate in (None, stranger):
        with pytest.raises(pika.exceptions.AMQPConnectionError):
            pika.BlockingConnection(tls_parameters(broker, authority, certificate))
    known = authority.issue_cert("x.example", common_name="guest")
    pika.BlockingConnection(tls_parameters(broker, authority, known)).close()


def test_plain_sockets_are_not_offered_certificates(start):
    broker = start()
    external = pika.credentials.ExternalCredentials()
    with pytest.raises(pika.exceptions.AMQPConnectionError):
        pika.BlockingConnection(broker.parameters(credentials=external))
