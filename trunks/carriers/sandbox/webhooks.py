"""The sandbox's signed webhooks, and what they tell."""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from trunks.carriers.base import Account, BadSignature, UnreadableBody, Webhook
from trunks.carriers.events import Event, InboundMessage, MediaLink, OptOutNotice, Status, StatusUpdate, Unrecognized
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
from trunks.carriers.sandbox.errors import reason_of

WINDOW_SECONDS = 300
STATUSES = {
    "queued": Status.QUEUED,
    "sending": Status.SENDING,
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "undelivered": Status.UNDELIVERED,
    "failed": Status.FAILED,
}


def verify(account: Account, webhook: Webhook, now: datetime) -> None:
    stamp = webhook.headers.get("x-sandbox-timestamp", "")
    given = webhook.headers.get("x-sandbox-signature", "")
    if not stamp or not given:
        raise BadSignature("The request is not signed.", missing=True)
    if not stamp.isascii() or not stamp.isdigit() or len(stamp) > 12:
        raise BadSignature("The timestamp is not a number.")
    secret = account.values.get("signing_secret", "")
    if not secret:
        raise BadSignature("The account has no signing secret.")
    wanted = hmac.new(secret.encode(), stamp.encode() + b"." + webhook.body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
        raise BadSignature("The signature does not fit the body.")
    if abs(now.timestamp() - int(stamp)) > WINDOW_SECONDS:
        raise BadSignature("The request is too old, or the clocks differ.")


def event_key(webhook: Webhook) -> str:
    try:
        return as_id(as_map(json_of(webhook.body)).get("id"))
    except UnreadableBody:
        return ""


def parse(webhook: Webhook) -> list[Event]:
    content = json_of(webhook.body)
    events = as_map(content).get("events")
    if not isinstance(events, list):
        raise UnreadableBody("no list of events")
    return [event for each in events for event in _read(as_map(each))]


def _read(event: dict[str, Any]) -> list[Event]:
    kind, data, at = as_text(event.get("type"), 100), as_map(event.get("data")), as_time(event.get("at"))
    if kind == "message.received":
        return [_inbound(data, at)]
    if kind == "message.status":
        update = status_update(data, at=at)
        if update is None:
            raise UnreadableBody("a status without an id")
        return [update, *_opt_out(data, update)]
    return [Unrecognized(kind=kind, raw=event)]


def _inbound(data: dict[str, Any], at: datetime | None) -> InboundMessage:
    carrier_id, sender, to = as_id(data.get("id")), as_number(data.get("from")), as_number(data.get("to"))
    if not carrier_id or not sender or not to:
        raise UnreadableBody("an inbound text without id, sender or recipient")
    return InboundMessage(
        carrier_id=carrier_id,
        from_number=sender,
        to_number=to,
        body=as_text(data.get("text")),
        media=tuple(link for link in map(_media, as_list(data.get("media"))) if link.url),
        at=at,
        answered_by_carrier=bool(as_text(data.get("answered"))),
        raw=data,
    )


def _media(value: Any) -> MediaLink:
    media = as_map(value)
    return MediaLink(
        url=as_text(media.get("url"), 2000),
        content_type=as_text(media.get("content_type"), 100),
        size=as_count(media.get("size")),
    )


def status_update(data: dict[str, Any], *, at: datetime | None) -> StatusUpdate | None:
    """A text as the sandbox shows it; None when it does not say which one it is."""
    carrier_id, word, code = as_id(data.get("id")), as_text(data.get("status"), 100), as_text(data.get("code"), 100)
    if not carrier_id:
        return None
    return StatusUpdate(
        carrier_id=carrier_id,
        status=STATUSES.get(word, Status.UNKNOWN),
        word=word,
        reference=as_text(data.get("client_reference"), 500),
        at=at or as_time(data.get("at")),
        reason=reason_of(code) if code else None,
        code=code,
        provisional=data.get("provisional") is True,
        final=data.get("final") is True,
        segments=as_count(data.get("segments"), 100),
        cost=as_money(data.get("cost")),
        raw=data,
    )


def _opt_out(data: dict[str, Any], update: StatusUpdate) -> list[Event]:
    number = as_number(data.get("to"))
    if update.code != "opted_out" or not number:
        return []
    return [OptOutNotice(number=number, our_number=as_number(data.get("from")), at=update.at, raw=data)]


def media_headers(account: Account, url: str) -> Mapping[str, str]:
    """Pictures need the API key, which goes to the sandbox's own address and to no other."""
    try:
        here, there = urlsplit(account.base_url), urlsplit(url)
        same = (here.scheme, here.hostname, here.port) == (there.scheme, there.hostname, there.port)
    except ValueError:
        return {}
    if not same or there.username is not None or not there.path.startswith("/media/"):
        return {}
    return {"authorization": f"Bearer {account.values.get('api_key', '')}"}
