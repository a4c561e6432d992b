"""What a check found, in words for whoever runs the portal and for the people of the organization it is about."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from uuid import UUID


class Level(StrEnum):
    OK = "ok"
    WAITING = "waiting"  # it moves by itself
    NOTE = "note"
    PROBLEM = "problem"


class Place(StrEnum):
    """Where in the portal something is done about it."""

    ACCOUNT = "account"
    ACCOUNTS = "accounts"
    WAITING = "waiting webhooks"
    TROUBLED = "troubled webhooks"
    UNKNOWN_WORDS = "unknown words"
    REFUSED = "refused webhooks"
    UNKNOWN_DIDS = "unknown DIDs"
    PENDING_DIDS = "pending DIDs"
    THREADS = "threads"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """For the pages of an organization, which show an account's findings together.

    `what`: which part of the account, where it has several. `advice`: what its own people can do; empty: the help.
    """

    account: UUID
    what: str = ""
    place: Place | None = None
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """`subject`: what it is about. `help`: what to do, where something is to be done. `about`: None for the server."""

    level: Level
    subject: str
    sentence: str
    help: str = ""
    about: About | None = None

    def as_dict(self) -> dict[str, str]:
        return {"level": self.level, "subject": self.subject, "sentence": self.sentence, "help": self.help}

    @property
    def advice(self) -> str:
        """`help` in the words of an organization's own page."""
        return (self.about.advice if self.about else "") or self.help


def ok(subject: str, sentence: str, *, about: About | None = None) -> Finding:
    return Finding(Level.OK, subject, sentence, about=about)


def waiting(subject: str, sentence: str, help: str = "", *, about: About | None = None) -> Finding:
    return Finding(Level.WAITING, subject, sentence, help, about)


def note(subject: str, sentence: str, help: str = "", *, about: About | None = None) -> Finding:
    return Finding(Level.NOTE, subject, sentence, help, about)


def problem(subject: str, sentence: str, help: str, *, about: About | None = None) -> Finding:
    return Finding(Level.PROBLEM, subject, sentence, help, about)


def ago(span: timedelta) -> str:
    """In the one unit that fits: 40 s, 12 min, 5 h, 3 days."""
    seconds = max(int(span.total_seconds()), 0)
    for size, unit in ((172_800, 86_400), (7_200, 3_600), (120, 60)):
        if seconds >= size:
            return f"{seconds // unit} {({86_400: 'days', 3_600: 'h', 60: 'min'})[unit]}"
    return f"{seconds} s"


def some(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
