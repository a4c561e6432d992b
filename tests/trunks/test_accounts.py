"""Connecting carrier accounts."""

import json
from pathlib import Path
from typing import Any

import pytest
from django.db import connection

from portal.models import AuditEvent
from tests.people import House
from tests.portal.sandbox.process import Running
from tests.trunks.makers import make_account
from trunks import accounts, carriers
from trunks.accounts import AccountRefused
from trunks.models import CarrierAccount

SECRETS = {"api_key": "key-that-nobody-may-see", "signing_secret": "secret-that-nobody-may-see"}


@pytest.fixture
def known(allowed: Running) -> Running:
    """The sandbox with an account of those secrets."""
    allowed.account(id="known", name="North", webhook_url="", numbers=[], **SECRETS)
    return allowed


def test_an_account_whose_credentials_work_is_kept_encrypted(house: House, known: Running) -> None:
    account = accounts.connect_account(
        organization=house.organization,
        kind="sandbox",
        name="",
        values=SECRETS,
        base_url=known.url + "/",
        by=house.dialer_admin.user,
    )
    stored = CarrierAccount.objects.get()
    assert (stored, stored.name, stored.base_url, stored.values) == (account, "Sandbox", known.url, SECRETS)
    assert stored.checked_at is not None
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM trunks_carrieraccount")
        assert "nobody-may-see" not in str(cursor.fetchall())
    event = AuditEvent.objects.get()
    assert (event.action, event.by, event.subject) == ("trunks.carrier.connected", house.dialer_admin.user, "Sandbox")
    assert "nobody-may-see" not in json.dumps(event.data)


def connect(house: House, **changes: object) -> dict[str, str]:
    """The errors of an attempt that must fail and leave nothing."""
    facts = {
        "kind": "sandbox",
        "name": "New",
        "values": SECRETS,
        "base_url": "http://127.0.0.1:1",
        "by": None,
    } | changes
    with pytest.raises(AccountRefused) as refused:
        accounts.connect_account(organization=house.organization, **facts)  # type: ignore[arg-type]
    assert not CarrierAccount.objects.filter(name="New").exists()
    assert AuditEvent.objects.count() == 0
    return refused.value.errors


def test_what_cannot_be_connected(house: House, known: Running, settings: Any) -> None:
    assert connect(house, kind="nobody") == {"kind": "There is no carrier 'nobody'. Known: sandbox, telnyx."}
    assert connect(house, base_url=known.url, values={**SECRETS, "api_key": "wrong"}) == {
        "": "The sandbox does not know this API key. Correct it on the carrier's page."
    }
    assert connect(house, base_url=known.url, values={"api_key": "x", "shoe_size": "9"}) == {
        "shoe_size": "Sandbox has no setting 'shoe_size'.", "signing_secret": "Signing secret is missing.",
    }  # fmt: skip
    settings.PORTAL_PRIVATE_HOSTS = frozenset({"127.0.0.1:1"})
    assert list(connect(house)) == [""]
    assert connect(house)[""].startswith("Sandbox could not be reached at 127.0.0.1: ")


@pytest.mark.parametrize(
    ("address", "why"),
    [
        ("https://api.telnyx.com", ""),
        ("https://api.telnyx.com/v2", ""),
        ("http://peer.example:9000", ""),
        ("http://api.telnyx.com", "Credentials travel over https only."),
        ("https://api.telnyx.com.evil.example", "Credentials of Telnyx go to api.telnyx.com only."),
        ("https://user:word@api.telnyx.com", "Write a web address"),
        ("https://api.telnyx.com@evil.example", "Write a web address"),
        ("https://peer.example:9001", "Credentials of Telnyx go to api.telnyx.com only."),
        ("http://169.254.169.254", "Credentials of Telnyx go to api.telnyx.com only."),
        ("file:///etc/passwd", "Write a web address"),
        ("https://api.telnyx.com:x", "The port of this address is not a number."),
        ("api.telnyx.com", "Write a web address"),
    ],
)
def test_credentials_go_to_the_carrier_or_where_the_operator_allows(settings: Any, address: str, why: str) -> None:
    settings.PORTAL_PRIVATE_HOSTS = frozenset({"peer.example:9000"})
    found = accounts.wrong_address(carriers.get("telnyx"), address)
    assert found.startswith(why)
    assert bool(found) == bool(why)


def test_a_name_is_given_once(house: House, known: Running) -> None:
    make_account(house.organization, "Main")
    with pytest.raises(AccountRefused) as refused:
        accounts.connect_account(
            organization=house.organization, kind="sandbox", name="Main", values=SECRETS, base_url=known.url, by=None
        )
    assert refused.value.errors == {"name": "Another carrier account has this name."}


def test_an_empty_secret_stays_as_it_is(house: House, known: Running) -> None:
    account = make_account(house.organization, base_url=known.url)
    CarrierAccount.objects.update(values=SECRETS)
    account.refresh_from_db()
    accounts.change_account(account, name="Renamed", values={"api_key": ""}, base_url=known.url, by=None)
    stored = CarrierAccount.objects.get()
    assert (stored.name, stored.values) == ("Renamed", SECRETS)
    with pytest.raises(AccountRefused):
        accounts.change_account(account, name="", values={"api_key": "wrong"}, base_url=known.url, by=None)
    assert CarrierAccount.objects.get().values == SECRETS


def test_trying_an_account_writes_the_outcome_down(account: CarrierAccount, house: House) -> None:
    assert accounts.check_account(account, by=house.owner.user) == ""
    CarrierAccount.objects.update(values={"api_key": "wrong", "signing_secret": "wrong"})
    account.refresh_from_db()
    why = accounts.check_account(account, by=house.owner.user)
    assert why == "The sandbox does not know this API key. Correct it on the carrier's page."
    assert CarrierAccount.objects.get().check_error == why
    outcomes = AuditEvent.objects.order_by("pk").values_list("data__outcome", flat=True)
    assert list(outcomes) == ["ok", why]


def test_what_is_shown_of_secrets(house: House) -> None:
    account = make_account(house.organization)
    assert accounts.shown_values(account) == {"api_key": "••••ount", "signing_secret": "••••ount"}


def test_the_webhook_address(house: House, settings: Any) -> None:
    settings.PORTAL_PUBLIC_URL = "https://texts.example.com"
    account = make_account(house.organization)
    assert accounts.webhook_url(account) == f"https://texts.example.com/hooks/sandbox/{account.pk}/"
    assert accounts.as_carrier_account(account).webhook_url == accounts.webhook_url(account)


def test_every_carrier_has_a_page_of_words_for_its_set_up() -> None:
    folder = Path(__file__).parents[2] / "templates/trunks/carriers"
    assert {f"{kind}.html" for kind in carriers.KINDS} <= {path.name for path in folder.iterdir()}
