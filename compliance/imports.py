"""Opt-outs from elsewhere: any list with a column of numbers, looked at first (a dry run), then recorded.

An import adds opt-outs and never lifts one.
"""

import hashlib
from dataclasses import dataclass

from django.db import transaction

from compliance import optout
from compliance.models import OptOut, Suppression
from portal import audit, phone
from portal.models import Organization, User
from trunks.exports import Export

MOST = 2_000  # rows of one file: each is recorded by itself, and the request must end in time


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be used: its line in the file, what it says, and why not."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file would do. `new`: E.164 -> what the row says besides; `known`: opted out already."""

    new: dict[str, str]
    known: int
    refused: list[Refusal]
    digest: str


def plan_import(export: Export, *, organization: Organization) -> Plan:
    """The dry run. A number that stands twice counts once."""
    notes: dict[str, str] = {}
    refused: list[Refusal] = []
    for row in export.rows[:MOST]:
        try:
            notes.setdefault(phone.to_e164(row["number"]), row["label"][:200])
        except phone.NotANumber as error:
            refused.append(Refusal(row.line, row["number"][:60], str(error)))
    refused += [Refusal(row.line, row["number"][:60], f"Beyond the first {MOST:,} rows.") for row in export.rows[MOST:]]
    known = _known(organization, list(notes))
    new = {number: note for number, note in notes.items() if number not in known}
    digest = hashlib.sha256("\n".join(f"{number}\t{note}" for number, note in new.items()).encode()).hexdigest()
    return Plan(new=new, known=len(known), refused=refused, digest=digest)


def _known(organization: Organization, numbers: list[str]) -> set[str]:
    suppressed = Suppression.objects.filter(organization=organization)
    found: set[str] = set()
    for first in range(0, len(numbers), 500):  # SQLite takes a limited number of values
        part = suppressed.filter(number__in=numbers[first : first + 500])
        found.update(part.values_list("number", flat=True))
    return found


@transaction.atomic
def apply_import(plan: Plan, *, organization: Organization, source: str, by: User) -> int:
    """Record what the dry run showed; how many. Each is an opt-out like any other, with the news of it."""
    for number, note in plan.new.items():
        why = f"Imported from {source}." + (f" {note}" if note else "")
        optout.record_opt_out(
            organization=organization, number=number, source=OptOut.Source.IMPORT, by=by, why=why[:300]
        )
    if plan.new:
        counts = {"new": len(plan.new), "unchanged": plan.known, "refused": len(plan.refused)}
        audit.record("compliance.opt_outs.imported", organization=organization, by=by, subject=source, **counts)
    return len(plan.new)
