"""Claiming: a worker takes texts from a lane and marks them `sending`, in one transaction just before they leave."""

import time
import uuid
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet

from compliance import gate
from compliance.models import Brand, Suppression
from messaging import doubts, lanes, outcomes, recipients
from messaging.models import LIVE, Attempt, DailyUse, Lane, Message, Purpose, State
from portal.clock import database_now
from portal.rows import insert_rows

# T-Mobile counts a brand's segments from midnight Pacific. A recipient whose network is not known counts as theirs.
REGISTRY_ZONE = zoneinfo.ZoneInfo("America/Los_Angeles")
CAPPED_NETWORK = "t-mobile"


class Text(NamedTuple):
    """One due text with all that sending it needs."""

    id: int
    conversation_id: int
    did_id: int
    from_number: str
    to_number: str
    body: str
    segments: int
    purpose: str
    has_media: bool
    attempts_made: int
    valid_until: datetime
    network: str
    team_id: int | None
    by_id: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """What a claim gave. `wait`: the seconds until the lane may be asked again; None: nothing due.

    texts: marked `sending`, each with the id of its attempt; no others may be sent. From here on a text may have left
    us: only a receipt, a look-up or a person can say otherwise. write_by: a time of `time.monotonic()`, half the lease
    after the mark by this worker's own clock; later than that somebody else may have judged the texts lost.
    """

    lane: Lane
    token: uuid.UUID
    texts: Sequence[tuple[Text, int]] = field(default_factory=list)
    wait: float | None = None
    write_by: float = 0.0


def lease() -> timedelta:
    return timedelta(seconds=settings.MESSAGING_LEASE_SECONDS)


@transaction.atomic
def claim(lane_id: int, *, limit: int) -> Claim:
    """Take what may leave the lane now. The lane's row is the lock: workers shape one lane together."""
    lane = (
        Lane.objects.select_for_update(of=("self",))
        .select_related("account__organization", "campaign__brand")
        .get(pk=lane_id)
    )
    marked_at = time.monotonic()
    now = database_now()
    token = uuid.uuid4()
    if lane.paused_until and lane.paused_until > now:
        return Claim(lane=lane, token=token, wait=(lane.paused_until - now).total_seconds())
    slots = lanes.free_slots(lane, now)
    if slots == 0:
        return Claim(lane=lane, token=token, wait=(lane.next_slot_at - now).total_seconds())
    # A road that was closed is tried with one text: of a silent carrier's, nobody knows what became of them.
    due = _due(lane, now, min(slots, 1 if lane.failures else limit))
    if not due:
        return Claim(lane=lane, token=token)
    texts = _mark(_within_cap(lane, _judged(lane, due, now), now), token, now)
    if texts:
        lanes.take_slots(lane, now, len(texts))
        lane.save(update_fields=["next_slot_at"])
    return Claim(
        lane=lane,
        token=token,
        texts=_begin(lane, texts, now),
        wait=lanes.seconds_to_next_batch(lane, now) if len(due) == slots else 0,
        write_by=marked_at + lease().total_seconds() / 2,
    )


def _due(lane: Lane, now: datetime, limit: int) -> list[Text]:
    """Texts whose time has come, the oldest first, never a text before an earlier due one of its conversation."""
    earlier = Message.objects.filter(
        conversation=OuterRef("conversation_id"), pk__lt=OuterRef("pk"), state__in=LIVE, due_at__lte=now
    )
    due = Message.objects.filter(~Exists(earlier), lane=lane, state=State.QUEUED, due_at__lte=now)
    columns = (
        "id",
        "conversation_id",
        "conversation__did_id",
        "conversation__did__number",
        "number",
        "body",
        "segments",
        "purpose",
        "has_media",
        "attempts_made",
        "valid_until",
        "recipient_network",
        "conversation__team_id",
        "by_id",
    )
    return [Text._make(row) for row in due.order_by("due_at", "id").values_list(*columns)[:limit]]


def _judged(lane: Lane, texts: list[Text], now: datetime) -> list[Text]:
    """Those the gate lets pass; what became of the others is written down at once."""
    organization_id = lane.account.organization_id
    numbers, purposes = {text.to_number for text in texts}, {text.purpose for text in texts}
    dids = {text.did_id for text in texts}
    snapshot = gate.load(organization_id, did_ids=dids, numbers=numbers, purposes=purposes)
    known = recipients.load(organization_id, numbers, purposes, now, hold=True)
    allowed = []
    for text in texts:
        facts = snapshot.facts(
            did_id=text.did_id,
            number=text.to_number,
            purpose=text.purpose,
            is_automatic=doubts.is_automatic(text.purpose, text.by_id),
            person=known.person(text.to_number, team_id=text.team_id),
        )
        verdict = gate.may_send(facts, now)
        if text.valid_until <= now:
            outcomes.expire([text.id])
        elif isinstance(verdict, gate.Refused):
            outcomes.refuse(text.id, verdict)
        elif isinstance(verdict, gate.Later):
            outcomes.postpone(text.id, verdict)
        elif (facts.did.account_id, facts.did.campaign_id) != (lane.account_id, lane.campaign_id):
            outcomes.change_lane(text.id, lanes.lane_for(facts.did))
        else:
            known.note(text.to_number, text.purpose, now, team_id=text.team_id)
            allowed.append(text)
    return allowed


def _within_cap(lane: Lane, texts: list[Text], now: datetime) -> list[Text]:
    """Those that the brand's daily cap still holds. A retry counts again: the registry may have counted the first."""
    brand = lane.campaign.brand if lane.campaign else None
    if brand is None or brand.daily_cap is None:
        return texts
    counted = [text for text in texts if text.network in ("", CAPPED_NETWORK)]
    fitting = _take_from_day(brand, brand.daily_cap, counted, now)
    too_many = [text.id for text in counted if text not in fitting]
    if too_many:
        opens = _next_registry_midnight(now)
        outcomes.hold_for_daily_cap(too_many, until=opens)
    return [text for text in texts if text.id not in too_many]


def _take_from_day(brand: Brand, cap: int, texts: list[Text], now: datetime) -> list[Text]:
    day = now.astimezone(REGISTRY_ZONE).date()
    use, _ = DailyUse.objects.select_for_update().get_or_create(brand=brand, network=CAPPED_NETWORK, day=day)
    left = cap - use.segments
    fitting = []
    for text in texts:
        if text.segments > left:
            break
        left -= text.segments
        fitting.append(text)
    taken = sum(text.segments for text in fitting)
    # The condition is the promise; the row lock above only makes it hold at the first try.
    room = DailyUse.objects.filter(pk=use.pk, segments__lte=cap - taken)
    return fitting if room.update(segments=F("segments") + taken) else []


def _next_registry_midnight(now: datetime) -> datetime:
    local = now.astimezone(REGISTRY_ZONE)
    return (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0).astimezone(UTC)


def _mark(texts: list[Text], token: uuid.UUID, now: datetime) -> list[Text]:
    """Mark as `sending` those that may still leave, and give them back.

    What the condition refuses (a STOP was quicker, or another hand) stays as it is.
    """
    ids = [text.id for text in texts]
    marked = _sendable(ids, now).update(
        state=State.SENDING, token=token, lease_until=now + lease(), attempts_made=F("attempts_made") + 1
    )
    if marked == len(ids):
        return texts
    held = set(Message.objects.filter(pk__among=ids, token=token).values_list("pk", flat=True))
    return [text for text in texts if text.id in held]


def _sendable(ids: list[int], now: datetime) -> QuerySet[Message]:
    suppressed = Suppression.objects.filter(organization=OuterRef("organization_id"), number=OuterRef("number"))
    return Message.objects.filter(
        Q(purpose=Purpose.COMPLIANCE) | ~Exists(suppressed),
        pk__among=ids,
        state=State.QUEUED,
        valid_until__gt=now,
    )


def _begin(lane: Lane, texts: list[Text], now: datetime) -> list[tuple[Text, int]]:
    """An attempt for each, whose id is the reference that the carrier says back."""
    columns = {"message_id": [text.id for text in texts], "number": [text.attempts_made + 1 for text in texts]}
    attempts = insert_rows(Attempt, columns, account_id=lane.account_id, started_at=now)
    return list(zip(texts, attempts, strict=True))
