"""What the gate must know of the people behind numbers, over all DIDs of the organization; a whole batch at once."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Exists, Max, OuterRef

from compliance.gate import DAY, PersonFacts
from compliance.purposes import SOLICITATIONS, Purpose
from messaging import doubts
from messaging.models import Contact, Conversation, Direction, Message, State

# A text that has left us, or is about to: what a person has had, or cannot be kept from having.
GONE = (State.CLAIMED, State.SENDING, State.ACCEPTED, State.SENT, State.DELIVERED, State.UNDELIVERED, State.UNCONFIRMED)


@dataclass(slots=True)
class Recipients:
    """What is known of the people of a batch. `solicited` grows while the batch is judged: see `note`."""

    contacts: dict[str, PersonFacts]
    wrote_at: dict[str, datetime]
    solicited: dict[str, list[datetime]] = field(default_factory=lambda: defaultdict(list))
    teams: dict[str, dict[int, str]] = field(default_factory=lambda: defaultdict(dict))

    def person(self, number: str, *, team_id: int | None) -> PersonFacts:
        """`team_id`: of the thread that wants to text them."""
        others = [name for team, name in self.teams.get(number, {}).items() if team != team_id]
        return replace(
            self.contacts.get(number, PersonFacts()),
            wrote_at=self.wrote_at.get(number),
            solicited=tuple(self.solicited.get(number, ())),
            team_today=others[0] if others else "",
        )

    def note(self, number: str, purpose: str, now: datetime, *, team_id: int | None) -> None:
        """A text of this batch may leave: the next one to the same person is judged with it."""
        if purpose in SOLICITATIONS:
            self.solicited[number].append(now)
            if team_id is not None:
                self.teams[number].setdefault(team_id, "Another team")


def load(
    organization_id: int, numbers: Collection[str], purposes: Collection[str], now: datetime, *, hold: bool = False
) -> Recipients:
    """Four queries at most. `hold`: until the transaction ends nobody else judges solicitations to these people."""
    wanted = list(set(numbers))
    solicits = bool(set(purposes) & SOLICITATIONS)
    found = Recipients(_contacts(organization_id, wanted, hold=hold and solicits), {})
    if Purpose.REPLY in purposes:
        found.wrote_at = _wrote_at(organization_id, wanted)
    if solicits:
        _read_solicitations(found, organization_id, wanted, now - DAY)
        _read_teams(found, organization_id, wanted, now - DAY)
    return found


def of_thread(conversation: Conversation, purpose: str, now: datetime) -> PersonFacts:
    """The same for one thread. A reply needs no query where the contact is loaded: this thread's own texts count."""
    if purpose in SOLICITATIONS:
        found = load(conversation.organization_id, [conversation.number], [purpose], now)
        return found.person(conversation.number, team_id=conversation.team_id)
    contact = conversation.contact
    return PersonFacts(
        zone=contact.time_zone,
        state=contact.state,
        wrote_at=conversation.last_heard_at,
        is_landline=contact.is_landline,
        is_reassigned=contact.reassigned_at is not None,
    )


def _contacts(organization_id: int, numbers: list[str], *, hold: bool) -> dict[str, PersonFacts]:
    rows = Contact.objects.filter(organization_id=organization_id, number__among=numbers)
    if hold:
        # One order for everybody. Whoever waits here reads what the one before has claimed.
        rows = rows.select_for_update(of=("self",)).order_by("pk")
    rows = rows.annotate(is_doubted=Exists(doubts.pending(organization_id).filter(number=OuterRef("number"))))
    columns = rows.values_list("number", "time_zone", "state", "is_landline", "reassigned_at", "is_doubted")
    return {
        number: PersonFacts(
            zone=zone,
            state=state,
            is_landline=is_landline,
            is_reassigned=reassigned_at is not None,
            is_doubted=is_doubted,
        )
        for number, zone, state, is_landline, reassigned_at, is_doubted in columns
    }


def _wrote_at(organization_id: int, numbers: list[str]) -> dict[str, datetime]:
    rows = Conversation.objects.filter(organization_id=organization_id, number__among=numbers)
    newest = rows.exclude(last_heard_at=None).values_list("number").annotate(at=Max("last_heard_at"))
    return dict(newest.order_by())


def _read_solicitations(found: Recipients, organization_id: int, numbers: list[str], since: datetime) -> None:
    """By the moment at which each was due; it left a little later, so nothing is forgotten too early."""
    rows = Message.objects.filter(
        organization_id=organization_id,
        number__among=numbers,
        purpose__in=SOLICITATIONS,
        state__in=GONE,
        due_at__gt=since,
    )
    for number, at in rows.values_list("number", "due_at"):
        if at is not None:
            found.solicited[number].append(at)


def _read_teams(found: Recipients, organization_id: int, numbers: list[str], since: datetime) -> None:
    """Teams whose newest word to the person is theirs, and fresh."""
    rows = Conversation.objects.filter(
        organization_id=organization_id,
        number__among=numbers,
        last_at__gt=since,
        last_direction=Direction.OUT,
        last_state__in=GONE,
        team__isnull=False,
    )
    for number, team_id, team in rows.values_list("number", "team_id", "team__name"):
        found.teams[number][team_id] = team
