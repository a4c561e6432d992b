"""Lanes: which road a text takes to its carrier, how fast, and when the road is closed."""

from datetime import datetime, timedelta
from decimal import Decimal

from django.db.models import Exists, OuterRef, Q

from compliance.gate import DidFacts
from messaging.models import LIVE, Lane, Message, State
from trunks import accounts, carriers

# A text may leave up to half a slot late without the next one being later for it: by the carrier's clock at most
# 10 x rate + 1 leave in any 10 s as long as lateness and what the wire adds stay below a whole slot. A fast lane, which
# is fed in batches, may catch up a tenth of a second.
LATE_SLOTS = 0.5
CATCH_UP_SECONDS = 0.1
GATHER_SHARE = 0.7  # of what it may catch up: several texts a batch, and room for being late
PAUSE_SECONDS = (2, 5, 15, 30, 60)
OLD_TROUBLE = timedelta(minutes=10)


def lane_for(did: DidFacts) -> Lane:
    """The lane of a DID's texts: of its campaign, or of its account where no campaign is needed."""
    if did.campaign_id is None:
        return Lane.objects.get_or_create(account_id=did.account_id, campaign=None)[0]
    return Lane.objects.get_or_create(account_id=did.account_id, campaign_id=did.campaign_id)[0]


def texts_a_second(lane: Lane) -> float:
    """Read at each claim, so that a changed campaign counts at once."""
    rate: Decimal | float | None = lane.campaign.texts_a_second if lane.campaign else lane.account.texts_a_second
    return float(rate or carriers.get(lane.account.kind).TEXTS_A_SECOND)


def free_slots(lane: Lane, now: datetime) -> int:
    """How many texts may leave now. The slots stand in a row, 1/rate apart, the first at `next_slot_at`."""
    rate = texts_a_second(lane)
    behind = (now - _first_slot(lane, now, rate)).total_seconds()
    return 0 if behind < 0 else int(behind * rate) + 1


def take_slots(lane: Lane, now: datetime, count: int) -> None:
    """Use up `count` slots; the caller holds the lane's row and saves it."""
    rate = texts_a_second(lane)
    lane.next_slot_at = _first_slot(lane, now, rate) + timedelta(seconds=count / rate)


def seconds_to_next_batch(lane: Lane, now: datetime) -> float:
    """When to ask a lane again whose slots are used up: at the next one, or as late as a fast lane can catch up."""
    gather = max(GATHER_SHARE * (CATCH_UP_SECONDS - 1 / texts_a_second(lane)), 0)
    return max((lane.next_slot_at - now).total_seconds() + gather, 0)


def _first_slot(lane: Lane, now: datetime, rate: float) -> datetime:
    late = max(LATE_SLOTS / rate, CATCH_UP_SECONDS - 1 / rate)
    return max(lane.next_slot_at, now - timedelta(seconds=late))


def pause(lane_id: int, *, now: datetime, why: str, seconds: float | None = None) -> None:
    """Close a road for a while: as long as the carrier said, or longer at each failure in a row."""
    lane = Lane.objects.select_for_update(of=("self",)).select_related("account").get(pk=lane_id)
    step = PAUSE_SECONDS[min(lane.failures, len(PAUSE_SECONDS) - 1)]
    until = now + timedelta(seconds=step if seconds is None else min(max(seconds, 1), 3_600))
    lane.paused_until = max(until, lane.paused_until or until)
    lane.paused_why = why[:300]
    lane.failures += 1
    lane.save(update_fields=["paused_until", "paused_why", "failures"])
    accounts.set_trouble(lane.account_id, lane.account.organization_id, why)


def reopen(lane: Lane) -> None:
    """A text was taken: the road is good. Writes only when there was something to forget."""
    closed = Lane.objects.filter(pk=lane.pk).exclude(failures=0, paused_until=None)
    if closed.update(failures=0, paused_until=None, paused_why=""):
        accounts.set_trouble(lane.account_id, lane.account.organization_id, "")


def forget_old_trouble(now: datetime) -> None:
    """A road that opened long ago and that no text has needed since has no trouble to speak of."""
    idle = Lane.objects.filter(failures__gt=0, paused_until__lte=now - OLD_TROUBLE)
    for lane in idle.exclude(Exists(Message.objects.filter(lane=OuterRef("pk"), state__in=LIVE))):
        reopen(lane)


def with_due_work(now: datetime) -> list[int]:
    """Lanes that have a text whose time has come and that are open."""
    due = Message.objects.filter(state=State.QUEUED, due_at__lte=now, lane__isnull=False)
    open_lanes = Q(paused_until=None) | Q(paused_until__lte=now)
    return list(Lane.objects.filter(open_lanes, pk__in=due.values("lane_id")).values_list("pk", flat=True))
