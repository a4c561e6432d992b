"""The demo call center, with the real sandbox carrier beside it."""

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from compliance.models import CampaignDid
from portal import demo
from portal.models import Organization, User
from tests.portal.sandbox.process import Running, sandbox
from trunks.models import CarrierAccount, Did

pytestmark = pytest.mark.django_db


@pytest.fixture
def carrier(tmp_path: Path, settings: Any) -> Any:
    with sandbox(tmp_path) as running:
        settings.DATA_DIR = tmp_path
        settings.PORTAL_SANDBOX_URL = running.url
        settings.PORTAL_PRIVATE_HOSTS = frozenset({urlsplit(running.url).netloc})
        yield running


def test_a_newcomer_can_sign_in_and_text_at_once(carrier: Running) -> None:
    made = demo.ensure_demo()
    assert [email for email, _ in made.sign_ins] == [f"{who}@demo.example" for who, *_ in demo.PEOPLE]
    assert len({password for _, password in made.sign_ins}) == 6
    browser = Client()
    email, password = made.sign_ins[2]
    browser.post("/accounts/login/", {"login": email, "password": password})
    assert browser.get("/demo/inbox/").status_code == 200
    assert Did.objects.count() == 12
    assert CampaignDid.objects.filter(state="assigned", did__text_state="enabled", campaign__state="live").count() == 8
    assert {did.team.name for did in Did.objects.exclude(team=None).select_related("team") if did.team} == {
        "Sales",
        "Support",
    }


def test_the_sandbox_knows_the_account_and_takes_its_texts(carrier: Running) -> None:
    demo.ensure_demo()
    account = CarrierAccount.objects.get()
    assert account.base_url == carrier.url
    text = {"from": "+13125550110", "to": "+12125550142", "text": "Your order is ready."}
    status, _, _ = carrier.ask("POST", "/v1/messages", text, key=account.values["api_key"])
    assert status == 202
    status, answer, _ = carrier.ask("GET", "/v1/account", key=account.values["api_key"])
    assert (status, answer["data"]["webhook_url"]) == (200, f"http://127.0.0.1:8000/hooks/sandbox/{account.pk}/")


def test_a_second_start_makes_nothing_new_and_tells_where_the_sign_ins_are(carrier: Running, tmp_path: Path) -> None:
    first = demo.ensure_demo()
    second = demo.ensure_demo()
    assert (Organization.objects.count(), User.objects.count(), Did.objects.count()) == (1, 6, 12)
    assert second.sign_ins == ()
    (note,) = second.notes
    assert note == f"Demo sign-ins: {tmp_path / demo.SIGN_INS}"
    kept = tmp_path / demo.SIGN_INS
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.read_text() == "".join(f"{email}  {password}\n" for email, password in first.sign_ins)


def test_a_sandbox_that_is_away_is_said_and_stops_nothing(tmp_path: Path, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    settings.PORTAL_SANDBOX_URL = "http://127.0.0.1:9"
    settings.PORTAL_PRIVATE_HOSTS = frozenset({"127.0.0.1:9"})
    made = demo.ensure_demo()
    assert made.notes[-1].startswith("The demo cannot text: the sandbox was not reached")
    assert Organization.objects.filter(slug="demo").exists()
