"""Security: librdkafka's options for encryption and passwords, said to Faust's consumer as well.

A worker has two clients: what lets only one of them in would fail half-way.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

from faust.auth import Credentials, SASLCredentials, SSLCredentials

from streams.errors import ConfigurationError, Problem
from streams.settings import PREFIX

PROTOCOLS = ("plaintext", "ssl", "sasl_plaintext", "sasl_ssl")
MECHANISMS = ("PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512")


def broker_credentials(kafka: Mapping[str, str]) -> Credentials | None:
    """What Faust calls credentials, ``None`` for plain text; raises ``ConfigurationError`` for what it cannot do."""
    protocol = kafka.get("security.protocol", "plaintext").lower()
    if protocol not in PROTOCOLS:
        raise _refused("security.protocol", f"one of {', '.join(PROTOCOLS)}")
    context = _context(kafka) if protocol.endswith("ssl") else None
    if protocol.startswith("sasl"):
        return SASLCredentials(
            username=kafka.get("sasl.username"),
            password=kafka.get("sasl.password"),
            mechanism=_mechanism(kafka),
            ssl_context=context,
        )
    return None if context is None else SSLCredentials(context)


def _mechanism(kafka: Mapping[str, str]) -> str:
    name = "sasl.mechanism" if "sasl.mechanism" in kafka else "sasl.mechanisms"
    if kafka.get(name) not in MECHANISMS:
        raise _refused(name, f"one of {', '.join(MECHANISMS)}; others arrive later")
    return kafka[name]


def _context(kafka: Mapping[str, str]) -> ssl.SSLContext:
    name = "ssl.ca.location"
    try:
        context = ssl.create_default_context(cafile=kafka.get(name))
        if certificate := kafka.get(name := "ssl.certificate.location"):
            context.load_cert_chain(certificate, kafka.get("ssl.key.location"), kafka.get("ssl.key.password"))
    except OSError as error:
        raise _refused(name, f"cannot be used ({error.strerror}); name a PEM file that this user may read") from None
    if kafka.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    return context


def _refused(option: str, message: str) -> ConfigurationError:
    return ConfigurationError([Problem(file=f"{PREFIX}KAFKA_{option.upper().replace('.', '_')}", message=message)])
