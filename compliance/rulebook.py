"""The rules of when a person may be texted: the shipped rulebook, and what an organization has changed for itself."""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, time
from functools import cache
from pathlib import Path

from compliance.places import Place

DATA = Path(__file__).parent / "data" / "rulebook.toml"
STRICTEST, NATIONAL = "strictest", "national"
Span = tuple[time, time] | None  # local, the end exclusive; None: closed all day
CLOSED_WORDS = frozenset({"", "closed"})


class BadRule(ValueError):
    """A rule that cannot be read. The text is a sentence for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One window. `days`: Monday first. `holidays_closed`: on the holidays of the place. `cap`: texts in 24 hours."""

    name: str
    days: tuple[Span, ...]
    holidays_closed: bool
    source: str
    confidence: str = "secondary"
    cap: int | None = None
    since: date = date.min
    is_own: bool = False  # the organization's, not the rulebook's

    def span(self, day: date, *, is_holiday: bool) -> Span:
        return None if is_holiday and self.holidays_closed else self.days[day.weekday()]


@dataclass(frozen=True, slots=True)
class Rulebook:
    """`own`: an organization's rules, {state: rule}; "*" is every state. `wide`: it need not keep `national`."""

    version: str
    countries: Mapping[str, Rule]
    profiles: Mapping[str, Rule]
    states: Mapping[str, Rule]
    own: Mapping[str, Rule]
    wide: bool = False

    def country(self, place: Place) -> Rule:
        """Its own window, which nobody widens. Abroad and unknown, the United States' is good manners."""
        return self.countries.get(place.country) or self.countries["US"]

    def rules(self, place: Place, day: date, *, promotional: bool) -> tuple[Rule, ...]:
        """What a solicitation must keep in this place on this local day, the country's window first."""
        rules = [self.country(place)]
        if own := self.own.get(place.state) or self.own.get("*"):
            rules.append(own)
        elif state := self._state(place):
            rules.append(state)
        if promotional and not self.wide:
            rules.append(self.profiles[NATIONAL])
        return tuple(rule for rule in rules if rule.since <= day)

    def _state(self, place: Place) -> Rule | None:
        if place.country == "US" and not place.state:
            return self.profiles[STRICTEST]
        return self.states.get(place.state)

    def with_own(self, own: Mapping[str, Rule], *, wide: bool = False) -> "Rulebook":
        return replace(self, own=own, wide=wide)


@cache
def shipped() -> Rulebook:
    facts = tomllib.loads(DATA.read_text())
    return Rulebook(
        version=facts["version"],
        countries={code: _rule(f"{code} federal hours", row) for code, row in facts["country"].items()},
        profiles={code: _rule(row["name"], row) for code, row in facts["profile"].items()},
        states={code: _rule(f"{code} hours", row) for code, row in facts["state"].items()},
        own={},
    )


def _rule(name: str, row: Mapping[str, object]) -> Rule:
    cap, since = row.get("cap"), row.get("from", date.min)
    assert isinstance(since, date)
    return Rule(
        name=name,
        days=week(str(row["weekdays"]), str(row["saturday"]), str(row["sunday"])),
        holidays_closed=row["holidays"] == "closed",
        source=str(row["source"]),
        confidence=str(row["confidence"]),
        cap=int(str(cap)) if cap is not None else None,
        since=since,
    )


def week(weekdays: str, saturday: str, sunday: str) -> tuple[Span, ...]:
    """Seven spans, Monday first, of windows such as `08:00-21:00`; "" is closed. Raises BadRule."""
    return (*[span(weekdays)] * 5, span(saturday), span(sunday))


def span(text: str) -> Span:
    """`09:00-18:00` as two local times. Raises BadRule."""
    if text.strip().lower() in CLOSED_WORDS:
        return None
    opens, _, closes = text.partition("-")
    try:
        window = time.fromisoformat(opens.strip()), time.fromisoformat(closes.strip())
    except ValueError:
        raise BadRule(f"“{text}” is no window: write it like 09:00-18:00, or leave it empty for closed.") from None
    if window[0] >= window[1]:
        raise BadRule(f"“{text}” ends before it begins.")
    return window


def words(days: Sequence[Span]) -> str:
    """Monday to Friday, Saturday, Sunday, as a person reads it: `Mon–Fri 09:00–18:00, Sat 10:00–17:00, Sun closed`."""
    return ", ".join(f"{name} {_hours(each)}" for name, each in zip(("Mon–Fri", "Sat", "Sun"), days[4:], strict=True))


def _hours(each: Span) -> str:
    return f"{each[0]:%H:%M}–{each[1]:%H:%M}" if each else "closed"
