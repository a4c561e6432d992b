"""The one inbound door for carriers: bound, verify, store and hear STOP in one transaction, answer, ring.

Everything else is `process`'s, in a worker: what is stored here is lost to nobody.
"""

import hashlib
import uuid

import structlog
from django.conf import settings
from django.db import connection, transaction
from django.db.models import F
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils import timezone

from messaging import doorbell, inbound
from messaging.models import Delivery, RefusedDelivery
from trunks import accounts, carriers
from trunks.carriers.base import BadSignature, Carrier, UnreadableBody, Webhook
from trunks.carriers.events import Event
from trunks.models import CarrierAccount

log = structlog.get_logger(__name__)
KEPT_REFUSALS = 20  # of an account, the newest
KEPT_HEADERS = frozenset({"content-type", "user-agent"})
TASK = "messaging.process_deliveries"


def hook(request: HttpRequest, kind: str, account_id: uuid.UUID) -> HttpResponse:
    """`/hooks/<carrier>/<account uuid>/`. 200 when stored (again), 4xx when it proves nothing."""
    if request.method != "POST":
        return _answer(405, "Webhooks are posted.")
    body = _bounded_body(request)
    if body is None:
        return _answer(413, "Too large.")
    account = _account(kind, account_id)
    if account is None:
        return _answer(404, "No such account.")
    carrier = carriers.get(kind)
    webhook = _webhook(request, body)
    try:
        carrier.verify(accounts.as_carrier_account(account), webhook, timezone.now())
    except BadSignature as error:
        _count_refusal(account, webhook, error)
        return _answer(400 if error.missing else 401, "The signature does not prove who sent this.")
    take(account, carrier, webhook)
    return _answer(200, "ok")


def _account(kind: str, account_id: uuid.UUID) -> CarrierAccount | None:
    """The account of the address, while it is active. Plain SQL: composing the query costs more than all the rest."""
    table = CarrierAccount._meta.db_table
    statement = f"SELECT * FROM {table} WHERE id = %s AND kind = %s AND is_active"  # noqa: S608 - the model's own name
    key = CarrierAccount._meta.pk.get_db_prep_value(account_id, connection)
    return next(iter(CarrierAccount.objects.raw(statement, [key, kind])), None)


def _answer(status: int, text: str) -> HttpResponse:
    # No middleware tells the length here (see portal.middleware.hooks_first); without it the answer goes in chunks.
    headers = {"Content-Length": str(len(text) + 1)}
    return HttpResponse(text + "\n", status=status, content_type="text/plain", headers=headers)


def _bounded_body(request: HttpRequest) -> bytes | None:
    """The whole body, or None when it is longer than WEBHOOK_MAX_BYTES. Never reads more than that."""
    limit = settings.WEBHOOK_MAX_BYTES
    length = request.META.get("CONTENT_LENGTH") or "0"
    if not length.isdecimal() or int(length) > limit:
        return None
    body = request.read(limit + 1)
    return None if len(body) > limit else body


def _webhook(request: HttpRequest, body: bytes) -> Webhook:
    return Webhook(
        url=settings.PORTAL_PUBLIC_URL + request.get_full_path(),
        headers={name.lower(): value for name, value in request.headers.items()},
        query=request.GET.dict(),
        body=body,
    )


def take(account: CarrierAccount, carrier: Carrier, webhook: Webhook) -> None:
    """Store a verified webhook and hear its wishes. A repeat is counted and moves nothing."""
    key = (carrier.event_key(webhook) or hashlib.sha256(webhook.body).hexdigest())[:100]
    try:
        wishes = inbound.wishes(carrier.parse(webhook))
    except UnreadableBody as error:
        _store_unreadable(account, key, webhook, error)
        return
    if not wishes:  # most of them: one statement, which needs no transaction around it
        _, seen = _store(account, key, webhook)
    else:
        with transaction.atomic():
            _, seen = _store(account, key, webhook)
            if seen == 1:
                inbound.hear_wishes(account, wishes)
    if seen == 1:
        doorbell.ring(TASK)


@transaction.atomic
def _store_unreadable(account: CarrierAccount, key: str, webhook: Webhook, error: UnreadableBody) -> None:
    """Verified but not as documented: kept, answered 200 (a repeat would be no better) and shown by `doctor`."""
    delivery_id, seen = _store(account, key, webhook)
    if seen == 1:
        Delivery.objects.filter(pk=delivery_id).update(error=str(error)[:300], processed_at=timezone.now())
        log.warning("webhook.unreadable", account=str(account.pk), delivery=delivery_id)


def _store(account: CarrierAccount, key: str, webhook: Webhook) -> tuple[int, int]:
    """The row's id and how often it has been seen, in one statement: two equal requests at once give one row."""
    fields = Delivery._meta
    values = {
        "account_id": account.pk,
        "key": key,
        "url": webhook.url[-500:],
        "headers": {name: value for name, value in webhook.headers.items() if name in KEPT_HEADERS},
        "body": webhook.body,
        "received_at": timezone.now(),
        "seen": 1,
        "tries": 0,
        "error": "",
    }
    columns = ", ".join(values)
    marks = ", ".join(["%s"] * len(values))
    concrete = {field.attname: field for field in fields.concrete_fields}
    prepared = [concrete[name].get_db_prep_save(value, connection) for name, value in values.items()]
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {fields.db_table} ({columns}) VALUES ({marks}) "  # noqa: S608 - names are the model's own
            f"ON CONFLICT (account_id, key) DO UPDATE SET seen = {fields.db_table}.seen + 1 RETURNING id, seen",
            prepared,
        )
        delivery_id, seen = cursor.fetchone()
    return delivery_id, seen


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
