"""The time line of a conversation: texts with their pictures and attempts, and notes, in two queries."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any, TypeAlias

from django.db.models import CharField, DateTimeField, IntegerField, QuerySet, Value
from django.db.models.functions import Cast
from django.utils import timezone

from messaging.models import Attachment, Attempt, Conversation, Direction, Message, Purpose, State, ThreadNote
from messaging.queries import DECIDER, RETRYABLE, TROUBLED, WRITER, Look, look

PAGE = 50
NOTES_LIMIT = 100


@dataclass(frozen=True, slots=True)
class Text:
    """A message as its line shows it. `by`: who wrote it; None: the customer, or nobody."""

    pk: int
    direction: str
    body: str
    state: str
    purpose: str
    why: str
    has_media: bool
    at: datetime
    by: str | None
    redacted_at: datetime | None
    doubt_pk: int | None
    doubt_state: str | None
    doubt_due_on: date | None
    doubt_by: str | None

    @property
    def doubt(self) -> "Doubt | None":
        """Whether this text of the customer's may be an opt-out, and what a person said to that."""
        if self.doubt_pk is None or self.doubt_due_on is None:
            return None
        return Doubt(self.doubt_pk, self.doubt_state or "", self.doubt_by, self.doubt_due_on)

    @property
    def is_ours(self) -> bool:
        return self.direction == Direction.OUT

    @property
    def speaker(self) -> str:
        """Who says it, for those who listen to the page."""
        return (self.by or "Sent automatically") if self.is_ours else "Customer"


@dataclass(frozen=True, slots=True)
class Doubt:
    """A text may be an opt-out. `by`: who said whether it is; None when nobody did."""

    pk: int
    state: str
    by: str | None
    due_on: date


@dataclass(frozen=True, slots=True)
class Note:
    pk: int
    kind: str
    text: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Picture:
    pk: int
    state: str
    why: str
    tries: int
    width: int | None
    height: int | None


@dataclass(frozen=True, slots=True)
class Try:
    """An attempt to send a message."""

    state: str
    why: str
    code: str
    at: datetime

    @property
    def label(self) -> str:
        return State(self.state).label


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of the time line: a message with its pictures and, when it is in trouble, its attempts; or a note."""

    at: datetime
    message: Text | None = None
    note: Note | None = None
    pictures: Sequence[Picture] = ()
    attempts: Sequence[Try] = ()
    opens_day: bool = False

    @property
    def key(self) -> str:
        """Stable name of the line on the page."""
        return f"m{self.message.pk}" if self.message else f"n{self.note.pk}"  # type: ignore[union-attr]

    @property
    def version(self) -> str:
        """Differs whenever the line must be drawn anew."""
        if self.message is None:
            return ""
        pictures = "".join(f"{picture.state[0]}{picture.tries}" for picture in self.pictures)
        gone = "-gone" if self.message.redacted_at else ""
        doubt = self.message.doubt_state or ""
        return f"{self.message.state}-{len(self.attempts)}-{pictures}-{int(self.opens_day)}{gone}{doubt}"

    @property
    def look(self) -> Look | None:
        """How our text is doing."""
        return look(self.message.state) if self.message and self.message.is_ours else None

    @property
    def is_wrong(self) -> bool:
        return self.message is not None and self.message.state in RETRYABLE

    @property
    def can_retry(self) -> bool:
        if not self.is_wrong or self.message is None or self.message.redacted_at is not None:
            return False
        return self.message.purpose != Purpose.COMPLIANCE

    @property
    def can_cancel(self) -> bool:
        return self.message is not None and self.message.state == State.QUEUED


@dataclass(frozen=True, slots=True)
class Thread:
    """Newest entries of a conversation, oldest first. `before`: the message id from which earlier ones are loaded."""

    entries: list[Entry]
    before: int | None

    @property
    def lines(self) -> list[tuple[Entry, Text | None, Note | None]]:
        """Each entry beside what it holds, for the template."""
        return [(entry, entry.message, entry.note) for entry in self.entries]


_TEXT_FIELDS = (
    *("pk", "direction", "body", "state", "purpose", "why", "has_media", "created_at", "writer", "redacted_at"),
    *("doubt__pk", "doubt__state", "doubt__due_on", "decider"),
)


def thread_page(conversation: Conversation, before: int | None = None) -> Thread:
    """The newest 50 messages (older than message `before`) and the notes among them: two queries, or three."""
    messages = Message.objects.filter(conversation=conversation)
    upper: datetime | None = None
    if before is not None:
        upper = messages.filter(pk=before).values_list("created_at", flat=True).first()
        messages = messages.filter(pk__lt=before)
    rows = messages.annotate(writer=WRITER, decider=DECIDER).order_by("-id").values_list(*_TEXT_FIELDS)
    newest = [Text(*values) for values in rows[: PAGE + 1]]
    has_more = len(newest) > PAGE
    newest = newest[:PAGE]
    entries = _merged(newest, _extras(conversation, newest, newest[-1].at if has_more else None, upper))
    return Thread(_with_days(entries), newest[-1].pk if has_more else None)


@dataclass(frozen=True, slots=True)
class _Extra:
    """A note of the thread, a picture of a message or an attempt to send one, read in one query; `of`: the message."""

    what: str
    of: int
    pk: int
    number: int  # the place of a picture, which attempt it was
    state: str  # of a note: its kind
    words: str  # the note, or what went wrong
    at: datetime
    code: str = ""
    tries: int = 0
    width: int | None = None
    height: int | None = None


def _extras(
    conversation: Conversation, texts: list[Text], lower: datetime | None, upper: datetime | None
) -> list[_Extra]:
    """Notes between the times; pictures and attempts where there are some to show. By place."""
    notes = _notes(conversation, lower, upper)
    parts = []
    if pictured := [text.pk for text in texts if text.has_media]:
        parts.append(_pictures(pictured))
    if troubled := [text.pk for text in texts if text.state in TROUBLED]:
        parts.append(_attempts(troubled))
    if not parts:
        rows: Iterable[tuple[Any, ...]] = notes.values_list(*_NOTE)
    else:  # SQLite takes no limit within a union but in a query below it
        kept = ThreadNote.objects.filter(pk__in=notes.values("pk"))
        rows = kept.values_list(*_NOTE, _NO_WORD, _NO_NUMBER, _NO_SIZE, _NO_SIZE).union(*parts, all=True)
    return sorted((_Extra(*values) for values in rows), key=lambda extra: (extra.number, extra.pk))


_NO_WORD, _NO_NUMBER = Value("", CharField()), Value(0, IntegerField())
_NO_TIME, _NO_SIZE = Cast(Value(None), DateTimeField()), Cast(Value(None), IntegerField())
_Rows: TypeAlias = "QuerySet[Any, tuple[Any, ...]]"


_NOTE = (Value("note", CharField()), _NO_NUMBER, "pk", _NO_NUMBER, "kind", "text", "at")


def _notes(conversation: Conversation, lower: datetime | None, upper: datetime | None) -> "QuerySet[ThreadNote]":
    notes = ThreadNote.objects.filter(conversation=conversation)
    if lower is not None:
        notes = notes.filter(at__gte=lower)
    if upper is not None:
        notes = notes.filter(at__lt=upper)
    return notes.order_by("-at")[:NOTES_LIMIT]


def _pictures(message_ids: list[int]) -> _Rows:
    words = (Value("picture", CharField()), "message_id", "pk", "position", "state", "why", _NO_TIME, _NO_WORD)
    return Attachment.objects.filter(message_id__in=message_ids).values_list(*words, "tries", "width", "height")


def _attempts(message_ids: list[int]) -> _Rows:
    words = (Value("attempt", CharField()), "message_id", "pk", "number", "state", "why", "started_at", "code")
    return Attempt.objects.filter(message_id__in=message_ids).values_list(*words, _NO_NUMBER, _NO_SIZE, _NO_SIZE)


def _merged(texts: Iterable[Text], extras: Iterable[_Extra]) -> list[Entry]:
    pictures: dict[int, list[Picture]] = defaultdict(list)
    attempts: dict[int, list[Try]] = defaultdict(list)
    lines: list[Entry] = []
    for one in extras:
        match one.what:
            case "note":
                lines.append(Entry(one.at, note=Note(one.pk, one.state, one.words, one.at)))
            case "picture":
                pictures[one.of].append(Picture(one.pk, one.state, one.words, one.tries, one.width, one.height))
            case "attempt":
                attempts[one.of].append(Try(one.state, one.words, one.code, one.at))
    lines += [Entry(text.at, text, None, pictures.get(text.pk, ()), attempts.get(text.pk, ())) for text in texts]
    return sorted(lines, key=lambda line: (line.at, line.note is not None, line.key))


def _with_days(lines: list[Entry]) -> list[Entry]:
    """Marks the first line of each day of the reader's zone."""
    marked, day = [], None
    for line in lines:
        today = timezone.localdate(line.at)
        marked.append(replace(line, opens_day=True) if today != day else line)
        day = today
    return marked
