"""What becomes of texts: written by token or by condition, so that nobody writes over what happened meanwhile."""

import random
import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import transaction
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from compliance import gate, optout
from compliance.models import OptOut
from messaging import ladder, lanes, news, receipts
from messaging.models import WAITING, Attempt, AttemptPart, Lane, Message, State
from portal.clock import database_now
from portal.rows import insert_rows
from trunks.carriers.base import Accepted, AcceptedPart, CarrierError
from trunks.carriers.events import Reason

MAX_ATTEMPTS = 8
BACK_OFF_SECONDS = (2, 5, 15, 30, 60, 120, 300)
Cause = tuple[Reason, str, str]  # reason, the carrier's code, the sentence


class Sent(NamedTuple):
    """What sending one marked text came to: accepted, an error that says what may be done, or None: no answer."""

    message_id: int
    attempt_id: int
    attempts_made: int
    number: str
    from_number: str
    valid_until: datetime
    answer: Accepted | CarrierError | None


# --- Texts that do not leave ---


def _end(ids: Collection[int], *, state: State, reason: Reason | str, why: str) -> None:
    rows = Message.objects.filter(pk__in=ids, state__in=WAITING)
    rows.update(state=state, reason=reason, why=why[:300], token=None, lease_until=None, settled_at=Now())
    news.tell(ids)


def expire(ids: Collection[int]) -> None:
    why = "It could not leave while it was still worth sending. Send it again if it still matters."
    _end(ids, state=State.EXPIRED, reason=Reason.EXPIRED, why=why)


def refuse(message_id: int, verdict: gate.Refused) -> None:
    state = State.CANCELED if verdict.reason == Reason.OPTED_OUT else State.FAILED
    _end([message_id], state=state, reason=verdict.reason, why=f"{verdict.sentence} {verdict.help}".strip())


def postpone(message_id: int, verdict: gate.Later) -> None:
    Message.objects.filter(pk=message_id, state=State.QUEUED).update(due_at=verdict.at, why=verdict.sentence[:300])
    news.tell([message_id])


def change_lane(message_id: int, lane: Lane) -> None:
    """Its DID has moved to another account or campaign since it was queued."""
    Message.objects.filter(pk=message_id, state=State.QUEUED).update(lane=lane)


def hold_for_daily_cap(ids: Collection[int], *, until: datetime) -> None:
    """Texts that are still worth sending tomorrow wait; the others end now, so that somebody can act on it."""
    why = "The brand has used up what its registration lets it send today; the count starts anew at midnight Pacific."
    waiting = Message.objects.filter(pk__in=ids, state=State.QUEUED, valid_until__gt=until)
    waiting.update(due_at=until, reason=Reason.DAILY_LIMIT, why=why)
    late = Message.objects.filter(pk__in=ids, state=State.QUEUED, valid_until__lte=until)
    _end(list(late.values_list("pk", flat=True)), state=State.FAILED, reason=Reason.DAILY_LIMIT, why=why)
    news.tell(ids)


# --- What the carrier answered ---


class Held(NamedTuple):
    """A message whose row we hold."""

    id: int
    state: str
    conversation_id: int


def hold(message_ids: Collection[int]) -> list[Held]:
    """Lock these messages in the one order that receipts use too, so that nobody waits in a circle."""
    rows = Message.objects.select_for_update().filter(pk__among=message_ids).order_by("pk")
    return [Held._make(row) for row in rows.values_list(*Held._fields)]


@transaction.atomic
def record(lane: Lane, token: uuid.UUID, sent: Sequence[Sent]) -> None:
    """Write down a batch of answers, in a handful of statements whatever its size."""
    taken = [one for one in sent if isinstance(one.answer, Accepted)]
    failed = [one for one in sent if not isinstance(one.answer, Accepted)]
    held = hold([one.message_id for one in sent])
    if taken:
        _accept(lane, token, taken, held)
    now = database_now() if failed else None
    if now:
        _fail(lane, token, failed, held, now)
    news.tell([one.id for one in held], threads=[one.conversation_id for one in held])
    _judge_road(lane, taken, failed, now)


def _fail(lane: Lane, token: uuid.UUID, failed: Sequence[Sent], held: Sequence[Held], now: datetime) -> None:
    refused = [one for one in failed if isinstance(one.answer, CarrierError) and one.answer.not_accepted]
    if any(one.state == State.UNCONFIRMED for one in held):
        _take_back(token, refused)
    for one in refused:
        error = one.answer
        assert isinstance(error, CarrierError)
        if error.reason == Reason.OPTED_OUT:
            _opt_out(lane, one, error)
    _refuse(token, [one for one in refused if not _may_retry(one, now)])
    _retry(token, [one for one in refused if _may_retry(one, now)], now)
    _doubt(token, [one for one in failed if one.answer is None or _is_doubtful(one.answer)])


def _is_doubtful(answer: Accepted | CarrierError) -> bool:
    return isinstance(answer, CarrierError) and not answer.not_accepted


def _accept(lane: Lane, token: uuid.UUID, taken: Sequence[Sent], held: Sequence[Held]) -> None:
    parts = [(one.attempt_id, part) for one in taken for part in _parts(one.answer)]
    carrier_ids = [part.carrier_id for _, part in parts]
    columns: dict[str, Sequence[object]] = {
        "attempt_id": [attempt_id for attempt_id, _ in parts],
        "carrier_id": carrier_ids,
        "segments": [part.segments for _, part in parts],
        "cost": [part.cost for _, part in parts],
    }
    # A receipt that was quicker than this answer has made the part already.
    insert_rows(AttemptPart, columns, ignore_conflicts=True, account_id=lane.account_id)
    attempts = [one.attempt_id for one in taken]
    Attempt.objects.filter(pk__among=attempts, state=State.SENDING).update(state=State.ACCEPTED)
    _write(token, taken, state=State.ACCEPTED)
    # Whoever holds these messages next (a receipt) sees the parts; whoever came before us left receipts to find.
    if any(one.state == State.UNCONFIRMED for one in held):
        ladder.refresh(attempts)
    early = receipts.parked(lane.account, carrier_ids)
    if early:
        receipts.settle(lane.account, early)


def _parts(answer: Accepted | CarrierError | None) -> Sequence[AcceptedPart]:
    return answer.parts if isinstance(answer, Accepted) else ()


def _write(token: uuid.UUID, sent: Iterable[Sent], *, state: State, **columns: object) -> None:
    ids = [one.message_id for one in sent]
    if ids:
        ours = Message.objects.filter(pk__among=ids, state=State.SENDING, token=token)
        ours.update(state=state, token=None, lease_until=None, **columns)


def _may_retry(one: Sent, now: datetime) -> bool:
    error = one.answer
    if not isinstance(error, CarrierError) or not (error.retryable and error.not_accepted):
        return False
    return one.attempts_made < MAX_ATTEMPTS and _next_try(one, error, now) < one.valid_until


def _next_try(one: Sent, error: CarrierError, now: datetime) -> datetime:
    seconds = BACK_OFF_SECONDS[min(one.attempts_made, len(BACK_OFF_SECONDS)) - 1]
    return now + timedelta(seconds=max(seconds, error.retry_after_seconds or 0))


def _by_cause(sent: Iterable[Sent]) -> dict[Cause, list[Sent]]:
    causes: dict[Cause, list[Sent]] = defaultdict(list)
    for one in sent:
        if isinstance(one.answer, CarrierError):
            causes[one.answer.reason, one.answer.code, one.answer.sentence].append(one)
    return causes


def _take_back(token: uuid.UUID, refused: Sequence[Sent]) -> None:
    """Texts that were thought lost because this no came after their lease: it proves that the carrier has none."""
    attempts = Attempt.objects.filter(pk__in=[one.attempt_id for one in refused], state=State.UNCONFIRMED)
    newest = attempts.filter(message=OuterRef("pk"), number=OuterRef("attempts_made"))
    lost = Message.objects.filter(Exists(newest), pk__in=[one.message_id for one in refused], state=State.UNCONFIRMED)
    lost.update(state=State.SENDING, token=token, lease_until=Now())


def _close_attempts(cause: Cause, group: Sequence[Sent], state: State) -> None:
    reason, code, why = cause
    under_way = (State.SENDING, State.UNCONFIRMED)
    rows = Attempt.objects.filter(pk__in=[one.attempt_id for one in group], state__in=under_way)
    rows.update(state=state, reason=reason, code=code[:40], why=why[:300])


def _refuse(token: uuid.UUID, refused: Sequence[Sent]) -> None:
    for cause, group in _by_cause(refused).items():
        _close_attempts(cause, group, State.FAILED)
        _write(token, group, state=State.FAILED, reason=cause[0], why=cause[2][:300], settled_at=Now())


def _retry(token: uuid.UUID, refused: Sequence[Sent], now: datetime) -> None:
    for cause, group in _by_cause(refused).items():
        _close_attempts(cause, group, State.FAILED)
        for one in group:
            assert isinstance(one.answer, CarrierError)
            wait = (_next_try(one, one.answer, now) - now) * random.uniform(1, 1.3)  # noqa: S311
            _write(token, [one], state=State.QUEUED, due_at=now + wait, reason=cause[0], why=cause[2][:300])


def _doubt(token: uuid.UUID, unclear: Sequence[Sent]) -> None:
    """The carrier may have them. Never sent again blindly: a receipt, a look-up or a person settles them."""
    if not unclear:
        return
    why = "The carrier did not confirm it. We are asking whether it has the text."
    Attempt.objects.filter(pk__in=[one.attempt_id for one in unclear], state=State.SENDING).update(
        state=State.UNCONFIRMED, why=why
    )
    _write(token, unclear, state=State.UNCONFIRMED, why=why)


def _opt_out(lane: Lane, one: Sent, error: CarrierError) -> None:
    organization = lane.account.organization
    if optout.suppression_for(organization.pk, one.number) is None:
        optout.record_opt_out(
            organization=organization,
            number=one.number,
            source=OptOut.Source.CARRIER,
            keyword=error.code,
            our_number=one.from_number,
            why=error.sentence[:300],
        )


def _judge_road(lane: Lane, taken: Sequence[Sent], failed: Sequence[Sent], now: datetime | None) -> None:
    """A rate code slows the lane; a carrier that takes nothing pauses it."""
    if taken:
        lanes.reopen(lane)
    down = (Reason.RATE_LIMITED, Reason.CARRIER_DOWN)
    errors = [one.answer for one in failed if isinstance(one.answer, CarrierError) and one.answer.reason in down]
    limited = [error for error in errors if error.reason == Reason.RATE_LIMITED]
    if now is None:
        return
    if limited:
        waits = [error.retry_after_seconds for error in limited if error.retry_after_seconds]
        lanes.pause(lane.pk, now=now, why=limited[0].sentence, seconds=max(waits, default=1))
    elif errors and not taken:
        lanes.pause(lane.pk, now=now, why=errors[0].sentence)


@transaction.atomic
def judge_silence(lane: Lane, *, since_attempt: int) -> None:
    """A whole batch without an answer: when the carrier has taken no later text either, its road is closed."""
    later = Attempt.objects.filter(pk__gte=since_attempt, message__lane=lane.pk)
    if not later.exclude(state__in=[State.SENDING, State.UNCONFIRMED, State.FAILED]).exists():
        why = "The carrier does not answer. We keep trying while the texts are worth sending."
        lanes.pause(lane.pk, now=database_now(), why=why)


def try_again(message_id: int, *, attempts_made: int, why: str) -> None:
    """A look-up proved that the carrier never took it: queue it again, or end it when its time or tries are over.

    The caller holds the message.
    """
    rows = Message.objects.filter(pk=message_id, state=State.UNCONFIRMED, attempts_made=attempts_made)
    if attempts_made < MAX_ATTEMPTS and rows.filter(valid_until__gt=Now()).update(
        state=State.QUEUED, due_at=Now(), reason="", why=""
    ):
        return
    rows.update(
        state=State.EXPIRED, reason=Reason.EXPIRED, why=f"{why} It came too late to be sent again.", settled_at=Now()
    )


# --- Sweeps ---


@transaction.atomic
def sweep(now: datetime) -> None:
    """Leases that ran out, and texts nobody could send in time. What was marked may have left: it is unconfirmed."""
    late = Q(lease_until__lte=now)
    lost = list(Message.objects.filter(late, state=State.SENDING).values_list("pk", flat=True)[:1_000])
    if lost:
        why = "The worker that sent it stopped. We are asking the carrier whether it has the text."
        rows = Message.objects.filter(late, pk__in=lost, state=State.SENDING)
        rows.update(state=State.UNCONFIRMED, token=None, lease_until=None, why=why)
        Attempt.objects.filter(message__in=lost, state=State.SENDING).update(state=State.UNCONFIRMED, why=why)
        news.tell(lost)
    old = Message.objects.filter(state=State.QUEUED, valid_until__lte=now).values_list("pk", flat=True)[:1_000]
    expired = list(old)
    if expired:
        expire(expired)
