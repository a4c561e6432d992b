"""Mails of the sign-in pages."""

import re
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from tests.people import House, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def elsewhere(settings: Any) -> None:
    settings.PORTAL_PUBLIC_URL = "https://texts.example.com"
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


def test_a_password_link_leads_to_the_portal_whatever_host_was_asked(client: Client, house: House) -> None:
    person = house.agent.user
    person.set_password("old and long enough")
    person.save()
    client.post("/accounts/password/reset/", {"email": person.email}, headers={"host": "127.0.0.1:6666"})
    (message,) = mail.outbox
    assert re.findall(r"https?://[^/\s]+", str(message.body)) == ["https://texts.example.com"]
    assert "6666" not in f"{message.body}{message.subject}"
    link = re.search(r"https://texts\.example\.com(/accounts/password/reset/key/\S+)", str(message.body))
    assert link is not None
    assert 'autocomplete="new-password"' in client.get(link[1], follow=True).content.decode()


def test_a_confirmation_link_leads_to_the_portal_too(house: House) -> None:
    browser = sign_in(house.agent)
    fields = {"email": "second@north.example", "action_add": ""}
    browser.post("/accounts/email/", fields, headers={"host": "127.0.0.1:6666"})
    (message,) = mail.outbox
    assert re.findall(r"https?://[^/\s]+", str(message.body)) == ["https://texts.example.com"]


def test_nobody_learns_which_addresses_have_accounts(client: Client, house: House) -> None:
    answers = [
        client.post("/accounts/password/reset/", {"email": email}) for email in (house.agent.user.email, "x@y.example")
    ]
    assert {(answer.status_code, answer["Location"]) for answer in answers} == {(302, "/accounts/password/reset/done/")}
