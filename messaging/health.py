"""What is stuck or stale in the sending and receiving of texts: heartbeats, and counts for `doctor`."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db.models import Count, Max, Min, Q, QuerySet

from messaging import lookups
from messaging.models import Attempt, Delivery, Heartbeat, Lane, Message, ParkedText, Receipt, RefusedDelivery, State

TICK = "messaging.tick"
UNKNOWN_WORDS = "Unknown words: "  # how messaging.deliveries begins when a carrier has added some
SILENT_SECONDS = 10  # a tick comes each second; ten missed ones are no accident


# --- Heartbeats ---


def beat(task: str, now: datetime) -> None:
    """Note that a recurring task runs. One statement."""
    Heartbeat.objects.bulk_create(
        [Heartbeat(task=task, at=now)], update_conflicts=True, unique_fields=["task"], update_fields=["at"]
    )


def silence(task: str, now: datetime) -> timedelta | None:
    """How long ago the task last ran; None when it never did."""
    at = Heartbeat.objects.filter(task=task).values_list("at", flat=True).first()
    return now - at if at else None


def is_worker_alive(now: datetime) -> bool:
    quiet = silence(TICK, now)
    return quiet is not None and quiet < timedelta(seconds=SILENT_SECONDS)


# --- Texts on their way out ---


@dataclass(frozen=True, slots=True)
class Queue:
    """Due texts of a lane: how many, and since when the oldest could have left."""

    lane: Lane
    count: int
    since: datetime


def queues(now: datetime) -> list[Queue]:
    """Lanes with due texts, the longest waiting first. Two queries."""
    due = Message.objects.filter(state=State.QUEUED, due_at__lte=now, lane__isnull=False)
    rows = list(due.values_list("lane").annotate(Count("pk"), since=Min("due_at")).order_by("since"))
    lanes = _lanes().in_bulk([lane_id for lane_id, _, _ in rows])
    return [Queue(lanes[lane_id], count, since) for lane_id, count, since in rows]


def paused_lanes(now: datetime) -> list[Lane]:
    """Lanes that are closed at the moment."""
    return list(_lanes().filter(paused_until__gt=now).order_by("pk"))


def _lanes() -> QuerySet[Lane]:
    return Lane.objects.select_related("account__organization", "campaign").defer("account__values")


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Texts the carrier may have. `for_a_person`: asked for so often in vain that only a person can settle them."""

    count: int
    for_a_person: int
    since: datetime | None


def unconfirmed() -> Doubtful:
    rows = Attempt.objects.filter(state=State.UNCONFIRMED, message__state=State.UNCONFIRMED)
    found = rows.aggregate(
        count=Count("pk"),
        given_up=Count("pk", filter=Q(look_ups__gte=lookups.MAX_LOOK_UPS)),
        since=Min("started_at"),
    )
    return Doubtful(found["count"], found["given_up"], found["since"])


# --- What carriers told us ---


@dataclass(frozen=True, slots=True)
class Told:
    """Webhooks of an account, or texts to a number, that need somebody. `error`: of the newest."""

    account_id: UUID
    count: int
    newest: datetime
    error: str = ""
    number: str = ""

    @property
    def is_unknown_word(self) -> bool:
        return self.error.startswith(UNKNOWN_WORDS)


def unprocessed(now: datetime) -> tuple[int, datetime | None]:
    """Stored webhooks that no worker has worked off, and since when the oldest waits."""
    found = Delivery.objects.filter(processed_at=None, received_at__lte=now).aggregate(
        count=Count("pk"), since=Min("received_at")
    )
    return found["count"], found["since"]


def troubled_deliveries(since: datetime) -> list[Told]:
    """Webhooks that could not be read or used, by account and error."""
    rows = Delivery.objects.filter(received_at__gte=since).exclude(error="")
    return [
        Told(account_id, count, newest, error)
        for account_id, error, count, newest in rows.values_list("account", "error")
        .annotate(count=Count("pk"), newest=Max("received_at"))
        .order_by("-newest")[:20]
    ]


def refused_webhooks(since: datetime) -> dict[UUID, tuple[datetime, str]]:
    """{account: when and why its newest unproven request was refused}."""
    rows = RefusedDelivery.objects.filter(at__gte=since).order_by("at")
    return {account_id: (at, why) for account_id, at, why in rows.values_list("account", "at", "why")}


def parked_texts() -> list[Told]:
    """Customers' texts to numbers that are no DIDs of ours."""
    rows = ParkedText.objects.filter(placed_at=None).values_list("account", "to_number")
    counted = rows.annotate(count=Count("pk"), newest=Max("received_at")).order_by("-newest")
    return [Told(account_id, count, newest, number=number) for account_id, number, count, newest in counted[:20]]


def parked_receipts(now: datetime) -> int:
    """Receipts of the last day that belong to no text we sent. Younger than a minute they may just be early."""
    old_enough = Q(received_at__lte=now - timedelta(minutes=1), received_at__gte=now - timedelta(days=1))
    return Receipt.objects.filter(old_enough, part=None).count()
