"""The webhook door: who may knock, what counts at once, and how often it rings."""

import io
import json
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client

from messaging import doorbell, shelf, webhooks
from messaging.models import Delivery, RefusedDelivery
from portal import middleware
from portal.sandbox import callbacks
from tests.people import House
from trunks import accounts
from trunks.models import CarrierAccount

pytestmark = pytest.mark.django_db


class Clock:
    """A monotonic clock that a test moves."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(accounts, "monotonic", clock)
    return clock


@pytest.fixture
def account(house: House, clock: Clock) -> CarrierAccount:
    return CarrierAccount.objects.create(
        organization=house.organization,
        kind="sandbox",
        name="Sandbox",
        base_url="http://127.0.0.1:1",
        values={"api_key": "key", "signing_secret": "old"},
    )


def post(account: CarrierAccount, name: str, secret: str = "old") -> int:
    body = json.dumps({"id": name, "events": []}).encode()
    headers = callbacks.signature(secret, body)
    path = accounts.webhook_path(account)
    return Client().post(path, body, content_type="application/json", headers=headers).status_code


def test_a_deactivated_account_is_closed_within_a_second(account: CarrierAccount, clock: Clock) -> None:
    assert post(account, "e1") == 200
    CarrierAccount.objects.update(is_active=False)
    clock.now += accounts.KNOWN_SECONDS + 0.001
    assert post(account, "e2") == 404
    CarrierAccount.objects.update(is_active=True)
    assert post(account, "e3") == 200  # what is not there is never remembered
    assert sorted(Delivery.objects.values_list("key", flat=True)) == ["e1", "e3"]


def test_a_new_secret_counts_at_once_and_the_old_one_for_a_second(account: CarrierAccount, clock: Clock) -> None:
    assert post(account, "e1") == 200
    CarrierAccount.objects.filter(pk=account.pk).update(values={"api_key": "key", "signing_secret": "new"})
    assert post(account, "e2") == 200
    assert post(account, "e3", "new") == 200
    assert post(account, "e4") == 401
    account.refresh_from_db()
    assert (account.refused_webhooks, RefusedDelivery.objects.count()) == (1, 1)
    assert sorted(Delivery.objects.values_list("key", flat=True)) == ["e1", "e2", "e3"]


def test_an_account_is_known_by_its_own_carrier_alone(account: CarrierAccount) -> None:
    assert accounts.known("sandbox", account.pk) is not None
    assert accounts.known("telnyx", account.pk) is None
    assert accounts.known("sandbox", uuid4()) is None


def test_under_load_one_ring_stands_for_many(account: CarrierAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    rings: list[float] = []
    clock = Clock()
    monkeypatch.setattr(webhooks.time, "monotonic", clock)
    monkeypatch.setattr(webhooks, "_next_ring", 0.0)
    monkeypatch.setattr(doorbell, "ring", lambda task, after: rings.append(round(clock.now + after, 6)))
    for turn in range(20):  # one each 10 ms
        assert post(account, f"e{turn}") == 200
        assert post(account, f"e{turn}") == 200  # a repeat is no news
        clock.now += 0.01
    assert rings == [1_000.01, 1_000.11, 1_000.21]
    clock.now += 5
    assert post(account, "late") == 200
    assert rings[3:] == [round(clock.now + doorbell.GATHER_SECONDS, 6)]


def ask(path: str, body: bytes, **environ: str) -> tuple[str, bytes]:
    """A request as a WSGI server hands it on."""
    answers: list[str] = []
    facts: dict[str, Any] = {
        "REQUEST_METHOD": "POST",
        "PATH_INFO": path,
        "QUERY_STRING": "",
        "SERVER_NAME": "127.0.0.1",
        "SERVER_PORT": "80",
        "CONTENT_LENGTH": str(len(body)),
        "wsgi.input": io.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    application = middleware.hooks_past(lambda environ, start_response: [b"a page"])
    content = b"".join(application(facts | environ, lambda status, headers: answers.append(status)))
    return (answers or [""])[0], content


def signed(body: bytes) -> dict[str, str]:
    return {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in callbacks.signature("old", body).items()}


@pytest.mark.usefixtures("kept_connection")
def test_a_wsgi_server_leads_hooks_to_the_same_view(account: CarrierAccount, monkeypatch: pytest.MonkeyPatch) -> None:
    body, path = b'{"id": "e1", "events": []}', accounts.webhook_path(account)
    assert ask(path, body, **signed(body)) == ("200 OK", b"ok\n")
    assert ask(path, body)[0] == "400 Bad Request"
    assert ask("/hooks/sandbox/nobody/", body)[0] == "404 Not Found"
    assert ask(path, body, REQUEST_METHOD="GET")[0] == "405 Method Not Allowed"
    assert ask(path, body, CONTENT_LENGTH="300000")[0] == "413 Request Entity Too Large"
    assert ask("/inbox/", body) == ("", b"a page")
    assert Delivery.objects.get().key == "e1"

    def fail(*_: Any) -> None:
        raise RuntimeError("a fault of ours")

    monkeypatch.setattr(shelf, "put_together", fail)
    body = b'{"id": "e2", "events": []}'
    assert ask(path, body, **signed(body))[0] == "500 Internal Server Error"


@pytest.fixture
def kept_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's transaction lives in this thread's connection."""
    monkeypatch.setattr("portal.middleware.close_old_connections", lambda: None)
