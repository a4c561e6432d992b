"""A customer's text: wishes heard before the answer, then the thread, the pictures, the one required reply."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.db.models import Exists, F, OuterRef, Value
from django.db.models.functions import Coalesce
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


def receive(account: CarrierAccount, event: InboundMessage) -> Message | None:
    """Put a customer's text into its thread, once. None when its DID is unknown (then it is parked) or it was here."""
    with transaction.atomic():
        message = receive_quietly(account, event)
        if message is not None:
            news.changed([message.conversation_id])
    return message


def receive_quietly(account: CarrierAccount, event: InboundMessage) -> Message | None:
    """`receive` for a batch, whose caller holds the transaction and tells the screens of all its threads at once."""
    did = Did.objects.current().filter(organization=account.organization_id, number=event.to_number).first()
    if did is None:
        park(account, event)
        return None
    conversation = thread_for(did, event.from_number)
    try:
        with transaction.atomic():
            message = _write(account, conversation, event)
    except IntegrityError:
        return None  # the carrier told us twice
    if conversation.team_id != did.team_id:
        conversations.move_to_did_team(conversation)
    _show(conversation, message)
    _weigh(conversation, message)
    rows = media.expect(message.pk, account.organization_id, event.media)
    for row in rows:
        doorbell.ring_on_commit("messaging.fetch_media", attachment_id=row.pk)
    _reply_if_required(account, conversation, event)
    return message


def thread_for(did: Did, number: str) -> Conversation:
    """The one thread of a DID and a number."""
    threads = Conversation.objects.select_related("did__account", "organization")
    known = threads.filter(did=did, number=number).first()
    if known is not None:
        return known
    contact, _ = Contact.objects.get_or_create(organization_id=did.organization_id, number=number)
    conversation, _ = threads.get_or_create(
        did=did,
        number=number,
        defaults={"organization_id": did.organization_id, "contact": contact, "team_id": did.team_id},
    )
    return conversation


def _write(account: CarrierAccount, conversation: Conversation, event: InboundMessage) -> Message:
    return Message.objects.create(
        organization_id=conversation.organization_id,
        conversation=conversation,
        direction=Direction.IN,
        number=conversation.number,
        body=event.body,
        has_media=bool(event.media),
        state=State.RECEIVED,
        account=account,
        carrier_id=event.carrier_id,
        carrier_at=event.at,
        created_at=database_now(),
    )


def _show(conversation: Conversation, message: Message) -> None:
    """The thread waits for an answer and opens again."""
    columns = news.newest(message, preview=(message.body or "Picture")[:PREVIEW])
    Conversation.objects.filter(pk=conversation.pk).update(
        **columns,
        last_heard_at=message.created_at,
        heard=F("heard") + 1,
        waiting_since=Coalesce("waiting_since", Value(message.created_at)),
        state=Conversation.State.OPEN,
    )


def _weigh(conversation: Conversation, message: Message) -> None:
    """What the text says besides: a wrong number is closed, doubt is for a person to read."""
    verdict = classify(message.body)
    if verdict.kind == Kind.DOUBT:
        doubts.hear(message, verdict)
    elif verdict.kind == Kind.START:
        doubts.settle_by_wish(message.organization_id, message.number, opted_out=False)
    elif verdict.kind == Kind.WRONG_NUMBER:
        conversations.close_wrong_number(conversation)


def park(account: CarrierAccount, event: InboundMessage) -> None:
    """Keep a text to a number that is no DID of ours: shown to the dialer admin, placed when the DID is there."""
    ParkedText.objects.get_or_create(
        account=account,
        carrier_id=event.carrier_id,
        defaults={
            "to_number": event.to_number,
            "from_number": event.from_number,
            "body": event.body,
            "media": [{"url": one.url, "content_type": one.content_type} for one in event.media],
            "answered_by_carrier": event.answered_by_carrier,
            "carrier_at": event.at,
        },
    )


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


def _reply_if_required(account: CarrierAccount, conversation: Conversation, event: InboundMessage) -> None:
    """Confirm STOP and START, answer HELP: once, only where the carrier does not, only while it is fresh."""
    verdict = classify(event.body)
    if verdict.kind == Kind.START and optout.suppression_for(conversation.organization_id, conversation.number):
        text = "The person opted out after saying START, so the opt-out stands. Another START would lift it."
        ThreadNote.objects.create(conversation=conversation, kind="start_too_old", text=text)
        return
    if verdict.kind not in ANSWERED or event.answered_by_carrier or carriers.get(account.kind).ANSWERS_STOP:
        return
    if not _first_of_its_kind(conversation, verdict, event.at):
        return
    if event.at is not None and timezone.now() - event.at > FRESH:
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
