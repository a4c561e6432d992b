"""Works off stored webhooks: receipts in bulk, texts one by one, each event idempotent by itself."""

from collections import defaultdict
from collections.abc import Sequence

import structlog
from django.db import connection, transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from messaging import health, inbound, news, receipts
from messaging.models import Delivery
from messaging.receipts import Heard
from messaging.webhooks import events_of
from trunks.carriers.base import UnreadableBody
from trunks.carriers.events import Event, InboundMessage, Status, StatusUpdate, Unrecognized
from trunks.models import CarrierAccount

log = structlog.get_logger(__name__)
BATCH = 200
MAX_TRIES = 5


def process() -> int:
    """Work off one batch. How many deliveries it took; 0 when nothing waits (or other workers hold the rest)."""
    try:
        with transaction.atomic():
            batch = list(_waiting()[:BATCH])
            _work(batch)
    except Exception:
        # One bad delivery must not hold up the others: each gets a transaction of its own.
        log.exception("deliveries.batch_failed")
        return _one_by_one()
    return len(batch)


def _waiting() -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(processed_at=None).select_related("account__organization").order_by("pk")
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=skip, of=("self",)) if skip else rows


def _one_by_one() -> int:
    waiting = list(Delivery.objects.filter(processed_at=None).order_by("pk").values_list("pk", flat=True)[:BATCH])
    for pk in waiting:
        try:
            with transaction.atomic():
                _work(list(_waiting().filter(pk=pk)))
        except Exception as error:
            log.exception("deliveries.failed", delivery=pk)
            _put_off(pk, error)
    return len(waiting)


def _put_off(pk: int, error: Exception) -> None:
    """After some tries it is left for an operator: `doctor` shows it, and it can be replayed."""
    rows = Delivery.objects.filter(pk=pk)
    rows.update(tries=F("tries") + 1, error=f"It could not be processed: {type(error).__name__}."[:300])
    rows.filter(tries__gte=MAX_TRIES).update(processed_at=timezone.now())


def _work(batch: Sequence[Delivery]) -> None:
    """Receipts first, then texts: messages are locked before conversations, as everywhere."""
    statuses: dict[CarrierAccount, list[Heard]] = defaultdict(list)
    others: list[tuple[Delivery, Event]] = []
    for delivery in batch:
        for event in _read(delivery):
            if isinstance(event, StatusUpdate):
                statuses[delivery.account].append((event, delivery))
            else:
                others.append((delivery, event))
    for account, heard in statuses.items():
        receipts.apply(account, heard)
    threads = {thread for delivery, event in others if (thread := _take(delivery, event)) is not None}
    news.changed(threads)
    Delivery.objects.filter(pk__among=[delivery.pk for delivery in batch]).update(processed_at=timezone.now())
    accounts = CarrierAccount.objects.filter(pk__in={delivery.account_id for delivery in batch})
    accounts.update(last_heard_at=timezone.now())


def _read(delivery: Delivery) -> list[Event]:
    try:
        events = events_of(delivery)
    except UnreadableBody as error:
        Delivery.objects.filter(pk=delivery.pk).update(error=str(error)[:300])
        return []
    unknown = [event.word for event in events if isinstance(event, StatusUpdate) and event.status == Status.UNKNOWN]
    unknown += [event.kind for event in events if isinstance(event, Unrecognized)]
    if unknown:
        _count_unknown(delivery, unknown)
    return events


def _count_unknown(delivery: Delivery, words: list[str]) -> None:
    """Carriers add words without notice: it is no error, but somebody should see it the same day."""
    log.warning("webhook.unknown_words", kind=delivery.account.kind, words=words)
    Delivery.objects.filter(pk=delivery.pk).update(error=f"{health.UNKNOWN_WORDS}{', '.join(words)}"[:300])


def _take(delivery: Delivery, event: Event) -> int | None:
    """The thread that a customer's text went into."""
    # Opt-outs that a carrier reports were heard at the door, before it was answered.
    message = inbound.receive_quietly(delivery.account, event) if isinstance(event, InboundMessage) else None
    return message.conversation_id if message else None


@transaction.atomic
def replay(delivery: Delivery) -> None:
    """Process a delivery once more, for an operator. Safe: each of its events counts once."""
    Delivery.objects.filter(pk=delivery.pk).update(processed_at=None, tries=0, error="")
