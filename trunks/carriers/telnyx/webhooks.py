"""Telnyx's signed webhooks, and what they tell: receipts and texts from customers."""

import base64
import binascii
import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trunks.carriers.base import Account, BadSignature, UnreadableBody, Webhook
from trunks.carriers.events import (
    Event,
    InboundMessage,
    MediaLink,
    OptOutNotice,
    Reason,
    Status,
    StatusUpdate,
    Unrecognized,
)
from trunks.carriers.reading import (
    as_count,
    as_id,
    as_list,
    as_map,
    as_money,
    as_number,
    as_text,
    as_time,
    json_of,
)
from trunks.carriers.telnyx.errors import code_of, first_error, reason_of, says_opted_out

WINDOW_SECONDS = 300  # as in Telnyx's own SDK

STATUSES: Mapping[str, tuple[Status, bool]] = {  # word -> (ours, the last one)
    "scheduled": (Status.QUEUED, False),
    "queued": (Status.QUEUED, False),
    "sending": (Status.SENDING, False),
    "sent": (Status.SENT, False),
    "delivered": (Status.DELIVERED, True),
    "read": (Status.DELIVERED, True),  # RCS
    "delivery_failed": (Status.UNDELIVERED, True),
    "delivery_unconfirmed": (Status.SENT, True),  # the network gave no receipt
    "sending_failed": (Status.FAILED, True),
    "expired": (Status.FAILED, True),
}
RECEIPTS = frozenset({"message.sent", "message.finalized"})
_HOST = re.compile(r"([a-z0-9-]+\.)*telnyx\.com")


def verify(account: Account, webhook: Webhook, now: datetime) -> None:
    """Ed25519 over timestamp, the character `|` and the body."""
    stamp = webhook.headers.get("telnyx-timestamp", "")
    given = webhook.headers.get("telnyx-signature-ed25519", "")
    if not stamp or not given:
        raise BadSignature("The request is not signed.", missing=True)
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature("The timestamp is not a number.")
    key = _public_key(account.values.get("public_key", ""))
    try:
        key.verify(base64.b64decode(given, validate=True), stamp.encode() + b"|" + webhook.body)
    except (InvalidSignature, binascii.Error, ValueError) as error:
        raise BadSignature("The signature does not fit the body.") from error
    if abs(now.timestamp() - int(stamp)) > WINDOW_SECONDS:
        raise BadSignature("The request is too old, or the clocks differ.")


@lru_cache(maxsize=256)
def _public_key(text: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except (binascii.Error, ValueError) as error:
        raise BadSignature("The account's public key is not one: base64 of 32 bytes is needed.") from error


def public_key_is_sound(text: str) -> bool:
    try:
        _public_key(text)
    except BadSignature:
        return False
    return True


def event_key(webhook: Webhook) -> str:
    try:
        return as_id(as_map(as_map(json_of(webhook.body)).get("data")).get("id"))
    except UnreadableBody:
        return ""


def parse(webhook: Webhook) -> list[Event]:
    data = as_map(json_of(webhook.body)).get("data")
    if not isinstance(data, dict):
        raise UnreadableBody("no object 'data'")
    kind, payload = as_text(data.get("event_type"), 100), as_map(data.get("payload"))
    at = as_time(data.get("occurred_at"))
    if kind == "message.received":
        return [_inbound(payload, at)]
    if kind in RECEIPTS:
        return _receipt(payload, at, as_text(webhook.query.get("ref"), 500))
    return [Unrecognized(kind=kind, raw=data)]


def _inbound(payload: dict[str, Any], at: datetime | None) -> Event:
    carrier_id = as_id(payload.get("id"))
    sender, to = as_map(payload.get("from")).get("phone_number"), _first_to(payload).get("phone_number")
    if not carrier_id or not as_text(sender) or not as_text(to):
        raise UnreadableBody("an inbound text without id, sender or recipient")
    if not as_number(sender) or not as_number(to):  # a short code or a name, which nobody can answer
        return Unrecognized(kind="message.received, not between telephone numbers", raw=payload)
    return InboundMessage(
        carrier_id=carrier_id,
        from_number=as_number(sender),
        to_number=as_number(to),
        body=as_text(payload.get("text")),
        media=tuple(link for link in map(_media, as_list(payload.get("media"))) if link.url),
        at=at or as_time(payload.get("received_at")),
        answered_by_carrier=bool(as_text(payload.get("autoresponse_type"))),
        raw=payload,
    )


def _media(value: Any) -> MediaLink:
    media = as_map(value)
    return MediaLink(
        url=as_text(media.get("url"), 2000),
        content_type=as_text(media.get("content_type"), 100),
        size=as_count(media.get("size")),
    )


def _receipt(payload: dict[str, Any], at: datetime | None, reference: str) -> list[Event]:
    update = payload_update(payload, reference=reference, at=at)
    if update is None:
        raise UnreadableBody("a receipt without id or status")
    person = as_number(_first_to(payload).get("phone_number"))
    if not person or not says_opted_out(first_error(payload)):
        return [update]
    ours = as_number(as_map(payload.get("from")).get("phone_number"))
    return [update, OptOutNotice(number=person, our_number=ours, at=update.at, raw=payload)]


def payload_update(payload: dict[str, Any], *, reference: str, at: datetime | None = None) -> StatusUpdate | None:
    """A message object as Telnyx shows it in receipts and look-ups; None when it lacks its id or its status.

    The status is per recipient; we send to one.
    """
    carrier_id, word = as_id(payload.get("id")), as_text(_first_to(payload).get("status"), 100)
    if not carrier_id or not word:
        return None
    status, final = STATUSES.get(word, (Status.UNKNOWN, False))
    error = first_error(payload)
    return StatusUpdate(
        carrier_id=carrier_id,
        status=status,
        word=word,
        reference=reference,
        at=at or _newest_time(payload),
        reason=_reason(word, error),
        code=code_of(error),
        final=final,
        segments=parts_of(payload),
        cost=cost_of(payload),
        raw=payload,
    )


def _reason(word: str, error: Mapping[str, Any]) -> Reason | None:
    if error:
        return reason_of(error)
    return Reason.EXPIRED if word == "expired" else None


def _first_to(payload: Mapping[str, Any]) -> dict[str, Any]:
    recipients = as_list(payload.get("to"))
    return as_map(recipients[0]) if recipients else {}


def _newest_time(payload: Mapping[str, Any]) -> datetime | None:
    moments = (as_time(payload.get(name)) for name in ("completed_at", "sent_at", "received_at"))
    return next((at for at in moments if at is not None), None)


def parts_of(payload: Mapping[str, Any]) -> int | None:
    return as_count(payload.get("parts"), 100)


def cost_of(payload: Mapping[str, Any]) -> Decimal | None:
    """The price of the whole text in US dollars, when it is given in them."""
    cost = as_map(payload.get("cost"))
    return as_money(cost.get("amount")) if cost.get("currency") == "USD" else None


def media_headers(account: Account, url: str) -> Mapping[str, str]:
    """Telnyx's pages disagree whether media links need the key. It goes to telnyx.com over https and nowhere else."""
    try:
        parts = urlsplit(url)
        theirs = parts.scheme == "https" and parts.port in (None, 443) and parts.username is None
    except ValueError:
        return {}
    if not theirs or not _HOST.fullmatch(parts.hostname or ""):
        return {}
    return {"authorization": f"Bearer {account.values.get('api_key', '')}"}
