"""Works off stored webhooks in batches; each event is idempotent by itself."""

import threading
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import structlog
from django.db import connection, transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from messaging import health, inbound, news, receipts
from messaging.models import Conversation, Delivery
from messaging.receipts import Heard
from messaging.webhooks import events_of
from trunks.carriers.base import UnreadableBody
from trunks.carriers.events import Event, InboundMessage, Status, StatusUpdate, Unrecognized
from trunks.models import CarrierAccount

log = structlog.get_logger(__name__)
BATCH = 500
MAX_TRIES = 5
CLAIMING = 1_936_027  # names our advisory locks in PostgreSQL

_turn = threading.Lock()
_is_asked = False


def work_off() -> None:
    """Work until nothing waits. A ring that comes while this process is at it is heard by the thread that is.

    More threads would only take turns on what one does in larger batches; more processes share the work.
    """
    global _is_asked
    _is_asked = True
    while _is_asked and _turn.acquire(blocking=False):
        try:
            _is_asked = False
            while process() == BATCH:
                pass
        finally:
            _turn.release()


def process() -> int:
    """Work off one batch. How many deliveries it took; 0 when nothing waits (or other workers hold the rest)."""
    try:
        with _turn_to_claim() as end_turn, transaction.atomic():
            batch = _read(list(_waiting().filter(tries=0)[:BATCH]))
            _hold_people(batch.texts)
            end_turn()
            _work(batch)
    except Exception:
        # One bad delivery must not hold up the others: each gets a transaction of its own.
        log.exception("deliveries.batch_failed")
        return _one_by_one(tries=0)
    return len(batch.deliveries) or _one_by_one(tries__gt=0)


# --- Claiming ---


@contextmanager
def _turn_to_claim() -> Iterator[Callable[[], None]]:
    """Workers claim one after the other, each with the people whose texts it has got; gives what ends the turn.

    Thus nobody writes a person's later text while another worker still has an earlier one. The turn is no part of the
    transaction, which lies inside: others go on claiming while this batch is worked off.
    """
    if connection.vendor != "postgresql":
        yield lambda: None  # a transaction of SQLite is alone from its begin to its end
        return
    is_held = True

    def end() -> None:
        nonlocal is_held
        if is_held:
            _lock("pg_advisory_unlock(%s)", CLAIMING)
        is_held = False

    _lock("pg_advisory_lock(%s)", CLAIMING)
    try:
        yield end
    finally:
        end()


def _hold_people(texts: Iterable[inbound.Text]) -> None:
    people = sorted({event.from_number for _, event in texts})
    if people and connection.vendor == "postgresql":
        _lock("pg_advisory_xact_lock(%s, hashtext(person)) FROM UNNEST(%s::text[]) AS person", CLAIMING, people)


def _lock(call: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {call}", values)


def _waiting() -> QuerySet[Delivery]:
    rows = Delivery.objects.filter(processed_at=None).order_by("pk")
    skip = connection.features.has_select_for_update_skip_locked
    return rows.select_for_update(skip_locked=skip, no_key=True) if skip else rows


def _one_by_one(**which: int) -> int:
    waiting = Delivery.objects.filter(processed_at=None, **which).order_by("pk")
    pks = list(waiting.values_list("pk", flat=True)[:BATCH])
    for pk in pks:
        try:
            with transaction.atomic():
                _work(_read(list(_waiting().filter(pk=pk))))
        except Exception as error:
            log.exception("deliveries.failed", delivery=pk)
            _put_off(pk, error)
    return len(pks)


def _put_off(pk: int, error: Exception) -> None:
    """After some tries it is left for an operator: `doctor` shows it, and it can be replayed."""
    rows = Delivery.objects.filter(pk=pk)
    rows.update(tries=F("tries") + 1, error=f"It could not be processed: {type(error).__name__}."[:300])
    rows.filter(tries__gte=MAX_TRIES).update(processed_at=timezone.now())


# --- Working ---


@dataclass(frozen=True, slots=True)
class Batch:
    """Deliveries and what they say."""

    deliveries: Sequence[Delivery]
    statuses: Mapping[CarrierAccount, Sequence[Heard]]
    texts: Sequence[inbound.Text]


def _read(deliveries: Sequence[Delivery]) -> Batch:
    rows = CarrierAccount.objects.select_related("organization")
    accounts = rows.in_bulk({delivery.account_id for delivery in deliveries})
    statuses: dict[CarrierAccount, list[Heard]] = defaultdict(list)
    texts: list[inbound.Text] = []
    for delivery in deliveries:
        account = delivery.account = accounts[delivery.account_id]
        for event in _events(delivery):
            if isinstance(event, StatusUpdate):
                statuses[account].append((event, delivery))
            elif isinstance(event, InboundMessage):
                texts.append((account, event))
            # Opt-outs that a carrier reports were heard at the door, before it was answered.
    return Batch(deliveries, statuses, texts)


def _work(batch: Batch) -> None:
    """All messages first, then their conversations: everybody locks them in this order."""
    if not batch.deliveries:
        return
    moved = receipts.take(batch.statuses)
    arrivals = inbound.take(batch.texts)
    _hold_threads([one.thread.pk for one in arrivals], moved)
    news.tell(moved)
    inbound.show(arrivals)
    now = timezone.now()
    Delivery.objects.filter(pk__among=[one.pk for one in batch.deliveries]).update(processed_at=now)
    stale = Q(last_heard_at=None) | Q(last_heard_at__lt=now - timedelta(seconds=1))
    heard = {one.account_id for one in batch.deliveries}
    CarrierAccount.objects.filter(stale, pk__in=heard).update(last_heard_at=now)


def _hold_threads(pks: Collection[int], message_ids: Collection[int]) -> None:
    """The threads of these texts and those that show these messages, in one order for everybody."""
    threads = Conversation.objects.filter(Q(pk__among=pks) | Q(last_message__among=message_ids))
    list(threads.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True))


def _events(delivery: Delivery) -> list[Event]:
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


@transaction.atomic
def replay(delivery: Delivery) -> None:
    """Process a delivery once more, for an operator. Safe: each of its events counts once."""
    Delivery.objects.filter(pk=delivery.pk).update(processed_at=None, tries=0, error="")
