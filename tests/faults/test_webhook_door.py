"""Strangers, liars and broken senders at the webhook door: refused, or kept; never a lost text, never a 500."""

import json
import time
import uuid
from collections.abc import Callable
from typing import Any

from django.db.models import Model, QuerySet

from compliance.models import OptOut, Suppression
from messaging import inbound
from messaging.models import Conversation, Delivery, Message, ParkedText, Receipt, RefusedDelivery, ThreadNote
from portal.models import AuditEvent, LiveEvent
from portal.sandbox import callbacks
from tests.faults.house import Site, inbound_text
from tests.faults.processes import until

WRITTEN: tuple[type[Model], ...] = (
    Delivery, Receipt, Message, Conversation, ParkedText, OptOut, Suppression, ThreadNote, LiveEvent, AuditEvent,
)  # fmt: skip
CUSTOMER = "+16465551234"


def rows() -> dict[str, int]:
    """Of the whole portal: nothing else happens in it meanwhile."""
    return {model.__name__: model._default_manager.count() for model in WRITTEN}


def arrived(portal: Site) -> "QuerySet[Message]":
    return Message.objects.filter(organization=portal.house.organization, direction="in").order_by("pk")


def parked(portal: Site) -> "QuerySet[ParkedText]":
    return ParkedText.objects.filter(account=portal.account).order_by("pk")


def refused(portal: Site) -> "QuerySet[RefusedDelivery]":
    return RefusedDelivery.objects.filter(account=portal.account)


def deliveries(portal: Site) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(account=portal.account).order_by("pk")


def suppressed(portal: Site, number: str) -> bool:
    return Suppression.objects.filter(organization=portal.house.organization, number=number).exists()


def processed() -> bool:
    return not Delivery.objects.filter(processed_at=None).exists()


def stop_from(portal: Site) -> bytes:
    return inbound_text("evil", did="+13055550001", customer=CUSTOMER, text="STOP")


def test_what_proves_nothing_changes_nothing(quiet: Site) -> None:
    body = stop_from(quiet)
    account, secret = quiet.account, quiet.account.values["signing_secret"]
    other = quiet.open_account(name="Another")
    before = rows()
    answers = {
        "no signature": quiet.hook(body, {"x-sandbox-signature": ""}),
        "no timestamp": quiet.hook(body, {"x-sandbox-timestamp": ""}),
        "wrong": quiet.hook(body, {"x-sandbox-signature": "0" * 64}),
        "not hexadecimal": quiet.hook(body, {"x-sandbox-signature": "\xc3\xa9" * 9}),
        "not a time": quiet.hook(body, {"x-sandbox-timestamp": "-1"}),
        "stale": quiet.hook(body, callbacks.signature(secret, body, int(time.time()) - 301)),
        "ahead": quiet.hook(body, callbacks.signature(secret, body, int(time.time()) + 400)),
        "another account's": quiet.hook(body, callbacks.signature(other.values["signing_secret"], body)),
        "altered": quiet.hook(body.replace(b"STOP", b"stop"), callbacks.signature(secret, body)),
    }
    assert answers == {
        "no signature": 400, "no timestamp": 400, "wrong": 401, "not hexadecimal": 401, "not a time": 401,
        "stale": 401, "ahead": 401, "another account's": 401, "altered": 401,
    }  # fmt: skip
    assert rows() == before
    account.refresh_from_db()
    assert account.refused_webhooks == refused(quiet).count() == 9


def test_wrong_addresses_methods_and_sizes_change_nothing(quiet: Site) -> None:
    before = rows()
    own = f"/hooks/sandbox/{quiet.account.pk}/"

    def post(path: str, body: bytes, **more: str) -> int:
        signed = callbacks.signature(quiet.account.values["signing_secret"], body)
        return quiet.ask("POST", path, body, {"content-type": "application/json", **signed, **more})[0]

    body = stop_from(quiet)
    assert quiet.ask("GET", own)[0] == 405
    assert quiet.ask("DELETE", own)[0] == 405
    assert post(f"/hooks/sandbox/{uuid.uuid4()}/", body) == 404
    assert post("/hooks/sandbox/not-a-uuid/", body) == 404
    assert post(f"/hooks/telnyx/{quiet.account.pk}/", body) == 404
    assert post(f"/hooks/nobody/{quiet.account.pk}/", body) == 404
    assert post(own, b'{"events": [], "pad": "' + b"x" * 1_000_000 + b'"}') == 413
    assert post(own, body, **{"x-large": "y" * 100_000}) in {400, 431}
    assert rows() == before
    assert refused(quiet).count() == 0


def test_refusals_are_counted_and_only_a_few_are_kept(quiet: Site) -> None:
    for _ in range(30):
        assert quiet.hook(b"{}", {"x-sandbox-signature": "0" * 64}) == 401
    quiet.account.refresh_from_db()
    assert (quiet.account.refused_webhooks, refused(quiet).count()) == (30, 20)


UNREADABLE: dict[str, Any] = {
    "not JSON": b"{",
    "no UTF-8": b'{"id": "\xff\xfe"}',
    "a list": b"[]",
    "empty": b"",
    "no events": b'{"id": "x1"}',
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "an inbound text without a sender": b'{"id":"x2","events":[{"type":"message.received","data":{"id":"m"}}]}',
}


def test_a_proven_body_that_cannot_be_read_is_kept_and_shown(quiet: Site) -> None:
    for body in UNREADABLE.values():
        assert quiet.hook(body) == 200
        assert quiet.hook(body) == 200  # a repeat is no news
    until(processed, what=quiet.logs)
    kept = list(deliveries(quiet))
    assert [bytes(one.body) for one in kept] == list(UNREADABLE.values())
    assert all(one.error and one.seen == 2 and one.tries == 0 for one in kept), [(one.error, one.seen) for one in kept]
    assert arrived(quiet).count() == parked(quiet).count() == 0


def test_a_text_to_an_unknown_did_is_parked_and_placed_when_the_did_is_there(quiet: Site) -> None:
    unknown = "+13055559999"
    for event, text in (("p1", "Is anybody there?"), ("p2", "STOP")):
        assert quiet.hook(inbound_text(event, did=unknown, customer=CUSTOMER, text=text)) == 200
    until(processed, what=quiet.logs)
    assert list(parked(quiet).values_list("body", flat=True)) == ["Is anybody there?", "STOP"]
    assert suppressed(quiet, CUSTOMER)  # heard although nobody knows the DID
    assert arrived(quiet).count() == 0
    did = quiet.did()
    type(did).objects.filter(pk=did.pk).update(number=unknown)
    assert inbound.place_parked() == 2
    assert inbound.place_parked() == 0
    assert list(arrived(quiet).values_list("body", flat=True)) == ["Is anybody there?", "STOP"]
    assert not quiet.messages().exists()  # too late for a confirmation


ODD: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
    "NUL in the text": lambda data: data | {"text": "a\x00b"},
    "half a surrogate pair": lambda data: data | {"text": "a\ud83db"},
    "NUL in STOP": lambda data: data | {"text": "STOP\x00"},
    "a long id": lambda data: data | {"id": "i" * 200},
    "NUL in the id": lambda data: data | {"id": "i\x00d"},
    "a picture nobody can fetch": lambda data: data | {"media": [{"url": "http://\x00/", "content_type": "a\x00"}]},
    "a very long text": lambda data: data | {"text": "x" * 100_000},
}


def test_odd_texts_arrive_or_are_shown(quiet: Site) -> None:
    did = quiet.did().number
    for count, (name, change) in enumerate(ODD.items()):
        event = f"odd-{count}"
        content = json.loads(inbound_text(event, did=did, customer=f"+1646555{3000 + count}", text="Hello"))
        content["events"][0]["data"] = change(content["events"][0]["data"])
        assert quiet.hook(json.dumps(content).encode()) == 200, name
    until(processed, what=quiet.logs)
    wrong = {one.error for one in deliveries(quiet).exclude(error="")}
    assert not any("could not be processed" in error for error in wrong), wrong
    assert arrived(quiet).count() + len(wrong) == len(ODD)
    assert arrived(quiet).filter(body="a\ufffdb").count() == 2
    assert suppressed(quiet, "+16465553002")
