"""What people do with a conversation: start, read, take, hand over, close, reopen, name."""

from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone

from messaging import news
from messaging.models import Contact, Conversation, ReadMark, ThreadNote
from portal import audit, live, phone
from portal.access import Can, may, team_ids, visible_threads
from portal.models import Membership, Role, User
from trunks.models import Did


class ConversationRefused(Exception):
    """It cannot be done. `sentence` says why, `help` what to do instead; both are for a person."""

    def __init__(self, sentence: str, help: str = "") -> None:  # noqa: A002 - the word of every refusal here
        super().__init__(sentence)
        self.sentence = sentence
        self.help = help


@transaction.atomic
def start_conversation(*, did: Did, number: str, by: Membership) -> Conversation:
    """The thread of this DID and this number (in any form), made if there is none. Whoever starts one, owns it.

    Raises ConversationRefused.
    """
    customer = textable_number(number, organization_id=did.organization_id)
    contact, _ = Contact.objects.get_or_create(organization_id=did.organization_id, number=customer)
    conversation, is_new = Conversation.objects.get_or_create(
        did=did,
        number=customer,
        defaults={
            "organization_id": did.organization_id,
            "contact": contact,
            "team_id": did.team_id,
            "assignee": by,
        },
    )
    if not is_new:
        _take_up(conversation, by=by)
        conversation.refresh_from_db()
    return conversation


def textable_number(text: str, *, organization_id: int) -> str:
    """E.164 of what a person typed, if a text could go there. Raises ConversationRefused."""
    try:
        number = phone.to_e164(text)
    except phone.NotANumber as error:
        raise ConversationRefused(str(error), "Write it with its area code, like (312) 555-0142.") from None
    if Did.objects.current().filter(organization_id=organization_id, number=number).exists():
        raise ConversationRefused(
            f"{phone.pretty(number)} is one of your own DIDs.", "Texting it would answer yourself; check the number."
        )
    if phone.is_toll_free(number):
        raise ConversationRefused(
            f"{phone.pretty(number)} is toll-free, and a business cannot text another toll-free number.",
            "Use the customer's mobile number.",
        )
    return number


def _take_up(conversation: Conversation, *, by: Membership) -> None:
    """An old thread goes on with `by`, unless it is somebody else's and out of sight."""
    if conversation.assignee_id is None and by.role == Role.AGENT:
        assign(conversation=conversation, to=by, by=by)
    if not Conversation.objects.filter(visible_threads(by), pk=conversation.pk).exists():
        raise ConversationRefused(
            "Somebody else already texts with this number from this DID.",
            "Ask your supervisor to hand the conversation to you.",
        )
    if conversation.state == Conversation.State.CLOSED:
        reopen(conversation=conversation, by=by)


@transaction.atomic
def mark_read(*, conversation: Conversation, by: Membership) -> bool:
    """Everything heard when `conversation` was loaded counts as read by this person; False when it already did.

    Never goes back: a page loaded earlier cannot make newer texts unread.
    """
    if conversation.heard == 0 or not _raise_mark(conversation, by):
        return False
    live.publish(conversation.organization_id, f"user:{by.user_id}", news.INBOX, [conversation.pk])
    return True


def _raise_mark(conversation: Conversation, by: Membership) -> bool:
    """One statement, also when two tabs read at once."""
    table = ReadMark._meta.db_table
    with connection.cursor() as cursor:
        cursor.execute(
            f"INSERT INTO {table} (conversation_id, membership_id, heard) VALUES (%s, %s, %s) "  # noqa: S608 - the model's own name
            "ON CONFLICT (conversation_id, membership_id) DO UPDATE SET heard = excluded.heard "
            f"WHERE {table}.heard < excluded.heard RETURNING id",
            [conversation.pk, by.pk, conversation.heard],
        )
        return cursor.fetchone() is not None


def may_move(conversation: Conversation, by: Membership) -> bool:
    """Whether this person may assign, close or reopen it: supervisors any, agents their own and nobody's."""
    if not may(by, Can.TEXT):
        return False
    return may(by, Can.MANAGE_THREADS) or conversation.assignee_id in (None, by.pk)


def may_be_assigned(conversation: Conversation, to: Membership) -> bool:
    """Whether this person would see the thread and could answer it."""
    if to.organization_id != conversation.organization_id or not to.is_active or not may(to, Can.TEXT):
        return False
    return to.role == Role.OWNER or conversation.team_id in team_ids(to)


@transaction.atomic
def assign(*, conversation: Conversation, to: Membership | None, by: Membership) -> bool:
    """Hand the thread to `to`, or to nobody. False when it was so already. Raises ConversationRefused."""
    conversation = _locked(conversation)
    if conversation.assignee_id == (to.pk if to else None):
        return False
    _refuse_unless_movable(conversation, by)
    if to is not None and not may_be_assigned(conversation, to):
        raise ConversationRefused(
            f"{to} cannot answer this conversation.", "Choose somebody of its team who may send texts."
        )
    conversation.assignee = to
    conversation.save(update_fields=["assignee"])
    data = {"to": to.pk if to else None, "given_to": str(to or "nobody")}
    _tell(conversation, "assigned", _assigned_words(to, by), by=by, **data)
    return True


def _assigned_words(to: Membership | None, by: Membership) -> str:
    if to is None:
        return f"{by} put this back for the team"
    return f"{by} took this over" if to == by else f"{by} assigned this to {to}"


@transaction.atomic
def let_go(membership: Membership, *, by: User) -> int:
    """Threads of somebody who can answer them no longer are their team's again. How many; six statements for any.

    For changes of a person's door, role or teams, in whose transaction it runs.
    """
    held = Conversation.objects.filter(assignee=membership).select_for_update().order_by("pk")
    if membership.is_active and may(membership, Can.TEXT):
        held = held.none() if membership.role == Role.OWNER else held.exclude(team__in=team_ids(membership))
    numbers = dict(held.values_list("pk", "number"))
    if not numbers:
        return 0
    Conversation.objects.filter(pk__among=numbers).update(assignee=None)
    text = f"{membership} can no longer answer this; it is the team's again"
    ThreadNote.objects.bulk_create(
        ThreadNote(conversation_id=pk, kind="assigned", text=text[:300], by=by) for pk in numbers
    )
    audit.record_all(
        "messaging.thread.assigned",
        ((number, {"conversation": pk, "to": None, "given_to": "nobody"}) for pk, number in numbers.items()),
        organization=membership.organization,
        by=by,
    )
    news.changed(numbers)
    return len(numbers)


@transaction.atomic
def close(*, conversation: Conversation, by: Membership) -> bool:
    """Done: nobody waits any more. It opens again by itself when the customer writes. Raises ConversationRefused."""
    conversation = _locked(conversation)
    if conversation.state == Conversation.State.CLOSED:
        return False
    _refuse_unless_movable(conversation, by)
    conversation.state = Conversation.State.CLOSED
    conversation.waiting_since = None
    conversation.heard_answered = conversation.heard
    conversation.save(update_fields=["state", "waiting_since", "heard_answered"])
    _tell(conversation, "closed", f"{by} closed this", by=by)
    return True


def close_wrong_number(conversation: Conversation) -> None:
    """Somebody else answered: there is nobody to write to. The contact says so too."""
    Contact.objects.filter(pk=conversation.contact_id).update(reassigned_at=timezone.now())
    Conversation.objects.filter(pk=conversation.pk).update(
        state=Conversation.State.CLOSED, waiting_since=None, heard_answered=F("heard")
    )
    text = "Closed: somebody else has this number. It opens again when they write."
    ThreadNote.objects.create(conversation=conversation, kind="wrong", text=text)
    news.changed([conversation.pk])


@transaction.atomic
def reopen(*, conversation: Conversation, by: Membership) -> bool:
    """Back among the open ones. Raises ConversationRefused."""
    conversation = _locked(conversation)
    if conversation.state == Conversation.State.OPEN:
        return False
    _refuse_unless_movable(conversation, by)
    conversation.state = Conversation.State.OPEN
    conversation.save(update_fields=["state"])
    _tell(conversation, "reopened", f"{by} reopened this", by=by)
    return True


@transaction.atomic
def name_contact(*, conversation: Conversation, name: str, by: Membership) -> None:
    """What the organization calls this person, in all threads; empty forgets the name."""
    contact = conversation.contact
    if contact.name == name:
        return
    Contact.objects.filter(pk=contact.pk).update(name=name)
    audit.record(
        "messaging.contact.named", organization=by.organization, by=by.user, subject=contact.number, contact=contact.pk
    )
    news.changed(Conversation.objects.filter(contact=contact).values_list("pk", flat=True))


@transaction.atomic
def move_to_did_team(conversation: Conversation) -> bool:
    """A DID that changed team takes its thread along when the customer writes again. False when nothing moved."""
    conversation = _locked(conversation)
    team_id = conversation.did.team_id
    if conversation.team_id == team_id:
        return False
    former = conversation.team_id
    conversation.team_id = team_id
    if conversation.assignee is not None and not may_be_assigned(conversation, conversation.assignee):
        conversation.assignee = None
    conversation.save(update_fields=["team", "assignee"])
    to = conversation.did.team
    words = f"Moved with its DID to {to.name}" if to else "Its DID belongs to no team now"
    ThreadNote.objects.create(conversation=conversation, kind="moved", text=words)
    live.publish(conversation.organization_id, live.team(former), news.INBOX, [conversation.pk])
    news.changed([conversation.pk])
    return True


def _locked(conversation: Conversation) -> Conversation:
    return (
        Conversation.objects.select_for_update(of=("self",)).select_related("did", "assignee").get(pk=conversation.pk)
    )


def _refuse_unless_movable(conversation: Conversation, by: Membership) -> None:
    if not may_move(conversation, by):
        raise ConversationRefused(
            f"This conversation is assigned to {conversation.assignee}.",
            "They or a supervisor can hand it over or close it.",
        )


def _tell(conversation: Conversation, word: str, text: str, *, by: Membership, **data: object) -> None:
    """Audit, a line in the thread, and news for the screens."""
    audit.record(
        f"messaging.thread.{word}",
        organization=by.organization,
        by=by.user,
        subject=conversation.number,
        conversation=conversation.pk,
        **data,
    )
    ThreadNote.objects.create(conversation=conversation, kind=word, text=text[:300], by=by.user)
    news.changed([conversation.pk])
