"""When a text may leave: allowed only while every place where the person may be allows it. Pure.

Judged when a text is queued, again when a worker claims it, and once more when it is marked as leaving.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

import holidays

from compliance import places
from compliance.places import Place
from compliance.purposes import SOLICITATIONS, Purpose
from compliance.rulebook import Rule, Rulebook, Span

REPLY_HOURS = 24  # an answer to the person's own text is no solicitation, for so long
MARGIN = timedelta(minutes=1)  # nothing is begun in the last minute: it could arrive in the first closed one
SEARCH_DAYS = 30


@dataclass(frozen=True, slots=True)
class Line:
    """One rule in one place, for the page that explains: what the clock says there and when it lets a text pass."""

    place: Place
    local: datetime
    rule: Rule
    span: Span
    is_open: bool


@dataclass(frozen=True, slots=True)
class Hours:
    """`opens`: now when open; None when no moment within a month will do. `closes`: when the first place closes."""

    is_open: bool
    opens: datetime | None
    closes: datetime | None
    places: tuple[Place, ...]


def is_free(purpose: str, *, wrote_at: datetime | None, now: datetime) -> bool:
    """Whether no hours hold: a required reply, or an answer within a day of the person's own text."""
    if purpose == Purpose.COMPLIANCE:
        return True
    return purpose == Purpose.REPLY and wrote_at is not None and now - wrote_at < timedelta(hours=REPLY_HOURS)


def judge(book: Rulebook, where: tuple[Place, ...], purpose: str, now: datetime) -> Hours:
    """Whether every place is open at `now`, and else the next moment at which all are."""
    where = where or places.everywhere()
    at = now
    while at - now < timedelta(days=SEARCH_DAYS):
        later = max(_next(book, place, purpose, at) for place in where)
        if later == at:
            closes = min(_closing(book, place, purpose, at) for place in where)
            return Hours(at == now, at, closes, where)
        at = later
    return Hours(False, None, None, where)


def explain(book: Rulebook, where: tuple[Place, ...], purpose: str, now: datetime) -> list[Line]:
    """Every rule of every place, with its answer at `now`."""
    lines = []
    for place in where or places.everywhere():
        local = now.astimezone(ZoneInfo(place.zone))
        for rule in _rules(book, place, purpose, local.date()):
            span = rule.span(local.date(), is_holiday=holiday(place.state, local.date()) != "")
            lines.append(Line(place, local, rule, span, _within(span, local)))
    return lines


def _within(span: Span, local: datetime) -> bool:
    return span is not None and span[0] <= local.time() and (local + MARGIN).time() <= span[1]


def _rules(book: Rulebook, place: Place, purpose: str, day: date) -> tuple[Rule, ...]:
    if purpose not in SOLICITATIONS:
        return (book.country(place),)
    return book.rules(place, day, promotional=purpose == Purpose.PROMOTIONAL)


def _next(book: Rulebook, place: Place, purpose: str, at: datetime) -> datetime:
    """`at` when this place is open then, else the next moment it opens; far ahead when it never does."""
    for opens, closes in _spans(book, place, purpose, at):
        if at <= closes - MARGIN:
            return max(opens, at)
    return at + timedelta(days=SEARCH_DAYS)


def _closing(book: Rulebook, place: Place, purpose: str, at: datetime) -> datetime:
    return next(closes for opens, closes in _spans(book, place, purpose, at) if at <= closes - MARGIN)


def _spans(book: Rulebook, place: Place, purpose: str, at: datetime) -> Iterator[tuple[datetime, datetime]]:
    """The moments between which this place is open, from the day of `at` on."""
    zone = ZoneInfo(place.zone)
    first = at.astimezone(zone).date()
    for ahead in range(SEARCH_DAYS):
        day = first + timedelta(days=ahead)
        if joint := _joint(_rules(book, place, purpose, day), day, place.state):
            yield _moment(day, joint[0], zone), _moment(day, joint[1], zone)


def _joint(rules: tuple[Rule, ...], day: date, state: str) -> Span:
    """What all rules leave of a day."""
    is_holiday = any(rule.holidays_closed for rule in rules) and holiday(state, day) != ""
    spans = [rule.span(day, is_holiday=is_holiday) for rule in rules]
    if any(span is None for span in spans):
        return None
    opens, closes = max(span[0] for span in spans if span), min(span[1] for span in spans if span)
    return (opens, closes) if opens < closes else None


def _moment(day: date, local: time, zone: ZoneInfo) -> datetime:
    """The instant of a local time. No window begins or ends in the hours that clocks skip or repeat."""
    return datetime.combine(day, local, zone).astimezone(ZoneInfo("UTC"))


@lru_cache(maxsize=4_096)
def holiday(state: str, day: date) -> str:
    """The name of a federal or state holiday there, observed days included; "" on other days."""
    return _holidays(state, day.year).get(day) or ""


@lru_cache(maxsize=512)
def _holidays(state: str, year: int) -> "holidays.HolidayBase":
    for country in ("US", "CA"):
        if state in holidays.list_supported_countries()[country]:
            return holidays.country_holidays(country, subdiv=state, years=year)
    return holidays.country_holidays("US", years=year)
