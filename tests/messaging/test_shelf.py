"""Webhooks that come at once: stored together, each once, none in another one's way."""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import Any
from uuid import uuid4

import pytest
from django.db import IntegrityError, connections

from messaging import shelf
from messaging.models import Delivery
from tests.messaging.threads import make_account
from tests.people import House
from tests.portal.sandbox.process import until
from trunks.carriers.base import Webhook
from trunks.models import CarrierAccount

Put = Callable[..., "Future[shelf.Stored]"]


def webhook(body: bytes = b"{}") -> Webhook:
    return Webhook(url="http://127.0.0.1/hooks/", headers={"user-agent": "Carrier", "cookie": "no"}, body=body)


@pytest.mark.django_db
def test_a_repeat_is_counted_and_keeps_the_first_body(house: House) -> None:
    account = make_account(house.organization)
    first, seen = shelf.put(account, "e1", webhook(b"first"))
    again = shelf.put_together(account, "e1", webhook(b"second"))
    other, _ = shelf.put_together(account, "e2", webhook())
    assert (seen, again) == (1, (first, 2))
    kept = Delivery.objects.get(pk=first)
    assert (bytes(kept.body), kept.headers, kept.seen) == (b"first", {"user-agent": "Carrier"}, 2)
    assert other != first


@pytest.fixture
def threads() -> Iterator[Put]:
    """Stores in a thread of its own, as a web server does."""
    with ThreadPoolExecutor(8) as pool:

        def put(account: CarrierAccount, key: str) -> "Future[shelf.Stored]":
            return pool.submit(_in_thread, account, key)

        yield put


def _in_thread(account: CarrierAccount, key: str) -> shelf.Stored:
    try:
        return shelf.put_together(account, key, webhook())
    finally:
        connections.close_all()


@pytest.fixture
def first_waits(monkeypatch: pytest.MonkeyPatch) -> tuple[list[int], Event, Event]:
    """How many rows each statement stores; set when the first is under way; the first waits for the second."""
    sizes: list[int] = []
    under_way, go = Event(), Event()
    insert = shelf._insert

    def slow(group: Sequence[Any]) -> dict[tuple[Any, str], shelf.Stored]:
        sizes.append(len(group))
        if len(sizes) == 1:
            under_way.set()
            assert go.wait(10)
        return insert(group)

    monkeypatch.setattr(shelf, "_insert", slow)
    return sizes, under_way, go


@pytest.mark.django_db(transaction=True)
def test_what_gathers_meanwhile_goes_in_one_statement(
    house: House, threads: Put, first_waits: tuple[list[int], Event, Event]
) -> None:
    sizes, under_way, go = first_waits
    account = make_account(house.organization)
    first = threads(account, "a")
    assert under_way.wait(10)
    others = [threads(account, key) for key in ("b", "c", "b")]
    until(lambda: len(shelf._waiting) == 3)
    go.set()
    assert first.result(10)[1] == 1
    stored = [one.result(10) for one in others]
    assert sizes == [1, 2, 1]  # the repeat of "b" cannot be touched by the statement that makes it
    assert sorted(seen for _, seen in stored) == [1, 1, 2]
    assert stored[0][0] == stored[2][0]
    assert sorted(Delivery.objects.values_list("key", "seen")) == [("a", 1), ("b", 2), ("c", 1)]


@pytest.mark.django_db(transaction=True)
def test_one_that_cannot_be_stored_fails_nobody_else(
    house: House, threads: Put, first_waits: tuple[list[int], Event, Event]
) -> None:
    _, under_way, go = first_waits
    account = make_account(house.organization)
    first = threads(account, "a")
    assert under_way.wait(10)
    gone = threads(CarrierAccount(pk=uuid4(), organization=house.organization, kind="sandbox"), "b")
    other = threads(account, "c")
    until(lambda: len(shelf._waiting) == 2)
    go.set()
    with pytest.raises(IntegrityError):
        gone.result(10)
    assert [first.result(10)[1], other.result(10)[1]] == [1, 1]
    assert sorted(Delivery.objects.values_list("key", flat=True)) == ["a", "c"]
    assert threads(account, "d").result(10)[1] == 1  # and the lead was handed on
