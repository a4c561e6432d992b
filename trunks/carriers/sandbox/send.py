"""Sending a text, and asking what became of it."""

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote, urlencode

from trunks.carriers.base import Accepted, AcceptedPart, Account, HttpAnswer, HttpCall, LookUp, OutboundText, Steps
from trunks.carriers.reading import as_count, as_id, as_list, as_map, object_of
from trunks.carriers.sandbox.errors import refusal, unreadable
from trunks.carriers.sandbox.webhooks import status_update


def send_call(account: Account, text: OutboundText) -> HttpCall:
    content: dict[str, Any] = {
        "from": text.from_number,
        "to": text.to_number,
        "text": text.body,
        "client_reference": text.reference,
    }
    if text.media_urls:
        content["media_urls"] = list(text.media_urls)
    if account.webhook_url:
        content["webhook_url"] = account.webhook_url
    return call(account, "POST", "/v1/messages", content)


def read_send(answer: HttpAnswer) -> Accepted:
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    data = as_map(object_of(answer).get("data"))
    carrier_id = as_id(data.get("id"))
    if not carrier_id:
        raise unreadable("the text")
    return Accepted(parts=(AcceptedPart(carrier_id=carrier_id, segments=as_count(data.get("segments"), 100)),))


def look_up(account: Account, carrier_ids: Sequence[str], reference: str) -> Steps[LookUp]:
    """By id when we have one; else by our reference, where an empty list proves that nothing was taken."""
    if not carrier_ids:
        return (yield from _by_reference(account, reference))
    updates = []
    for carrier_id in carrier_ids:
        answer = yield call(account, "GET", f"/v1/messages/{quote(carrier_id, safe='')}")
        if answer.status == 404:
            continue
        update = status_update(as_map(found(answer).get("data")), at=None)
        if update is not None:
            updates.append(update)
    return LookUp(updates=tuple(updates))


def _by_reference(account: Account, reference: str) -> Steps[LookUp]:
    answer = yield call(account, "GET", f"/v1/messages?{urlencode({'client_reference': reference})}")
    content = found(answer)
    rows = content.get("data")
    if not isinstance(rows, list):
        raise unreadable("the look-up")
    updates = [status_update(as_map(row), at=None) for row in as_list(rows)]
    return LookUp(updates=tuple(update for update in updates if update is not None), surely_absent=not rows)


def call(account: Account, method: str, path: str, content: Mapping[str, Any] | None = None) -> HttpCall:
    headers = {"authorization": f"Bearer {account.values.get('api_key', '')}", "accept": "application/json"}
    body = b""
    if content is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(content, separators=(",", ":")).encode()
    return HttpCall(method=method, url=account.base_url.rstrip("/") + path, headers=headers, body=body)


def found(answer: HttpAnswer) -> dict[str, Any]:
    """The object of a successful answer, or CarrierError."""
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    content = object_of(answer)
    if not content:
        raise unreadable("our question")
    return content
