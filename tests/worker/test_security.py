"""Security: what librdkafka is told lets Faust's consumer in as well, or is refused by the name of its variable."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from faust.transport.drivers.aiokafka import credentials_to_aiokafka_auth

from streams.errors import ConfigurationError
from streams.worker.security import broker_credentials

SCRAM = {
    "security.protocol": "SASL_PLAINTEXT",
    "sasl.mechanism": "SCRAM-SHA-512",
    "sasl.username": "me",
    "sasl.password": "secret",
}


def test_without_options_it_is_plain_text() -> None:
    assert credentials_to_aiokafka_auth(broker_credentials({})) == {"security_protocol": "PLAINTEXT"}


def test_a_password_is_given_to_both_clients() -> None:
    assert credentials_to_aiokafka_auth(broker_credentials(SCRAM)) == {
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": "SCRAM-SHA-512",
        "sasl_plain_username": "me",
        "sasl_plain_password": "secret",
        "ssl_context": None,
    }


@pytest.mark.parametrize(("more", "protocol"), [({}, "SSL"), ({**SCRAM, "sasl.mechanism": "PLAIN"}, "SASL_SSL")])
def test_encryption_checks_the_broker_s_name_unless_it_is_told_not_to(more: dict[str, str], protocol: str) -> None:
    for algorithm, checks in (("https", True), ("none", False)):
        options = {**more, "security.protocol": protocol, "ssl.endpoint.identification.algorithm": algorithm}

        auth = credentials_to_aiokafka_auth(broker_credentials(options))

        context = auth["ssl_context"]
        assert (auth["security_protocol"], context.check_hostname) == (protocol, checks)
        assert context.verify_mode is ssl.CERT_REQUIRED


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"security.protocol": "tls"}, "STREAMS_KAFKA_SECURITY_PROTOCOL: one of plaintext, ssl"),
        ({"security.protocol": "sasl_ssl"}, "STREAMS_KAFKA_SASL_MECHANISMS: one of PLAIN"),
        ({**SCRAM, "sasl.mechanism": "GSSAPI"}, "STREAMS_KAFKA_SASL_MECHANISM: one of PLAIN"),
        ({"security.protocol": "ssl", "ssl.ca.location": "nowhere"}, "STREAMS_KAFKA_SSL_CA_LOCATION: cannot be used"),
    ],
)
def test_what_only_one_of_them_could_do_is_refused_by_its_variable(options: dict[str, str], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        broker_credentials(options)


def test_a_certificate_that_is_none_is_refused_without_showing_it(tmp_path: Path) -> None:
    (tmp_path / "pem").write_text("secret")

    with pytest.raises(ConfigurationError, match="STREAMS_KAFKA_SSL_CERTIFICATE_LOCATION: cannot be used") as caught:
        broker_credentials({"security.protocol": "ssl", "ssl.certificate.location": str(tmp_path / "pem")})

    assert "secret" not in str(caught.value)
