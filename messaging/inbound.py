"""A customer's text: wishes heard before the answer, then the thread, the pictures, the one required reply."""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from compliance import optout
from compliance.models import CampaignDid, OptOut
from compliance.optout_words import Kind, Verdict, classify
from messaging import conversations, doorbell, doubts, media, news, outbound
from messaging.models import WAITING, Contact, Conversation, Direction, Message, ParkedText, Purpose, State, ThreadNote
from portal import phone
from portal.clock import database_now
from trunks import carriers
from trunks.carriers.events import Event, InboundMessage, MediaLink, OptOutNotice
from trunks.models import CarrierAccount, Did

PREVIEW = outbound.PREVIEW
# 47 CFR 64.1200(a)(12): within five minutes a confirmation is covered by the consent that ends; later it is not.
FRESH = timedelta(seconds=outbound.COMPLIANCE_VALID_SECONDS)
ANSWERED = (Kind.STOP, Kind.START, Kind.HELP)
WISH_WORDS = {
    OptOut.Kind.OPTED_OUT: "opted out of texts",
    OptOut.Kind.WRONG_NUMBER: "said that this is a wrong number",
    OptOut.Kind.OPTED_IN: "agreed to texts again",
}
HEARD: dict[Kind, Callable[..., object]] = {
    Kind.STOP: optout.record_opt_out,
    Kind.WRONG_NUMBER: partial(optout.record_opt_out, kind=OptOut.Kind.WRONG_NUMBER),
    Kind.START: optout.lift,
}
Text = tuple[CarrierAccount, InboundMessage]
# What shows the newest text stays where a newer one is shown already: see `news.newest`.
_NEWER = "CASE WHEN last_message_id IS NULL OR last_message_id < %(newest)s THEN {} ELSE {} END"
SHOW = f"""
    UPDATE {Conversation._meta.db_table} SET
    last_at = {_NEWER.format("%(at)s", "last_at")},
    last_preview = {_NEWER.format("%(preview)s", "last_preview")},
    last_direction = {_NEWER.format(f"'{Direction.IN}'", "last_direction")},
    last_state = {_NEWER.format(f"'{State.RECEIVED}'", "last_state")},
    last_message_id = {_NEWER.format("%(newest)s", "last_message_id")},
    last_heard_at = %(at)s, heard = heard + %(count)s,
    waiting_since = COALESCE(waiting_since, %(since)s), state = '{Conversation.State.OPEN}' WHERE id = %(thread)s
"""  # noqa: S608 - the model's own names


# --- Before the carrier is answered ---


def wishes(events: Iterable[Event]) -> list[Event]:
    """Those that may change whether a person is texted."""
    acts = (Kind.STOP, Kind.WRONG_NUMBER, Kind.START)
    return [
        event
        for event in events
        if isinstance(event, OptOutNotice) or (isinstance(event, InboundMessage) and classify(event.body).kind in acts)
    ]


def hear_wishes(account: CarrierAccount, events: Iterable[Event]) -> None:
    """Apply STOP and START in the transaction that stores the webhook, also when the DID is unknown."""
    for event in events:
        if isinstance(event, InboundMessage):
            _hear_text(account, event)
        elif isinstance(event, OptOutNotice):
            _hear_carrier(account, event)


def _hear_text(account: CarrierAccount, event: InboundMessage) -> None:
    verdict = classify(event.body)
    act = HEARD.get(verdict.kind)
    if act is not None:
        act(
            organization=account.organization,
            number=event.from_number,
            source=OptOut.Source.TEXT,
            keyword=verdict.keyword[:40],
            evidence=event.body,
            our_number=event.to_number,
            carrier_at=event.at,
        )


def _hear_carrier(account: CarrierAccount, event: OptOutNotice) -> None:
    """A carrier's own block list is an opt-out like any other; what it lifts stays until the person's START."""
    known = optout.suppression_for(account.organization_id, event.number)
    if event.opted_out and known is None:
        optout.record_opt_out(
            organization=account.organization,
            number=event.number,
            source=OptOut.Source.CARRIER,
            our_number=event.our_number,
            carrier_at=event.at,
            why="The carrier reports that this person opted out.",
        )


def cancel_waiting(organization_id: int, number: str) -> None:
    """Nothing more leaves for this person; what is `sending` may arrive, and the thread names it."""
    waiting = Message.objects.filter(organization=organization_id, number=number, state__in=WAITING)
    # In the order in which everybody locks messages.
    rows = waiting.exclude(purpose=Purpose.COMPLIANCE).select_for_update().order_by("pk")
    ids = list(rows.values_list("pk", flat=True))
    Message.objects.filter(pk__in=ids, state__in=WAITING).update(
        state=State.CANCELED,
        why="Canceled: the person opted out before it left.",
        token=None,
        lease_until=None,
        settled_at=timezone.now(),
    )
    news.tell(ids)
    leaving = Message.objects.filter(organization=organization_id, number=number, state=State.SENDING)
    for conversation_id in set(leaving.values_list("conversation_id", flat=True)):
        count = leaving.filter(conversation=conversation_id).count()
        text = f"{count} {'text was' if count == 1 else 'texts were'} already leaving when the person opted out."
        ThreadNote.objects.create(conversation_id=conversation_id, kind="left_before_stop", text=text)


def note_wish(organization_id: int, number: str, opt_out: OptOut) -> None:
    """Every thread with this person says what was heard and where."""
    heard = WISH_WORDS[OptOut.Kind(opt_out.kind)]
    how = f" by texting {opt_out.keyword}" if opt_out.keyword and opt_out.source == OptOut.Source.TEXT else ""
    where = f" to {phone.pretty(opt_out.our_number)}" if opt_out.our_number else ""
    if opt_out.kind == OptOut.Kind.OPTED_IN:
        Contact.objects.filter(organization=organization_id, number=number).update(reassigned_at=None)
    threads = list(
        Conversation.objects.filter(organization=organization_id, number=number).values_list("pk", flat=True)
    )
    ThreadNote.objects.bulk_create(
        ThreadNote(conversation_id=pk, kind=opt_out.kind, text=f"The person {heard}{how}{where}.", by=opt_out.by)
        for pk in threads
    )
    news.changed(threads)


# --- After the carrier is answered ---


@dataclass(frozen=True, slots=True)
class Arrival:
    """A customer's text that has found its thread. `message` has no id before it is written."""

    account: CarrierAccount
    event: InboundMessage
    did: Did
    thread: Conversation
    message: Message
    verdict: Verdict


def receive(account: CarrierAccount, event: InboundMessage) -> Message | None:
    """Put a customer's text into its thread, once. None when its DID is unknown (then it is parked) or it was here."""
    with transaction.atomic():
        arrivals = take([(account, event)])
        show(arrivals)
    return arrivals[0].message if arrivals else None


def take(texts: Sequence[Text]) -> list[Arrival]:
    """Write customers' texts, in this order and each once; those that are new. Texts to unknown DIDs are parked.

    The caller holds the transaction, holds no conversation yet, and has them shown by `show`. The number of statements
    does not grow with the texts.
    """
    if not texts:
        return []
    dids = _dids(texts)
    park([(account, event) for account, event in texts if (account.organization_id, event.to_number) not in dids])
    placed = [
        (account, event, did)
        for account, event in texts
        if (did := dids.get((account.organization_id, event.to_number))) is not None
    ]
    threads = _threads({(did, event.from_number) for _, event, did in placed})
    now = database_now()
    return _write(
        [_arrival(account, event, did, threads[did.pk, event.from_number], now) for account, event, did in placed]
    )


def _dids(texts: Iterable[Text]) -> dict[tuple[int, str], Did]:
    """The current DIDs that these were sent to, by organization and number."""
    organizations = {account.organization_id for account, _ in texts}
    numbers = {event.to_number for _, event in texts}
    dids = Did.objects.current().filter(organization__in=organizations, number__among=numbers)
    return {(did.organization_id, did.number): did for did in dids}


def _threads(pairs: Collection[tuple[Did, str]]) -> dict[tuple[int, str], Conversation]:
    """The threads of these DIDs and numbers, by both; those that are missing are made."""
    found = _known_threads(pairs)
    missing = [(did, number) for did, number in pairs if (did.pk, number) not in found]
    if missing:
        _make_threads(missing)
        found |= _known_threads(missing)
    return found


def _known_threads(pairs: Collection[tuple[Did, str]]) -> dict[tuple[int, str], Conversation]:
    organizations, numbers = {did.organization_id for did, _ in pairs}, {number for _, number in pairs}
    wanted = {(did.pk, number) for did, number in pairs}
    # By the organization's index of numbers: a person has few threads.
    threads = Conversation.objects.filter(organization__in=organizations, number__among=numbers)
    return {(thread.did_id, thread.number): thread for thread in threads if (thread.did_id, thread.number) in wanted}


def _make_threads(pairs: Collection[tuple[Did, str]]) -> None:
    people = {(did.organization_id, number) for did, number in pairs}
    organizations, numbers = {organization for organization, _ in people}, {number for _, number in people}
    Contact.objects.bulk_create(
        (Contact(organization_id=organization, number=number) for organization, number in sorted(people)),
        ignore_conflicts=True,
    )
    contacts = {
        (contact.organization_id, contact.number): contact
        for contact in Contact.objects.filter(organization__in=organizations, number__among=numbers)
    }
    Conversation.objects.bulk_create(
        (
            Conversation(
                organization_id=did.organization_id,
                did=did,
                number=number,
                contact=contacts[did.organization_id, number],
                team_id=did.team_id,
            )
            for did, number in sorted(pairs, key=lambda pair: (pair[0].pk, pair[1]))
        ),
        ignore_conflicts=True,
    )


def thread_for(did: Did, number: str) -> Conversation:
    """The one thread of a DID and a number."""
    thread = _threads([(did, number)])[did.pk, number]
    return Conversation.objects.select_related("did__account", "organization").get(pk=thread.pk)


def _arrival(account: CarrierAccount, event: InboundMessage, did: Did, thread: Conversation, now: datetime) -> Arrival:
    message = Message(
        organization_id=thread.organization_id,
        conversation=thread,
        direction=Direction.IN,
        number=thread.number,
        body=event.body,
        has_media=bool(event.media),
        state=State.RECEIVED,
        account_id=account.pk,
        carrier_id=event.carrier_id,
        carrier_at=event.at,
        created_at=now,
    )
    return Arrival(account, event, did, thread, message, classify(event.body))


def _write(arrivals: Sequence[Arrival]) -> list[Arrival]:
    """Those that were not here before: a carrier may tell us twice, in one batch or in two that run at once."""
    fresh = _fresh(arrivals)
    try:
        with transaction.atomic():
            Message.objects.bulk_create([one.message for one in fresh])
    except IntegrityError:  # another worker has written one of them since; there is no knowing which but by looking
        rest = _fresh(fresh)
        if len(rest) == len(fresh):
            raise
        return _write(rest)
    return fresh


def _fresh(arrivals: Sequence[Arrival]) -> list[Arrival]:
    by_id = {(one.account.pk, one.event.carrier_id): one for one in reversed(arrivals)}
    accounts, carrier_ids = {account_id for account_id, _ in by_id}, [carrier_id for _, carrier_id in by_id]
    known = Message.objects.filter(account__in=accounts, carrier_id__among=carrier_ids)
    here = set(known.values_list("account_id", "carrier_id"))
    return [one for name, one in reversed(by_id.items()) if name not in here]


def show(arrivals: Sequence[Arrival]) -> None:
    """Have their threads wait for an answer and open again; weigh what they say; send what must be answered."""
    for some in _up_to_wrong_numbers(arrivals):
        _show(some)
    news.changed(one.thread.pk for one in arrivals)


def _up_to_wrong_numbers(arrivals: Sequence[Arrival]) -> Iterator[Sequence[Arrival]]:
    """In as few pieces as may be shown at once: such a text closes its thread, and a later one opens it again."""
    start = 0
    for end, one in enumerate(arrivals, 1):
        if one.verdict.kind == Kind.WRONG_NUMBER or end == len(arrivals):
            yield arrivals[start:end]
            start = end


def _show(arrivals: Sequence[Arrival]) -> None:
    by_thread: dict[int, list[Arrival]] = defaultdict(list)
    for one in arrivals:
        by_thread[one.thread.pk].append(one)
    for told in by_thread.values():
        if told[0].thread.team_id != told[0].did.team_id:
            conversations.move_to_did_team(told[0].thread)
    _show_newest(by_thread)
    for one in arrivals:
        _expect_pictures(one)
        _weigh(one)
        _reply_if_required(one)


def _expect_pictures(arrival: Arrival) -> None:
    if arrival.event.media:
        for row in media.expect(arrival.message.pk, arrival.account.organization_id, arrival.event.media):
            doorbell.ring_on_commit("messaging.fetch_media", attachment_id=row.pk)


def _weigh(arrival: Arrival) -> None:
    """What the text says besides: a wrong number is closed, doubt is for a person to read."""
    verdict, message = arrival.verdict, arrival.message
    if verdict.kind == Kind.DOUBT:
        doubts.hear(message, verdict)
    elif verdict.kind == Kind.START:
        doubts.settle_by_wish(message.organization_id, message.number, opted_out=False)
    elif verdict.kind == Kind.WRONG_NUMBER:
        conversations.close_wrong_number(arrival.thread)


def _show_newest(by_thread: Mapping[int, Sequence[Arrival]]) -> None:
    """The rows of the inbox, sent to the database together: one statement for all would cost more to compose."""
    at = connection.ops.adapt_datetimefield_value
    rows = []
    for pk, told in sorted(by_thread.items()):
        first, newest = told[0].message, told[-1].message
        rows.append(
            {
                "thread": pk,
                "newest": newest.pk,
                "at": at(newest.created_at),
                "preview": (newest.body or "Picture")[:PREVIEW],
                "count": len(told),
                "since": at(first.created_at),
            }
        )
    if rows:
        with connection.cursor() as cursor:
            cursor.executemany(SHOW, rows)


def park(texts: Iterable[Text]) -> None:
    """Keep texts to numbers that are no DIDs of ours: shown to the dialer admin, placed when the DID is there."""
    rows = [
        ParkedText(
            account_id=account.pk,
            carrier_id=event.carrier_id,
            to_number=event.to_number,
            from_number=event.from_number,
            body=event.body,
            media=[{"url": one.url, "content_type": one.content_type} for one in event.media],
            answered_by_carrier=event.answered_by_carrier,
            carrier_at=event.at,
        )
        for account, event in texts
    ]
    ParkedText.objects.bulk_create(rows, ignore_conflicts=True)


def place_parked() -> int:
    """Parked texts whose DID is there by now become messages. How many."""
    theirs = Did.objects.current().filter(
        organization=OuterRef("account__organization_id"), number=OuterRef("to_number")
    )
    waiting = ParkedText.objects.filter(Exists(theirs), placed_at=None).select_related("account__organization")
    return sum(_place(parked) for parked in waiting.order_by("pk")[:500])


def _place(parked: ParkedText) -> int:
    """1 when its message is there now, also when it came a second way."""
    receive(parked.account, _event(parked))
    there = Message.objects.filter(account=parked.account, carrier_id=parked.carrier_id)
    return ParkedText.objects.filter(Exists(there), pk=parked.pk, placed_at=None).update(placed_at=timezone.now())


def _event(parked: ParkedText) -> InboundMessage:
    return InboundMessage(
        carrier_id=parked.carrier_id,
        from_number=parked.from_number,
        to_number=parked.to_number,
        body=parked.body,
        media=tuple(MediaLink(**one) for one in parked.media),
        at=parked.carrier_at,
        answered_by_carrier=True,  # too late for a required reply
    )


# --- The one required reply ---


def _reply_if_required(arrival: Arrival) -> None:
    """Confirm STOP and START, answer HELP: once, only where the carrier does not, only while it is fresh."""
    event, verdict, thread = arrival.event, arrival.verdict, arrival.thread
    if verdict.kind == Kind.START and optout.suppression_for(thread.organization_id, thread.number):
        text = "The person opted out after saying START, so the opt-out stands. Another START would lift it."
        ThreadNote.objects.create(conversation_id=thread.pk, kind="start_too_old", text=text)
        return
    if verdict.kind not in ANSWERED or event.answered_by_carrier or carriers.get(arrival.account.kind).ANSWERS_STOP:
        return
    conversation = Conversation.objects.select_related("did__account", "organization").get(pk=arrival.thread.pk)
    if not _first_of_its_kind(conversation, verdict, event.at):
        return
    if verdict.kind == Kind.STOP and event.at is not None and database_now() - event.at > FRESH:
        _note_no_confirmation(conversation, "the carrier told us of this text more than five minutes late.")
        return
    try:
        outbound.queue_message(
            conversation=conversation,
            body=_required_text(conversation, verdict),
            by=None,
            key=f"required:{event.carrier_id}"[:64],
            purpose=Purpose.COMPLIANCE,
        )
    except outbound.MessageRefused as refused:
        _note_no_confirmation(conversation, refused.sentence)


def _note_no_confirmation(conversation: Conversation, why: str) -> None:
    text = f"No confirmation was sent: {why}"[:300]
    ThreadNote.objects.create(conversation=conversation, kind="no_confirmation", text=text)


def _first_of_its_kind(conversation: Conversation, verdict: Verdict, at: datetime | None) -> bool:
    """One confirmation for an opt-out: who texts STOP three times hears from us once. HELP is always answered."""
    if verdict.kind == Kind.HELP:
        return True
    kind = OptOut.Kind.OPTED_OUT if verdict.kind == Kind.STOP else OptOut.Kind.OPTED_IN
    newest = list(
        OptOut.objects.filter(organization=conversation.organization_id, number=conversation.number)
        .order_by("-pk")
        .values_list("kind", flat=True)[:2]
    )
    return newest[:1] == [kind] and newest[1:] != [kind]


def _required_text(conversation: Conversation, verdict: Verdict) -> str:
    """Texts in the shape that carriers and reviewers ask for: who, what, how to stop or come back. No marketing."""
    member = CampaignDid.objects.select_related("campaign__brand").filter(did=conversation.did_id).first()
    brand = member.campaign.brand if member else None
    name = brand.name if brand else conversation.organization.name
    if verdict.kind == Kind.STOP:
        return f"{name}: You are unsubscribed and will receive no more messages. Text START to be texted again."
    if verdict.kind == Kind.START:
        return (
            f"{name}: You will receive our texts again. Msg & data rates may apply. Text HELP for help or STOP to stop."
        )
    contact = f"contact {brand.support}" if brand and brand.support else "call the number you know us by"
    return f"{name}: For help, {contact}. Msg frequency varies. Msg & data rates may apply. Text STOP to opt out."
