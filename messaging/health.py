"""What is stuck or stale in the sending and receiving of texts, for `doctor`, the health page and the metrics.

Each function reads all organizations, or one alone; none costs more queries when there is more to tell.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import Count, Max, Min, Model, Q, QuerySet

from messaging import lookups
from messaging.models import Attempt, Delivery, Heartbeat, Lane, Message, ParkedText, Receipt, RefusedDelivery, State
from portal.models import Organization

M = TypeVar("M", bound=Model)
TICK, UPKEEP = "messaging.tick", "messaging.upkeep"
UNKNOWN_WORDS = "Unknown words: "  # how messaging.deliveries begins when a carrier has added some
APART = timedelta(seconds=0.5)
SILENT_SECONDS = 10  # a tick comes each second; ten missed ones are no accident
FAILED_STATES = (State.FAILED, State.UNDELIVERED, State.EXPIRED)


# --- Heartbeats ---


def beat(task: str, now: datetime) -> bool:
    """Note that a recurring task runs. False when it has run just before, so that there is nothing to do. One statement
    as a rule."""
    # Neither just before nor a little ahead: a heartbeat far ahead was written before the clock was set back.
    just_run = Q(at__gt=now - APART, at__lt=now + APART)
    if Heartbeat.objects.filter(~just_run, task=task).update(at=now):
        return True
    return Heartbeat.objects.get_or_create(task=task, defaults={"at": now})[1]


def silences(now: datetime) -> dict[str, timedelta]:
    """How long ago each recurring task last ran; one that never did is absent."""
    return {task: now - at for task, at in Heartbeat.objects.values_list("task", "at")}


def is_worker_alive(now: datetime) -> bool:
    return silences(now).get(TICK, timedelta.max) < timedelta(seconds=SILENT_SECONDS)


def _of(rows: QuerySet[M], organization: Organization | None) -> QuerySet[M]:
    """Those of one organization's accounts, or all."""
    return rows if organization is None else rows.filter(account__organization=organization)


# --- Texts on their way out ---


@dataclass(frozen=True, slots=True)
class Road:
    """A lane and its due texts: how many, and since when the oldest could have left (None: nothing is due)."""

    lane: Lane
    waiting: int = 0
    since: datetime | None = None

    def is_closed(self, now: datetime) -> bool:
        return self.lane.paused_until is not None and self.lane.paused_until > now


def roads(now: datetime, organization: Organization | None = None) -> list[Road]:
    """Every lane, those that wait longest first. Two queries; the index of queued texts bounds them."""
    due = Message.objects.filter(state=State.QUEUED, due_at__lte=now, lane__isnull=False)
    if organization is not None:
        due = due.filter(organization=organization)
    counted = due.values_list("lane").annotate(Count("pk"), since=Min("due_at"))
    queues = {lane_id: (count, since) for lane_id, count, since in counted}
    lanes = _of(Lane.objects.select_related("account__organization", "campaign"), organization)
    found = [Road(lane, *queues.get(lane.pk, ())) for lane in lanes.defer("account__values").order_by("account", "pk")]
    return sorted(found, key=lambda road: road.since or now)


@dataclass(frozen=True, slots=True)
class Doubtful:
    """Texts the carrier may have. `for_a_person`: asked for so often in vain that only a person can settle them."""

    count: int
    for_a_person: int
    since: datetime


def unconfirmed(organization: Organization | None = None) -> dict[UUID, Doubtful]:
    """By carrier account."""
    rows = _of(Attempt.objects.filter(state=State.UNCONFIRMED, message__state=State.UNCONFIRMED), organization)
    given_up = Count("pk", filter=Q(look_ups__gte=lookups.MAX_LOOK_UPS))
    found = rows.values_list("account").annotate(Count("pk"), given_up=given_up, since=Min("started_at"))
    return {account_id: Doubtful(*counts) for account_id, *counts in found}


def failed(since: datetime) -> dict[str, int]:
    """{reason: how many texts ended badly}; "" where the carrier gave none."""
    rows = Message.objects.filter(state__in=FAILED_STATES, settled_at__gte=since)
    return dict(rows.values_list("reason").annotate(Count("pk")))


def handed_over(since: datetime) -> int:
    """How many times a text was handed to a carrier. Attempts are numbered in the order of time, so that the newest
    one before `since` bounds the count; no index by time burdens the sending."""
    before = Attempt.objects.filter(started_at__lt=since).order_by("-pk").values_list("pk", flat=True).first()
    return Attempt.objects.filter(pk__gt=before or 0).count()


# --- What carriers told us ---


@dataclass(frozen=True, slots=True)
class Backlog:
    """Stored webhooks that no worker has worked off: how many, and when the oldest and the newest came."""

    count: int
    since: datetime
    newest: datetime


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


def unprocessed(now: datetime, organization: Organization | None = None) -> dict[UUID, Backlog]:
    """By carrier account."""
    rows = _of(Delivery.objects.filter(processed_at=None, received_at__lte=now), organization)
    found = rows.values_list("account").annotate(Count("pk"), since=Min("received_at"), newest=Max("received_at"))
    return {account_id: Backlog(*facts) for account_id, *facts in found}


def troubled_deliveries(since: datetime, organization: Organization | None = None) -> list[Told]:
    """Webhooks that could not be read or used, by account and error, the newest first."""
    rows = _of(Delivery.objects.exclude(error="").filter(received_at__gte=since), organization)
    counted = rows.values_list("account", "error").annotate(count=Count("pk"), newest=Max("received_at"))
    return [
        Told(account_id, count, newest, error)
        for account_id, error, count, newest in counted.order_by("-newest")[:20]
    ]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Troubles:
    """How many webhooks of an account could not be read or used, and how many had words unknown to us."""

    not_understood: int
    unknown_words: int


def troubles(organization: Organization | None = None, *, since: datetime | None = None) -> dict[UUID, Troubles]:
    """By carrier account. What has been processed once more without trouble is none any longer."""
    rows = _of(Delivery.objects.exclude(error=""), organization)
    rows = rows.filter(received_at__gte=since) if since else rows
    unknown = Count("pk", filter=Q(error__startswith=UNKNOWN_WORDS))
    counted = rows.values_list("account").annotate(all=Count("pk"), unknown=unknown)
    return {account_id: Troubles(both - words, words) for account_id, both, words in counted}


def refused_webhooks(since: datetime, organization: Organization | None = None) -> dict[UUID, tuple[datetime, str]]:
    """{account: when and why its newest unproven request was refused}."""
    rows = _of(RefusedDelivery.objects.filter(at__gte=since).order_by("at"), organization)
    return {account_id: (at, why) for account_id, at, why in rows.values_list("account", "at", "why")}


def parked_texts(organization: Organization | None = None) -> list[Told]:
    """Customers' texts to numbers that are no DIDs of ours."""
    rows = _of(ParkedText.objects.filter(placed_at=None), organization).values_list("account", "to_number")
    counted = rows.annotate(count=Count("pk"), newest=Max("received_at")).order_by("-newest")
    return [Told(account_id, count, newest, number=number) for account_id, number, count, newest in counted[:20]]


def parked_receipts(now: datetime, organization: Organization | None = None) -> dict[UUID, int]:
    """Receipts of the last day that belong to no text we sent, by account. Younger than a minute they may be early."""
    old_enough = Q(received_at__lte=now - timedelta(minutes=1), received_at__gte=now - timedelta(days=1))
    rows = _of(Receipt.objects.filter(old_enough, part=None), organization)
    return dict(rows.values_list("account").annotate(Count("pk")))
