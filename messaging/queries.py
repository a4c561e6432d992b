"""What the inbox reads: the list of conversations, its filters, and a thread without its lines (messaging.timeline).

Each in a constant number of queries.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any
from zoneinfo import ZoneInfo

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import (
    CharField,
    F,
    Field,
    IntegerField,
    Q,
    QuerySet,
    Subquery,
)
from django.db.models.expressions import RawSQL
from django.utils import timezone

from compliance import holds
from messaging.models import Conversation, Direction
from messaging.models import State as MessageState
from portal import phone
from portal.access import Can, may, sees_every_thread, team_ids, visible_threads
from portal.models import Membership, Role
from trunks.models import Did, TextState

PAGE = 50
COUNT_LIMIT = 100  # a folder says "99+" rather than count a hundred thousand rows
NOTES_LIMIT = 100
DID_LIMIT = 30


class Folder(StrEnum):
    ALL = "all"
    MINE = "mine"
    UNASSIGNED = "unassigned"
    WAITING = "waiting"
    UNREAD = "unread"
    CLOSED = "closed"


# --- The list ---


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last row of a page: the next page starts below it. In an address: microseconds, a dot, the id."""

    last_at: datetime
    id: int

    def __str__(self) -> str:
        microseconds = (self.last_at - _EPOCH) // timedelta(microseconds=1)
        return f"{microseconds}.{self.id}"

    @classmethod
    def read(cls, text: str) -> "Cursor | None":
        """None for anything that is no cursor."""
        microseconds, _, row_id = text.partition(".")
        if not (microseconds.isdecimal() and row_id.isdecimal() and len(text) < 40):
            return None
        try:
            return cls(_EPOCH + timedelta(microseconds=int(microseconds)), int(row_id))
        except OverflowError:
            return None


_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class FolderCount:
    folder: Folder
    label: str
    icon: str
    count: int | None  # None: not counted

    @property
    def shown(self) -> str:
        if not self.count:
            return ""
        return f"{COUNT_LIMIT - 1}+" if self.count >= COUNT_LIMIT else str(self.count)


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list, read as values: models would take longer to make than to ask for.

    `seen`: how many of the texts `heard` somebody has answered or this person has read; `assignee`: None when nobody
    has it.
    """

    pk: int
    number: str
    name: str
    did_number: str
    did_label: str
    state: str
    last_at: datetime
    last_message_id: int | None
    last_preview: str
    last_direction: str
    last_state: str
    waiting_since: datetime | None
    heard: int
    seen: int
    assignee: str | None

    @property
    def unread(self) -> int:
        return self.heard - self.seen

    @property
    def key(self) -> str:
        """The id as it stands in names and addresses of the page."""
        return str(self.pk)

    @property
    def who(self) -> str:
        return self.name or phone.pretty(self.number)

    @property
    def via(self) -> str:
        return self.did_label or phone.pretty(self.did_number)

    @property
    def preview(self) -> str:
        return self.last_preview or ("Picture" if self.last_message_id else "No texts yet")

    @property
    def is_waiting(self) -> bool:
        return self.waiting_since is not None and self.state == Conversation.State.OPEN

    @property
    def look(self) -> "Look | None":
        """What the line owes or hides: closed, how long the customer has waited, or that our newest text failed."""
        if self.state == Conversation.State.CLOSED:
            return CLOSED
        if self.waiting_since is not None:
            return wait_look(self.waiting_since)
        newest = look(self.last_state) if self.last_direction == Direction.OUT else None
        return newest if newest and newest.meaning in ("wrong", "warning") else None


_ROW_FIELDS = (
    *("pk", "number", "contact__name", "did__number", "did__label", "state", "last_at", "last_message_id"),
    *("last_preview", "last_direction", "last_state", "waiting_since", "heard", "seen", "assignee_name"),
)


@dataclass(frozen=True, slots=True)
class Page:
    """Up to 50 rows, newest first."""

    rows: list[Row]
    next_cursor: Cursor | None


def inbox_page(
    membership: Membership, *, folder: Folder = Folder.ALL, did_id: int | None = None, q: str = "", cursor: str = ""
) -> Page:
    """One query beyond those of the member's teams. `q` looks in names and numbers, in open and closed threads."""
    found = _in_folder(_visible(membership), membership, folder, search=q)
    if did_id is not None:
        found = found.filter(did_id=did_id)
    if after := Cursor.read(cursor):
        found = found.filter(last_at__lte=after.last_at).exclude(last_at=after.last_at, id__gte=after.id)
    found = found.annotate(assignee_name=_ASSIGNEE, seen=_seen(membership)).order_by("-last_at", "-id")
    newest = found.values_list(*_ROW_FIELDS)[: PAGE + 1]
    rows = [Row(*values) for values in newest]
    has_more = len(rows) > PAGE
    rows = rows[:PAGE]
    return Page(rows, Cursor(rows[-1].last_at, rows[-1].pk) if has_more else None)


def _visible(membership: Membership) -> QuerySet[Conversation]:
    """The member's threads."""
    return Conversation.objects.filter(visible_threads(membership))


# Written as SQL: to compose it costs more than to run it, on every page. And not as joins: with eight tables PostgreSQL
# plans longer than it reads. A table's own name stands for the row that is asked about.
_NAME = "COALESCE(NULLIF(who.name, ''), who.email)"  # see User.__str__


def _sql(text: str, field: "Field[Any, Any]", *values: int) -> RawSQL:
    return RawSQL(f"({text})", values, field)  # noqa: S611 - constants of this module; values travel as parameters


_ASSIGNEE = _sql(
    f"SELECT {_NAME} FROM portal_membership member JOIN portal_user who ON who.id = member.user_id "  # noqa: S608
    "WHERE member.id = messaging_conversation.assignee_id",
    CharField(),
)
_TEAM = _sql("SELECT name FROM portal_team WHERE id = messaging_conversation.team_id", CharField())
_DOUBT = _sql(
    "SELECT doubt.words FROM messaging_optoutdoubt doubt WHERE doubt.state = 'pending' "
    "AND doubt.organization_id = messaging_conversation.organization_id "
    "AND doubt.number = messaging_conversation.number ORDER BY doubt.id DESC LIMIT 1",
    CharField(),
)
WRITER = _sql(f"SELECT {_NAME} FROM portal_user who WHERE who.id = messaging_message.by_id", CharField())  # noqa: S608
DECIDER = _sql(
    f"SELECT {_NAME} FROM messaging_optoutdoubt doubt JOIN portal_user who ON who.id = doubt.decided_by_id "  # noqa: S608
    "WHERE doubt.message_id = messaging_message.id",
    CharField(),
)


def _seen(membership: Membership) -> RawSQL:
    """How many of the customer's texts somebody has answered or this person has read."""
    read = (
        "SELECT CASE WHEN mark.heard > messaging_conversation.heard_answered THEN mark.heard END "
        "FROM messaging_readmark mark "
        "WHERE mark.conversation_id = messaging_conversation.id AND mark.membership_id = %s"
    )
    return _sql(f"COALESCE(({read}), messaging_conversation.heard_answered)", IntegerField(), membership.pk)


def _in_folder(
    found: QuerySet[Conversation], membership: Membership, folder: Folder, *, search: str = ""
) -> QuerySet[Conversation]:
    if search.strip():
        return found.filter(_matches(search))
    if folder == Folder.CLOSED:
        return found.filter(state=Conversation.State.CLOSED)
    found = found.filter(state=Conversation.State.OPEN)
    match folder:
        case Folder.MINE:
            return found.filter(assignee=membership)
        case Folder.UNASSIGNED:
            return found.filter(assignee=None)
        case Folder.WAITING:
            return found.filter(waiting_since__isnull=False)
        case Folder.UNREAD:
            return found.filter(heard__gt=F("heard_answered")).filter(heard__gt=_seen(membership))
    return found


def _matches(search: str) -> Q:
    """A whole number finds its threads by index; three digits or more are looked for within numbers, words in names."""
    try:
        return Q(number=phone.to_e164(search))
    except phone.NotANumber:
        pass
    digits = "".join(character for character in search if character.isdecimal())
    name = Q(contact__name__icontains=search.strip())
    is_number = len(digits) >= 3 and not any(character.isalpha() for character in search)
    return name | Q(number__contains=digits) if is_number else name


FOLDERS = (
    (Folder.ALL, "All open", "inbox"),
    (Folder.UNREAD, "Unread", "mail"),
    (Folder.WAITING, "Waiting for us", "clock"),
    (Folder.MINE, "Mine", "user-round"),
    (Folder.UNASSIGNED, "Unassigned", "circle-dashed"),
    (Folder.CLOSED, "Closed", "archive"),
)
_COUNTED = (Folder.UNREAD, Folder.WAITING, Folder.MINE, Folder.UNASSIGNED)


def folder_counts(membership: Membership) -> list[FolderCount]:
    """One query, which reads at most a hundred rows of each counted folder."""
    visible = _visible(membership).order_by()
    # In the order of its index: PostgreSQL takes every third thread for unanswered and would rather read the table.
    unread = visible.order_by("-last_at", "-id")
    counts = _counts([_in_folder(unread if one == Folder.UNREAD else visible, membership, one) for one in _COUNTED])
    known = dict(zip(_COUNTED, counts, strict=True))
    return [FolderCount(folder, label, icon, known.get(folder)) for folder, label, icon in FOLDERS]


def _counts(found: list[QuerySet[Conversation]]) -> list[int]:
    """How many rows each of them has, up to the limit, in one round trip."""
    limited = [one.values("pk")[:COUNT_LIMIT] for one in found]
    try:
        statements = [one.query.sql_with_params() for one in limited]
    except EmptyResultSet:  # a member who sees nothing
        return [0] * len(found)
    # The statements are Django's own; every value travels as a parameter.
    columns = ", ".join(f"(SELECT COUNT(*) FROM ({sql}) AS counted)" for sql, _ in statements)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {columns}", [value for _, values in statements for value in values])
        return list(cursor.fetchone())


# --- DIDs of the filters and of a new conversation ---


def seen_dids(membership: Membership, q: str = "") -> QuerySet[Did]:
    """DIDs whose threads this member sees, by number; `q` looks in numbers, labels and tags."""
    dids = Did.objects.current().filter(organization_id=membership.organization_id)
    if not sees_every_thread(membership):
        dids = dids.filter(team_id__in=team_ids(membership))
    return named(dids.filter(text_state=TextState.ENABLED), q)


@dataclass(frozen=True, slots=True)
class DidLink:
    """A DID among the filters."""

    pk: int
    number: str
    label: str

    @property
    def key(self) -> str:
        return str(self.pk)

    @property
    def name(self) -> str:
        return self.label or phone.pretty(self.number)

    @property
    def title(self) -> str:
        return f"{phone.pretty(self.number)} {self.label}".strip()

    @property
    def last_digits(self) -> str:
        return self.number[-4:]


def did_links(membership: Membership) -> list[DidLink]:
    """The first DIDs whose threads this member sees, and one more than are shown when there are more."""
    dids = seen_dids(membership).values_list("pk", "number", "label")[: DID_LIMIT + 1]
    return [DidLink(*values) for values in dids]


def dids_to_text_from(membership: Membership, condition: Q, q: str = "") -> QuerySet[Did]:
    """Text-enabled DIDs among those of `condition` (portal.access.textable_dids)."""
    return named(Did.objects.current().filter(condition, text_state=TextState.ENABLED), q)


def named(dids: QuerySet[Did], q: str) -> QuerySet[Did]:
    words = q.strip()
    if words:
        digits = "".join(character for character in words if character.isdecimal())
        match = Q(label__icontains=words) | Q(tags__icontains=words)
        dids = dids.filter(match | Q(number__contains=digits) if digits else match)
    return dids.order_by("label", "number")


# --- One conversation ---


def find_thread(membership: Membership, conversation_id: int) -> Conversation:
    """The thread with organization, did and contact. Raises DoesNotExist when out of sight.

    It carries `.unread`, `.assignee_name` and `.team_name` (None without), and `.sisters`: the same person's threads
    with other DIDs, the newest ten that this member sees; `.held_since`, when a legal hold on it began, or None; and
    `.doubt_words`: the newest words of this person, in any thread, that may be an opt-out and that nobody has read.
    """
    number = Conversation.objects.filter(pk=conversation_id).values("number")
    same = _visible(membership).filter(organization_id=membership.organization_id, number=Subquery(number))
    threads = list(_with_names(same, membership).order_by("-last_at")[:SISTERS])
    found = next((one for one in threads if one.pk == conversation_id), None)
    if found is None and len(threads) == SISTERS:  # a number that texts with very many DIDs
        found = _with_names(_visible(membership), membership).filter(pk=conversation_id).first()
    if found is None:
        raise Conversation.DoesNotExist
    found.unread = found.heard - found.seen  # type: ignore[attr-defined]
    found.organization = membership.organization
    found.sisters = [one for one in threads if one is not found][:10]  # type: ignore[attr-defined]
    return found


_HOLDS = holds.covering(organization="organization", number="number", our_number="did__number")
_HELD_SINCE = Subquery(_HOLDS.order_by("at").values("at")[:1])

SISTERS = 50


def _with_names(found: QuerySet[Conversation], membership: Membership) -> QuerySet[Conversation]:
    named = found.annotate(
        seen=_seen(membership), assignee_name=_ASSIGNEE, team_name=_TEAM, held_since=_HELD_SINCE, doubt_words=_DOUBT
    )
    return named.select_related("did", "contact")


@dataclass(frozen=True, slots=True)
class Look:
    """How a state is told: a meaning of the stylesheet, an icon and a word."""

    meaning: str
    icon: str
    word: str


LOOKS = {
    MessageState.RECEIVED: Look("", "arrow-down-left", "Received"),
    MessageState.QUEUED: Look("waiting", "clock", "Queued"),
    MessageState.CLAIMED: Look("waiting", "clock", "Queued"),
    MessageState.SENDING: Look("waiting", "loader", "Sending"),
    MessageState.ACCEPTED: Look("", "check", "Accepted"),
    MessageState.SENT: Look("", "check", "Sent"),
    MessageState.DELIVERED: Look("good", "check-check", "Delivered"),
    MessageState.UNCONFIRMED: Look("warning", "circle-question-mark", "Not confirmed"),
    MessageState.UNDELIVERED: Look("wrong", "circle-alert", "Not delivered"),
    MessageState.FAILED: Look("wrong", "circle-alert", "Failed"),
    MessageState.CANCELED: Look("", "ban", "Canceled"),
    MessageState.EXPIRED: Look("wrong", "timer-off", "Expired"),
}
CLOSED = Look("", "archive", "Closed")
RETRYABLE = (MessageState.FAILED, MessageState.UNDELIVERED, MessageState.EXPIRED)


TROUBLED = (*RETRYABLE, MessageState.UNCONFIRMED)


def look(state: str) -> Look | None:
    return LOOKS.get(MessageState(state)) if state else None


WAITS_LONG = timedelta(minutes=30)


def wait_look(since: datetime) -> Look:
    """How long the customer has waited: `now`, `4 min`, `3 h`, `2 d`; a warning from half an hour on."""
    waited = max(timezone.now() - since, timedelta())
    minutes = int(waited.total_seconds()) // 60
    hours = f"{minutes // 60} h" if minutes < 48 * 60 else f"{minutes // 1440} d"
    word = "now" if minutes < 1 else f"{minutes} min" if minutes < 60 else hours
    return Look("warning", "clock-alert", word) if waited >= WAITS_LONG else Look("waiting", "clock", word)


@dataclass(frozen=True, slots=True)
class Person:
    """A member that a thread may be given to."""

    pk: int
    name: str


def assignable(conversation: Conversation) -> list[Person]:
    """Whom the thread may be given to: those of its team who send texts, and the owners. By name."""
    texting = [role for role in Role if may(Membership(role=role), Can.TEXT)]
    of_team = Membership.teams.through.objects.filter(team=conversation.team_id).values("membership")
    people = (
        Membership.objects.filter(organization_id=conversation.organization_id, is_active=True, role__in=texting)
        .filter(Q(role=Role.OWNER) | Q(pk__in=of_team))
        .values_list("pk", "user__name", "user__email")
    )
    found = [Person(pk, name or email) for pk, name, email in people]
    return sorted(found, key=lambda person: person.name.casefold())


@dataclass(frozen=True, slots=True)
class LocalTime:
    """The customer's clock. `at` has no zone, or a template would turn it into the reader's time. `is_guess`: it comes
    from the area code, which people take along when they move; `is_night`: nobody likes a text now.
    """

    at: datetime
    is_guess: bool
    is_night: bool


def local_time(conversation: Conversation, now: datetime) -> LocalTime | None:
    """None where neither contact nor number tell a zone."""
    named = conversation.contact.time_zone
    zones = (named,) if named else phone.time_zones(conversation.number)
    times = {now.astimezone(ZoneInfo(zone)).replace(tzinfo=None) for zone in zones}
    if not times or len(times) > 2:  # a whole country: no guess is better than a wrong one
        return None
    at = min(times)
    return LocalTime(at, is_guess=not named, is_night=not 8 <= at.hour < 21)
