"""Dispatch: claim a batch from a lane, hand it to the carrier over one kept client, write down what it said.

A dispatch never sleeps. It works until the lane's slots or two seconds run out; the doorbell keeps the lane's next
appointment, and the tick finds what a lost ring left behind.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

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
_hands = Hands(4)  # for each lane, of a worker's eight threads: others go on while a carrier keeps one waiting
TASK = "messaging.dispatch_lane"
Answer = Accepted | CarrierError | None  # None: the carrier may have the text


def dispatch(lane_id: int) -> int:
    """Send what the lane may send now. How many texts were handed over, whatever became of them."""
    with _hands.on(lane_id) as is_free:
        return _dispatch(lane_id) if is_free else 0


def _dispatch(lane_id: int) -> int:
    ends = time.monotonic() + WORK_SECONDS
    handed = 0
    while True:
        claim = claims.claim(lane_id, limit=settings.MESSAGING_IN_FLIGHT)
        if claim.texts:
            handed += send(claim)
        elif claim.wait != 0:
            break
        if time.monotonic() > ends:
            claim = Claim(lane=claim.lane, token=claim.token, wait=0)
            break
    if claim.wait is not None:
        doorbell.ring(TASK, after=claim.wait, lane_id=lane_id)
    return handed


def send(claim: Claim) -> int:
    """Mark, write to the socket, record. What was not marked in time is not sent."""
    marked = claims.mark(claim)
    # Half the lease, by this worker's own clock: later than that somebody else may have judged the texts lost.
    write_by = time.monotonic() + claims.lease().total_seconds() / 2
    if not marked:
        return 0
    account = claim.lane.account
    carrier = carriers.get(account.kind)
    is_silent = True
    for answers in _hand_over(carrier, account, marked, write_by):
        _record(claim, [_sent(*marked[place], answer) for place, answer in answers])
        is_silent &= all(answer is None for _, answer in answers)
    if is_silent:
        outcomes.judge_silence(claim.lane, since_attempt=marked[0][1])
    CarrierAccount.objects.filter(pk=account.pk).update(last_sent_at=timezone.now())
    return len(marked)


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


def _hand_over(
    carrier: Carrier, account: CarrierAccount, marked: Sequence[tuple[Text, int]], write_by: float
) -> Iterator[list[tuple[int, Answer]]]:
    """The carrier's answers as they come, with the place of their text. One that it cannot put in words is refused."""
    values = accounts.as_carrier_account(account)
    links = media.links([text.id for text, _ in marked if text.has_media])
    calls: dict[int, HttpCall] = {}
    unsaid: list[tuple[int, Answer]] = []
    for place, (text, attempt_id) in enumerate(marked):
        try:
            call = carrier.send_call(values, _outbound(text, attempt_id, links.get(text.id, ())))
            # One deadline for all carriers: leases and look-ups reckon with it.
            calls[place] = replace(call, timeout_seconds=settings.MESSAGING_SEND_TIMEOUT_SECONDS)
        except CarrierError as error:
            unsaid.append((place, error))
    if unsaid:
        yield unsaid
    places = list(calls)
    hosts = accounts.credential_hosts(account)
    in_flight = settings.MESSAGING_IN_FLIGHT
    for wave in web.call_in_waves(list(calls.values()), hosts=hosts, in_flight=in_flight, write_by=write_by):
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
