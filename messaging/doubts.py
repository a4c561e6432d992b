"""Texts that may be a wish to get no more: automatic texts to the person wait until somebody has read them.

Whoever sees the thread answers, there or in the review queue: yes is an opt-out like any other, with the text as its
evidence; no lets the automatic texts go. A no may become a yes; a yes is lifted by the person alone (START, or a
documented fresh opt-in).
"""

from collections.abc import Collection
from datetime import date

from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone

from compliance import gate, optout
from compliance.business_days import deadline
from compliance.models import OptOut
from compliance.optout_words import Verdict
from messaging import news
from messaging.models import Conversation, Message, OptOutDoubt, Purpose, State, ThreadNote
from portal import audit, live
from portal.access import Can, may, visible_threads
from portal.clock import database_now
from portal.models import Membership

AUTOMATIC = frozenset({Purpose.INFORMATIONAL, Purpose.FOLLOW_UP, Purpose.PROMOTIONAL})
REVIEWS = "reviews"
SOON_DAYS = 3
Pending = OptOutDoubt.State.PENDING


class DoubtRefused(Exception):
    """An answer that cannot be given any more. `sentence` says why."""

    def __init__(self, sentence: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence


def hear(message: Message, verdict: Verdict) -> None:
    """Keep a doubtful text of somebody who has not opted out, for a person to read."""
    if optout.suppression_for(message.organization_id, message.number) is not None:
        return
    heard_at = message.carrier_at or message.created_at
    _, is_new = OptOutDoubt.objects.get_or_create(
        message=message,
        defaults={
            "organization_id": message.organization_id,
            "conversation_id": message.conversation_id,
            "number": message.number,
            "rule": verdict.rule[:40],
            "words": verdict.keyword[:160],
            "due_on": deadline(timezone.localdate(heard_at)),
        },
    )
    if is_new:
        _tell([message.conversation_id])


def pending(organization_id: int) -> QuerySet[OptOutDoubt]:
    """What nobody has read yet. It holds automatic texts to its number, from whichever DID."""
    return OptOutDoubt.objects.filter(organization=organization_id, state=Pending)


def is_automatic(purpose: str, by_id: int | None) -> bool:
    """Whether a text is one that nobody writes by hand."""
    return by_id is None and purpose in AUTOMATIC


# --- Answers ---


def may_answer(membership: Membership) -> bool:
    return may(membership, Can.TEXT) or may(membership, Can.MANAGE_OPT_OUTS)


@transaction.atomic
def confirm(*, doubt: OptOutDoubt, by: Membership) -> None:
    """Yes: an opt-out, with the text as its evidence. Also after a no. Raises DoubtRefused."""
    doubt = _locked(doubt)
    if doubt.state not in (Pending, OptOutDoubt.State.NO):
        raise DoubtRefused("This person has opted out already.")
    _settle(OptOutDoubt.objects.filter(pk=doubt.pk), OptOutDoubt.State.YES, by)
    optout.record_opt_out(
        organization=by.organization,
        number=doubt.number,
        source=OptOut.Source.TEXT,
        keyword=doubt.words[:40],
        evidence=doubt.message.body,
        our_number=doubt.conversation.did.number,
        by=by.user,
        why="Read as an opt-out.",
    )
    audit.record(
        "messaging.doubt.confirmed", organization=by.organization, by=by.user, subject=doubt.number, doubt=doubt.pk
    )
    _tell([doubt.conversation_id])


@transaction.atomic
def dismiss(*, doubt: OptOutDoubt, by: Membership) -> None:
    """No: this text and the earlier ones of its thread are no opt-out. Raises DoubtRefused when it was answered."""
    doubt = _locked(doubt)
    if doubt.state == OptOutDoubt.State.NO:
        return
    if doubt.state != Pending:
        raise DoubtRefused("This person has opted out. Only their START or a documented fresh opt-in lifts that.")
    same = OptOutDoubt.objects.filter(conversation=doubt.conversation_id, pk__lte=doubt.pk, state=Pending)
    _settle(same, OptOutDoubt.State.NO, by)
    audit.record(
        "messaging.doubt.dismissed", organization=by.organization, by=by.user, subject=doubt.number, doubt=doubt.pk
    )
    text = f"{by} read this as no opt-out."
    ThreadNote.objects.create(conversation=doubt.conversation, kind="doubt_dismissed", text=text[:300], by=by.user)
    _let_go(doubt.organization_id, doubt.number)
    _tell([doubt.conversation_id])


def settle_by_wish(organization_id: int, number: str, *, opted_out: bool) -> None:
    """The person has spoken clearly: nobody need read the earlier texts any more."""
    unread = pending(organization_id).filter(number=number)
    threads = list(unread.values_list("conversation_id", flat=True))
    if not threads:
        return
    _settle(unread, OptOutDoubt.State.MOOT if opted_out else OptOutDoubt.State.NO, None)
    if not opted_out:
        _let_go(organization_id, number)
    _tell(threads)


def _locked(doubt: OptOutDoubt) -> OptOutDoubt:
    related = OptOutDoubt.objects.select_related("message", "conversation__did")
    return related.select_for_update(of=("self",)).get(pk=doubt.pk)


def _settle(doubts: QuerySet[OptOutDoubt], state: str, by: Membership | None) -> None:
    doubts.update(state=state, decided_by=by.user if by else None, decided_at=timezone.now())


def _let_go(organization_id: int, number: str) -> None:
    """Texts that were held leave now, unless another thread of this person is still to be read."""
    if pending(organization_id).filter(number=number).exists():
        return
    held = Message.objects.filter(organization=organization_id, number=number, state=State.QUEUED, why=gate.HELD)
    ids = list(held.values_list("pk", flat=True))
    Message.objects.filter(pk__in=ids, state=State.QUEUED).update(due_at=database_now(), why="")
    news.tell(ids)


def _tell(conversation_ids: Collection[int]) -> None:
    """The threads show it, and so do the queues of those who may see them."""
    news.changed(conversation_ids)
    rows = Conversation.objects.filter(pk__in=conversation_ids).values_list("organization_id", "team_id").distinct()
    live.publish_all((organization, live.team(team), REVIEWS, []) for organization, team in rows)


# --- The queue ---


def queue(membership: Membership) -> QuerySet[OptOutDoubt]:
    """The newest text of each thread that the member sees and nobody has read, the one due first on top.

    `first_due`: the deadline of the thread's oldest; `waiting`: how many of the thread wait.
    """
    same = OptOutDoubt.objects.filter(conversation=OuterRef("conversation"), state=Pending).order_by()
    of_thread = same.values("conversation").annotate(first=Min("due_on"), waiting=Count("pk"))
    rows = waiting(membership).filter(~Exists(same.filter(pk__gt=OuterRef("pk"))))
    rows = rows.annotate(
        first_due=Coalesce(Subquery(of_thread.values("first")), F("due_on")),
        waiting=Subquery(of_thread.values("waiting")),
    )
    related = rows.select_related("message", "conversation__did", "conversation__contact", "conversation__team")
    return related.order_by("first_due", "pk")


def waiting(membership: Membership) -> QuerySet[OptOutDoubt]:
    seen = Conversation.objects.filter(visible_threads(membership))
    return pending(membership.organization_id).filter(conversation__in=seen)


def count(membership: Membership) -> int:
    """How many threads wait to be read."""
    return waiting(membership).values("conversation").distinct().count()


def look(due_on: date) -> str:
    """ "overdue", "soon" (three days or less are left) or "" for a deadline."""
    left = (due_on - timezone.localdate()).days
    return "overdue" if left < 0 else "soon" if left <= SOON_DAYS else ""
