"""Sending a text, and asking what became of it."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

from trunks.carriers.base import Accepted, AcceptedPart, Account, HttpAnswer, HttpCall, LookUp, OutboundText, Steps
from trunks.carriers.reading import as_id, as_map, object_of
from trunks.carriers.telnyx.errors import refusal, unreadable
from trunks.carriers.telnyx.webhooks import cost_of, parts_of, payload_update

REFERENCE = "ref"  # the query parameter of the webhook address that carries our reference


def send_call(account: Account, text: OutboundText) -> HttpCall:
    content: dict[str, Any] = {"from": text.from_number, "to": text.to_number, "text": text.body}
    if text.media_urls:
        content["media_urls"] = list(text.media_urls)
    if account.webhook_url:
        content["webhook_url"] = _with_reference(account.webhook_url, text.reference)
        content["use_profile_webhooks"] = False
    return call(account, "POST", "/v2/messages", content, {"idempotency-key": _idempotency_key(text.reference)})


def _with_reference(url: str, reference: str) -> str:
    """A request has no field for a reference of ours, so the receipt's address carries it."""
    parts = urlsplit(url)
    query = [*parse_qsl(parts.query, keep_blank_values=True), (REFERENCE, reference)]
    return urlunsplit(parts._replace(query=urlencode(query)))


def _idempotency_key(reference: str) -> str:
    """The same for each try of one attempt. Telnyx allows letters, digits and `_ : -`, so the reference is hashed."""
    return hashlib.sha256(reference.encode("utf-8", "surrogatepass")).hexdigest()


def read_send(answer: HttpAnswer) -> Accepted:
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    data = as_map(object_of(answer).get("data"))
    carrier_id = as_id(data.get("id"))
    if not carrier_id:
        raise unreadable("the text")
    return Accepted(parts=(AcceptedPart(carrier_id=carrier_id, segments=parts_of(data), cost=cost_of(data)),))


def look_up(account: Account, carrier_ids: Sequence[str], reference: str) -> Steps[LookUp]:
    """By Telnyx's id, which it keeps for ten days. Without an id there is nothing to ask: absence is never proven."""
    updates = []
    for carrier_id in carrier_ids:
        answer = yield call(account, "GET", f"/v2/messages/{quote(carrier_id, safe='')}")
        if answer.status == 404:
            continue
        update = payload_update(as_map(found(answer).get("data")), reference=reference)
        if update is not None:
            updates.append(update)
    return LookUp(updates=tuple(updates))


def call(
    account: Account,
    method: str,
    path: str,
    content: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
) -> HttpCall:
    every = {"authorization": f"Bearer {account.values.get('api_key', '')}", "accept": "application/json"}
    body = b""
    if content is not None:
        every["content-type"] = "application/json"
        body = json.dumps(content, separators=(",", ":")).encode()
    return HttpCall(
        method=method, url=account.base_url.rstrip("/") + path, headers=every | dict(headers or {}), body=body
    )


def found(answer: HttpAnswer) -> dict[str, Any]:
    """The object of a successful answer, or CarrierError."""
    if not 200 <= answer.status < 300:
        raise refusal(answer)
    content = object_of(answer)
    if not content:
        raise unreadable("our question")
    return content
