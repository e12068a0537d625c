"""Names of private columns: those that are likely, and not every name that looks a little like one."""

from __future__ import annotations

import pytest

from streams.drafting.classes import guess_class


@pytest.mark.parametrize(
    "name",
    ["email", "user_email", "billingEmail", "EMAIL", "phone", "home_phone", "ssn", "ssn_hash", "first_name",
     "lastname", "date_of_birth", "zip", "zip_code", "ip_address", "iban", "credit_card", "email_2"],
)  # fmt: skip
def test_private(name: str) -> None:
    assert guess_class(name) == "pii"


@pytest.mark.parametrize("name", ["password", "api_key", "accessToken", "cvv", "password_hash"])
def test_secret(name: str) -> None:
    assert guess_class(name) == "secret"


@pytest.mark.parametrize(
    "name", ["id", "amount", "status", "name", "shipping", "tip", "recipe", "emails_sent", "created_at", "skip"]
)
def test_neither(name: str) -> None:
    assert guess_class(name) is None
