"""What an organization has decided within the law: its own hours, whose consent it asks for, how often it may sell."""

from dataclasses import dataclass, field
from datetime import datetime

from django.db import transaction
from django.db.models import FilteredRelation, Q
from django.utils import timezone

from compliance import places, rulebook
from compliance.models import HoursRule, TextingPolicy
from compliance.places import Place
from compliance.purposes import SOLICITATIONS, Purpose
from compliance.quiet_hours import Hours, judge
from compliance.rulebook import Rule, Rulebook
from portal import audit
from portal.models import Organization, User

CHOICES = (
    "consent_for_informational",
    "consent_for_follow_up",
    "solicitations_a_day",
    "one_team_a_day",
    "any_time",
    "wide",
)
HOURS = ("state", "weekdays", "saturday", "sunday", "holidays_closed", "attestation")


class PolicyRefused(Exception):
    """A decision that may not be made. The text is a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Policy:
    """The rulebook with the organization's own rules, and its other decisions. Remembers what it has judged."""

    book: Rulebook
    choices: TextingPolicy
    _judged: dict[tuple[tuple[Place, ...], bool, bool, datetime], Hours] = field(default_factory=dict)

    def hours(self, where: tuple[Place, ...], purpose: str, now: datetime) -> Hours:
        """Equal questions of a batch are answered once."""
        key = (where, purpose in SOLICITATIONS, purpose == Purpose.PROMOTIONAL, now)
        if key not in self._judged:
            self._judged[key] = judge(self.book, where, purpose, now)
        return self._judged[key]

    def needs_consent(self, purpose: str) -> bool:
        """Whether a text of this purpose leaves only to people who have agreed."""
        if purpose == Purpose.PROMOTIONAL:
            return True
        if purpose == Purpose.FOLLOW_UP:
            return self.choices.consent_for_follow_up
        return purpose == Purpose.INFORMATIONAL and self.choices.consent_for_informational

    def cap(self, where: tuple[Place, ...], now: datetime) -> int:
        """How many solicitations a person in one of these places may get within 24 hours."""
        day = now.date()
        rules = [rule for place in where for rule in self.book.rules(place, day, promotional=True)]
        return min([self.choices.solicitations_a_day, *(rule.cap for rule in rules if rule.cap is not None)])


def load(organization_id: int) -> Policy:
    """One query: a row an own rule, each with the choices."""
    standing = FilteredRelation("hours_rules", condition=Q(hours_rules__ended_at=None))
    rows = Organization.objects.filter(pk=organization_id).annotate(own=standing)
    columns = [*(f"texting_policy__{name}" for name in CHOICES), *(f"own__{name}" for name in HOURS)]
    found = list(rows.values_list(*columns))
    chosen = found[0][: len(CHOICES)] if found and found[0][0] is not None else ()
    choices = TextingPolicy(pk=organization_id, **dict(zip(CHOICES, chosen, strict=False)))
    hours = (HoursRule(**dict(zip(HOURS, row[len(CHOICES) :], strict=True))) for row in found)
    own = {rule.state: as_rule(rule) for rule in hours if rule.state}
    return Policy(rulebook.shipped().with_own(own, wide=choices.wide), choices)


def as_rule(row: HoursRule) -> Rule:
    return Rule(
        name=f"{'Own hours' if row.state == '*' else f'{row.state}, own hours'}",
        days=rulebook.week(row.weekdays, row.saturday, row.sunday),
        holidays_closed=row.holidays_closed,
        source=row.attestation or "Tighter than the law asks for",
        is_own=True,
    )


@transaction.atomic
def set_hours(
    *,
    organization: Organization,
    state: str,
    weekdays: str,
    saturday: str,
    sunday: str,
    holidays_closed: bool,
    attestation: str,
    by: User,
) -> HoursRule:
    """The organization's own window for a state, from now on. Raises PolicyRefused, BadRule.

    A window that is wider than the rulebook's in any place needs words of somebody who answers for it; one that is
    wider than the country's would not count, so it is refused.
    """
    if state != "*" and state not in places.regions():
        raise PolicyRefused("Choose a state or province, or every state.")
    rule = HoursRule(
        organization=organization,
        state=state,
        weekdays=weekdays,
        saturday=saturday,
        sunday=sunday,
        holidays_closed=holidays_closed,
        attestation=attestation.strip(),
        by=by,
    )
    _refuse_too_wide(as_rule(rule), state, attestation)
    end_hours(organization=organization, state=state)
    rule.save()
    audit.record("compliance.hours.set", organization=organization, by=by, subject=state, hours=str(rule))
    return rule


def _refuse_too_wide(rule: Rule, state: str, attestation: str) -> None:
    book = rulebook.shipped()
    country = places.regions()[state].country if state != "*" else "US"
    if widens(rule, book.countries[country]):
        raise PolicyRefused(
            f"The country's own hours are {rulebook.words(book.countries[country].days)}; nobody widens them."
        )
    lawful = [book.states[state]] if state in book.states else list(book.states.values()) if state == "*" else []
    if any(widens(rule, each) for each in lawful) and not attestation.strip():
        raise PolicyRefused(
            "These hours are wider than the rulebook's. Write down why you may text then, and who says so."
        )


def widens(rule: Rule, other: Rule) -> bool:
    """Whether `rule` is open at some time of some day at which `other` is closed."""
    if other.holidays_closed and not rule.holidays_closed:
        return True
    pairs = zip(rule.days, other.days, strict=True)
    return any(ours and (not theirs or ours[0] < theirs[0] or theirs[1] < ours[1]) for ours, theirs in pairs)


def end_hours(*, organization: Organization, state: str, by: User | None = None) -> bool:
    """From now on the rulebook's window holds again. False when there was none of its own."""
    rows = HoursRule.objects.filter(organization=organization, state=state, ended_at=None)
    ended = bool(rows.update(ended_at=timezone.now()))
    if ended and by is not None:
        audit.record("compliance.hours.ended", organization=organization, by=by, subject=state)
    return ended


@transaction.atomic
def decide(*, organization: Organization, by: User, **choices: object) -> TextingPolicy:
    """Change the organization's choices: the fields of TextingPolicy. Raises PolicyRefused."""
    row, _ = TextingPolicy.objects.select_for_update().get_or_create(organization=organization)
    before = {name: getattr(row, name) for name in choices}
    for name, value in choices.items():
        setattr(row, name, value)
    if (row.any_time or row.wide) and not row.attestation.strip():
        raise PolicyRefused("Write down why you may text at more hours, and who says so.")
    if not 1 <= row.solicitations_a_day <= 3:
        raise PolicyRefused("One to three a day: several states allow no more than three.")
    row.by = by
    row.save()
    changed = {name: [before[name], value] for name, value in choices.items() if before[name] != value}
    audit.record("compliance.policy.changed", organization=organization, by=by, subject=organization.name, **changed)
    return row
