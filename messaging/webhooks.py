"""The one inbound door for carriers: bound, verify, store and hear STOP in one transaction, answer, ring.

Everything else is `process`'s, in a worker: what is stored here is lost to nobody.
"""

import hashlib
import time
import uuid
from collections.abc import Iterator, Mapping
from typing import Any

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from messaging import doorbell, inbound, shelf
from messaging.models import Delivery, RefusedDelivery
from trunks import accounts, carriers
from trunks.accounts import Known
from trunks.carriers.base import BadSignature, Carrier, UnreadableBody, Webhook
from trunks.carriers.events import Event
from trunks.models import CarrierAccount

log = structlog.get_logger(__name__)
KEPT_REFUSALS = 20  # of an account, the newest
TASK = "messaging.process_deliveries"
RING_SECONDS = 0.1
_next_ring = 0.0  # by the monotonic clock


def hook(request: HttpRequest, kind: str, account_id: uuid.UUID) -> HttpResponse:
    """`/hooks/<carrier>/<account uuid>/`. 200 when stored (again), 4xx when it proves nothing."""
    if request.method != "POST":
        return _answer(405, "Webhooks are posted.")
    body = _bounded_body(request)
    if body is None:
        return _answer(413, "Too large.")
    account = accounts.known(kind, account_id)
    if account is None:
        return _answer(404, "No such account.")
    carrier = carriers.get(kind)
    webhook = _webhook(request, account, body)
    try:
        _verify(account, carrier, webhook)
    except BadSignature as error:
        _count_refusal(account.row, webhook, error)
        return _answer(400 if error.missing else 401, "The signature does not prove who sent this.")
    take(account.row, carrier, webhook)
    return _answer(200, "ok")


def _verify(account: Known, carrier: Carrier, webhook: Webhook) -> None:
    """Raises BadSignature. Nobody is refused for a secret that was changed since the account was read."""
    try:
        carrier.verify(account.seen, webhook, timezone.now())
    except BadSignature:
        newest = accounts.known_anew(account.row.kind, account.row.pk)
        if newest is None or newest.seen == account.seen:
            raise
        carrier.verify(newest.seen, webhook, timezone.now())


def _answer(status: int, text: str) -> HttpResponse:
    # No middleware tells the length here (see portal.middleware.hooks_first); without it the answer goes in chunks.
    content = f"{text}\n".encode()
    return HttpResponse(content, status=status, content_type="text/plain", headers={"Content-Length": len(content)})


def _bounded_body(request: HttpRequest) -> bytes | None:
    """The whole body, or None when it is longer than WEBHOOK_MAX_BYTES. Never reads more than that."""
    limit = settings.WEBHOOK_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > limit:
        return None
    body = request.read(limit + 1)
    return None if len(body) > limit else body


def _webhook(request: HttpRequest, account: Known, body: bytes) -> Webhook:
    """Its URL is the one we gave out: the address has already led here, and what a proxy made of it proves nothing."""
    query = request.META.get("QUERY_STRING", "")
    return Webhook(
        url=f"{account.seen.webhook_url}?{query}" if query else account.seen.webhook_url,
        headers=dict(_headers(request.META)),
        query=request.GET.dict() if query else {},
        body=body,
    )


def _headers(environ: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for name, value in environ.items():
        if name.startswith("HTTP_"):
            yield name[5:].replace("_", "-").lower(), value
        elif name in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            yield name.replace("_", "-").lower(), value


def take(account: CarrierAccount, carrier: Carrier, webhook: Webhook) -> None:
    """Store a verified webhook and hear its wishes. A repeat is counted and moves nothing."""
    key = (carrier.event_key(webhook) or hashlib.sha256(webhook.body).hexdigest())[:100]
    try:
        wishes = inbound.wishes(carrier.parse(webhook))
    except UnreadableBody as error:
        _store_unreadable(account, key, webhook, error)
        return
    if not wishes:  # most of them: one statement, which needs no transaction around it
        _, seen = shelf.put_together(account, key, webhook)
    else:
        with transaction.atomic():
            _, seen = shelf.put(account, key, webhook)
            if seen == 1:
                inbound.hear_wishes(account, wishes)
    if seen == 1:
        _ring()


def _ring() -> None:
    """Soon when it was quiet; under load so seldom that one ring stands for dozens of webhooks."""
    global _next_ring
    now = time.monotonic()
    if now < _next_ring:
        return  # the ring on its way finds this row too
    _next_ring = max(now + doorbell.GATHER_SECONDS, _next_ring + RING_SECONDS)
    doorbell.ring(TASK, after=_next_ring - now)


@transaction.atomic
def _store_unreadable(account: CarrierAccount, key: str, webhook: Webhook, error: UnreadableBody) -> None:
    """Verified but not as documented: kept, answered 200 (a repeat would be no better) and shown by `doctor`."""
    delivery_id, seen = shelf.put(account, key, webhook)
    if seen == 1:
        Delivery.objects.filter(pk=delivery_id).update(error=str(error)[:300], processed_at=timezone.now())
        log.warning("webhook.unreadable", account=str(account.pk), delivery=delivery_id)


def _count_refusal(account: CarrierAccount, webhook: Webhook, error: BadSignature) -> None:
    """Strangers may knock, not fill the table: every knock is counted, the newest few are kept without their body."""
    CarrierAccount.objects.filter(pk=account.pk).update(refused_webhooks=F("refused_webhooks") + 1)
    RefusedDelivery.objects.create(
        account=account,
        why=str(error)[:200],
        header_names=", ".join(sorted(webhook.headers))[:1_000],
        body_bytes=len(webhook.body),
    )
    kept = RefusedDelivery.objects.filter(account=account).order_by("-pk").values_list("pk", flat=True)[:KEPT_REFUSALS]
    RefusedDelivery.objects.filter(account=account).exclude(pk__in=list(kept)).delete()


def events_of(delivery: Delivery) -> list[Event]:
    """What a stored delivery says. Raises UnreadableBody."""
    url, _, _ = delivery.url.partition("#")
    carrier = carriers.get(delivery.account.kind)
    return carrier.parse(Webhook(url=url, headers=delivery.headers, query=_query(url), body=bytes(delivery.body)))


def _query(url: str) -> dict[str, str]:
    return QueryDict(url.partition("?")[2]).dict()
