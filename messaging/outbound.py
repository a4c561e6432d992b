"""queue_message(): the gate, the row, the doorbell. The only way a text gets into a lane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from compliance import content, gate
from compliance.quiet_hours import MARGIN
from messaging import doorbell, lanes, media, news, recipients, segments
from messaging.models import (
    WAITING,
    Attachment,
    Conversation,
    Direction,
    Lane,
    Message,
    Purpose,
    State,
)
from messaging.pictures import Picture
from portal import audit
from portal.access import Can, may, textable_dids
from portal.clock import database_now
from portal.models import Membership, Organization
from trunks import carriers
from trunks.models import Did

MAX_SEGMENTS = 10
COMPLIANCE_VALID_SECONDS = 300  # a confirmation later than five minutes is a new text to somebody who said STOP
PREVIEW = 160


class MessageRefused(Exception):
    """A text that may not be sent. `sentence`: why; `help`: what would help."""

    def __init__(self, sentence: str, help: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.help = help


@dataclass(frozen=True, slots=True)
class Window:
    """When a text may leave: not before `due_at`, not after `valid_until`. `why`: what makes it wait.

    `rules` and `places`: the rulebook's version and where the person may be, as they were judged.
    """

    due_at: datetime
    valid_until: datetime
    why: str
    rules: str
    places: str


def judge(conversation: Conversation, purpose: str = Purpose.REPLY) -> gate.Verdict:
    """The gate's answer for a text in this thread now: what the composer says before anybody types."""
    return gate.may_send(facts_of(conversation, purpose), timezone.now())


def facts_of(conversation: Conversation, purpose: str) -> gate.Facts:
    """What the gate judges a text of this thread by."""
    organization_id, number = conversation.organization_id, conversation.number
    snapshot = gate.load(organization_id, did_ids=[conversation.did_id], numbers=[number], purposes=[purpose])
    person = recipients.of_thread(conversation, purpose, timezone.now())
    return snapshot.facts(did_id=conversation.did_id, number=number, purpose=purpose, person=person)


def queue_message(
    *,
    conversation: Conversation,
    body: str,
    by: Membership | None,
    key: str,
    purpose: str = Purpose.REPLY,
    pictures: Sequence[Picture] = (),
    not_before: datetime | None = None,
) -> Message:
    """Queue one text. The same `key` again gives the same message, so that a form posted twice sends once.

    `by` is None for the portal's own required replies and for its operator. Raises MessageRefused, also when the key
    has sent another text; then nothing was written.
    """
    body = segments.normalize(body).strip()
    if before := _sent_before(conversation, body, key):
        return before
    facts = facts_of(conversation, purpose)
    window = _check(conversation, body, pictures, by, facts, not_before)
    try:
        with transaction.atomic():
            lane = lanes.lane_for(facts.did)
            message = _write(conversation, body, by, key, purpose, window, lane)
            _attach(message, pictures)
            _show(conversation, message, by)
            doorbell.ring_on_commit("messaging.dispatch_lane", lane_id=lane.pk)
    except IntegrityError:
        if same := _sent_before(conversation, body, key):
            return same
        raise
    return message


def _sent_before(conversation: Conversation, body: str, key: str) -> Message | None:
    """The message that this key has queued. Other words or another thread under it would be lost without a word."""
    before = Message.objects.filter(organization=conversation.organization_id, key=key).first()
    if before is not None and (before.conversation_id, before.body) != (conversation.pk, body):
        raise MessageRefused("This form has sent another text already.", "Open the conversation anew and write there.")
    return before


def _check(
    conversation: Conversation,
    body: str,
    pictures: Sequence[Picture],
    by: Membership | None,
    facts: gate.Facts,
    not_before: datetime | None,
) -> Window:
    """When the text may leave. Raises MessageRefused."""
    if not body and not pictures:
        raise MessageRefused("Write a text or add a picture.")
    if by is not None:
        _check_person(conversation, by)
    _check_limits(conversation, body, pictures)
    if facts.purpose != Purpose.COMPLIANCE:
        _check_content(conversation, body, facts.purpose)
    now = database_now()
    return window(conversation.organization, facts, max(not_before or now, now))


def window(organization: Organization, facts: gate.Facts, at: datetime) -> Window:
    """Between which moments a text may leave that somebody wants to leave at `at`. Raises MessageRefused."""
    verdict = gate.may_send(facts, at)
    if isinstance(verdict, gate.Refused):
        raise MessageRefused(verdict.sentence, verdict.help)
    due_at, why = (verdict.at, verdict.sentence) if isinstance(verdict, gate.Later) else (at, "")
    valid_until = due_at + timedelta(seconds=valid_seconds(organization, facts.purpose))
    if facts.is_solicitation:  # worth sending until the day's window closes, and no longer
        closes = facts.policy.hours(facts.places, facts.purpose, due_at).closes
        valid_until = closes - MARGIN if closes else valid_until
    zones = ", ".join(dict.fromkeys(f"{place.state} {place.zone}".strip() for place in facts.places))
    return Window(due_at, valid_until, why[:300], facts.policy.book.version, zones[:200] or "anywhere")


def _check_person(conversation: Conversation, by: Membership) -> None:
    if not may(by, Can.TEXT):
        raise MessageRefused("Your role may not send texts.", "Ask an owner for another role.")
    if not Did.objects.filter(textable_dids(by), pk=conversation.did_id).exists():
        raise MessageRefused(
            "This DID is not given to you or your team.",
            "Text from a DID of your team, or ask a dialer admin for this one.",
        )


def _check_limits(conversation: Conversation, body: str, pictures: Sequence[Picture]) -> None:
    account = conversation.did.account
    assert account is not None, "a DID that may text has an account (did_texts_by_an_account)"
    limits = carriers.get(account.kind).LIMITS
    count = segments.count(body)
    most = min(limits.segments, MAX_SEGMENTS)
    if count.segments > most:
        raise MessageRefused(
            f"This text is {count.segments} segments long; the carrier takes {most}.", "Shorten it or send it in two."
        )
    if pictures and not conversation.did.mms:
        raise MessageRefused("This DID cannot send pictures.", "Send the text alone, or use a DID with MMS.")
    if len(pictures) > limits.media_count:
        raise MessageRefused(f"The carrier takes {limits.media_count} pictures at most.", "Send fewer at once.")
    if sum(len(picture.data) for picture in pictures) > limits.media_bytes:
        raise MessageRefused(
            f"The pictures are larger than the {limits.media_bytes // 1_000} kB the carrier takes.",
            "Send fewer at once.",
        )


def _check_content(conversation: Conversation, body: str, purpose: str) -> None:
    """What a carrier would filter is told to the writer instead, with the phrase."""
    context = content.Context(
        names=(conversation.organization.name,),
        is_first=conversation.last_message_id is None,
        is_promotional=purpose == Purpose.PROMOTIONAL,
    )
    blocked = next((each for each in content.screen(body, context) if each.level == content.Level.BLOCK), None)
    if blocked is None:
        return
    where = f"“{blocked.phrase[:60]}”: " if blocked.phrase.strip() else ""
    raise MessageRefused(f"{where}{blocked.sentence}")


def valid_seconds(organization: Organization, purpose: str) -> int:
    """How long a text stays worth sending."""
    if purpose == Purpose.COMPLIANCE:
        return COMPLIANCE_VALID_SECONDS
    if purpose == Purpose.REPLY:
        return organization.reply_valid_seconds
    return organization.informational_valid_seconds


def _write(
    conversation: Conversation,
    body: str,
    by: Membership | None,
    key: str,
    purpose: str,
    window: Window,
    lane: Lane,
) -> Message:
    return Message.objects.create(
        organization_id=conversation.organization_id,
        conversation=conversation,
        direction=Direction.OUT,
        number=conversation.number,
        purpose=purpose,
        body=body,
        segments=max(segments.count(body).segments, 1),
        state=State.QUEUED,
        by=by.user if by else None,
        key=key,
        created_at=database_now(),
        lane=lane,
        due_at=window.due_at,
        valid_until=window.valid_until,
        why=window.why,
        rules=window.rules,
        places=window.places,
    )


def _attach(message: Message, pictures: Sequence[Picture]) -> None:
    """Raises MessageRefused when there is no room for them; no file of them is left then."""
    rows: list[Attachment] = []
    try:
        for position, picture in enumerate(pictures):
            row = Attachment(organization_id=message.organization_id, message=message, position=position)
            media.store(row, picture)
            rows.append(row)
    except OSError:
        media.discard(rows)
        raise MessageRefused(
            "The pictures could not be stored: the portal's disk may be full.",
            "Tell whoever runs it, or send the text alone.",
        ) from None
    if pictures:
        message.has_media = True
        message.save(update_fields=["has_media"])


def _show(conversation: Conversation, message: Message, by: Membership | None) -> None:
    """The inbox row shows the text; a person's text answers whatever the customer has said so far."""
    columns = news.newest(message, preview=(message.body or "Picture")[:PREVIEW])
    if by is not None:
        columns |= {"heard_answered": F("heard"), "waiting_since": None, "state": Conversation.State.OPEN}
    Conversation.objects.filter(pk=conversation.pk).update(**columns)
    news.changed([conversation.pk])


@transaction.atomic
def cancel_message(*, message: Message, by: Membership) -> bool:
    """Take back a text that has not left. False when it was too late."""
    rows = Message.objects.filter(pk=message.pk, organization=by.organization_id, state__in=WAITING)
    why = f"Canceled by {by}."
    if not rows.update(state=State.CANCELED, why=why[:300], token=None, lease_until=None, settled_at=timezone.now()):
        return False
    audit.record("messaging.message.canceled", organization=by.organization, by=by.user, subject=message.number)
    news.tell([message.pk])
    return True


@transaction.atomic
def retry_message(*, message: Message, by: Membership) -> bool:
    """Try a text again that surely did not arrive, as a new attempt. False when it is not in such an end.

    Raises MessageRefused when it may not be sent now.
    """
    if message.purpose == Purpose.COMPLIANCE:  # the gate lets one through after a STOP, and one it stays
        raise MessageRefused("A required reply is sent by itself, once and at once.")
    _check_person(message.conversation, by)
    facts = facts_of(message.conversation, message.purpose)
    when = window(by.organization, facts, database_now())
    lane = lanes.lane_for(facts.did)
    ended = Message.objects.filter(
        pk=message.pk,
        organization=by.organization_id,
        state__in=(State.FAILED, State.UNDELIVERED, State.EXPIRED),
        redacted_at=None,  # its words are gone
    )
    again = ended.update(
        state=State.QUEUED,
        reason="",
        why=when.why,
        lane=lane,
        due_at=when.due_at,
        valid_until=when.valid_until,
        rules=when.rules,
        places=when.places,
        settled_at=None,
    )
    if not again:
        return False
    audit.record("messaging.message.retried", organization=by.organization, by=by.user, subject=message.number)
    news.tell([message.pk])
    doorbell.ring_on_commit("messaging.dispatch_lane", lane_id=lane.pk)
    return True
