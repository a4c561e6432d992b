"""Dispatch: claim a batch from a lane, hand it to the carrier over one kept client, write down what it said.

A dispatch never sleeps. It works until the lane's slots or two seconds run out; the doorbell keeps the lane's next
appointment, and the tick finds what a lost ring left behind.
"""

import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta

import structlog
from django.conf import settings
from django.db import OperationalError
from django.utils import timezone

from messaging import claims, doorbell, media, outcomes, references
from messaging.claims import Claim, Text
from messaging.hands import Hands
from messaging.outcomes import Sent
from portal import web
from portal.http import HttpAnswer, HttpCall, NotSent, Unanswered
from trunks import accounts, carriers
from trunks.carriers.base import Accepted, Carrier, CarrierError, OutboundText
from trunks.carriers.events import Reason
from trunks.models import CarrierAccount

log = structlog.get_logger(__name__)
WORK_SECONDS = 2.0
LAST_SENT_SECONDS = 1.0  # how exactly an account says when it was last used
TASK = "messaging.dispatch_lane"
Answer = Accepted | CarrierError | None  # None: the carrier may have the text


class _Room:
    """How many texts of one lane this process has in flight, and whether it was rung while there was no room."""

    def __init__(self) -> None:
        self.taken = 0
        self.rung = False


_rooms: dict[int, _Room] = defaultdict(_Room)
_hands = Hands(4)  # for each lane, of a worker's eight threads: others go on while a carrier keeps one waiting
_lock = threading.Lock()


def dispatch(lane_id: int) -> int:
    """Send what the lane may send now. How many texts were handed over, whatever became of them."""
    with _hands.on(lane_id) as is_free:
        return _dispatch(lane_id) if is_free else 0


def _dispatch(lane_id: int) -> int:
    ends = time.monotonic() + WORK_SECONDS
    handed = 0
    while (claim := _claim(lane_id)) is not None:
        if claim.wait:
            # Before the texts are sent: the next ones of a shaped lane do not wait for the answers to these.
            doorbell.ring(TASK, after=claim.wait, lane_id=lane_id)
        if claim.texts:
            handed += send(claim)
        elif claim.wait != 0:
            break
        if time.monotonic() > ends:
            doorbell.ring(TASK, after=0, lane_id=lane_id)
            break
    return handed


def _claim(lane_id: int) -> Claim | None:
    """A claim for what room the lane has. None: another thread has it all, and looks again when it ends."""
    room = _take_room(lane_id)
    if not room:
        return None
    used = 0
    try:
        claim = claims.claim(lane_id, limit=room)
        used = len(claim.texts)
    finally:
        rung = _give_back(lane_id, room - used)
    return replace(claim, wait=0) if rung and claim.wait is None else claim


def _take_room(lane_id: int) -> int:
    """What is left of it, kept from other threads while this one claims."""
    with _lock:
        room = _rooms[lane_id]
        left = max(settings.MESSAGING_IN_FLIGHT - room.taken, 0)
        room.taken += left
        room.rung |= not left
        return left


def _give_back(lane_id: int, count: int) -> bool:
    """Whether the lane was rung meanwhile."""
    with _lock:
        room = _rooms[lane_id]
        room.taken -= count
        rung, room.rung = room.rung, False
        return rung


def send(claim: Claim) -> int:
    """Write the claimed texts to the socket and record what comes back."""
    account = claim.lane.account
    carrier = carriers.get(account.kind)
    is_silent = True
    try:
        for answers in _hand_over(carrier, account, claim):
            _record(claim, [_sent(*claim.texts[place], answer) for place, answer in answers])
            is_silent &= all(answer is None for _, answer in answers)
    finally:
        _give_back(claim.lane.pk, len(claim.texts))
    if is_silent:
        outcomes.judge_silence(claim.lane, since_attempt=claim.texts[0][1])
    _note_use(account)
    return len(claim.texts)


def _note_use(account: CarrierAccount) -> None:
    now = timezone.now()
    used = CarrierAccount.objects.filter(pk=account.pk)
    used.exclude(last_sent_at__gt=now - timedelta(seconds=LAST_SENT_SECONDS)).update(last_sent_at=now)


def _sent(text: Text, attempt_id: int, answer: Answer) -> Sent:
    return Sent(
        message_id=text.id,
        attempt_id=attempt_id,
        attempts_made=text.attempts_made + 1,
        number=text.to_number,
        from_number=text.from_number,
        valid_until=text.valid_until,
        answer=answer,
    )


def _hand_over(carrier: Carrier, account: CarrierAccount, claim: Claim) -> Iterator[list[tuple[int, Answer]]]:
    """The carrier's answers as they come, with the place of their text. One that it cannot put in words is refused."""
    values = accounts.as_carrier_account(account)
    links = media.links([text.id for text, _ in claim.texts if text.has_media])
    calls: list[HttpCall] = []
    places: list[int] = []
    unsaid: list[tuple[int, Answer]] = []
    for place, (text, attempt_id) in enumerate(claim.texts):
        try:
            calls.append(carrier.send_call(values, _outbound(text, attempt_id, links.get(text.id, ()))))
            places.append(place)
        except CarrierError as error:
            unsaid.append((place, error))
    if unsaid:
        yield unsaid
    waves = web.call_in_waves(
        calls,
        hosts=accounts.credential_hosts(account),
        in_flight=settings.MESSAGING_IN_FLIGHT,
        write_by=claim.write_by,
        # One deadline for all carriers: leases and look-ups reckon with it.
        timeout_seconds=settings.MESSAGING_SEND_TIMEOUT_SECONDS,
    )
    for wave in waves:
        yield [(places[place], _read(carrier, outcome)) for place, outcome in wave]


def _outbound(text: Text, attempt_id: int, media_urls: tuple[str, ...]) -> OutboundText:
    return OutboundText(
        from_number=text.from_number,
        to_number=text.to_number,
        body=text.body,
        reference=references.make(attempt_id),
        media_urls=media_urls,
    )


def _read(carrier: Carrier, outcome: HttpAnswer | NotSent | Unanswered) -> Answer:
    """What the outcome of a call means. None: the carrier may have the text."""
    if isinstance(outcome, Unanswered):
        return None
    if isinstance(outcome, NotSent):
        return CarrierError(
            "The carrier could not be reached. We keep trying while the text is worth sending.",
            reason=Reason.CARRIER_DOWN,
            retryable=True,
        )
    try:
        return carrier.read_send(outcome)
    except CarrierError as error:
        return error


def _record(claim: Claim, sent: Sequence[Sent]) -> None:
    """Answers must not be lost to a passing fault of the database: they would have to be asked for again."""
    for tries_left in (2, 1, 0):
        try:
            return outcomes.record(claim.lane, claim.token, sent)
        except OperationalError:
            log.warning("dispatch.record_failed", lane_id=claim.lane.pk, texts=len(sent), tries_left=tries_left)
            if not tries_left:
                raise
    return None
