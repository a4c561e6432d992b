"""What the pages of the telephone side read, each in a constant number of queries."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Max, Prefetch, Q, QuerySet

from portal import ids
from portal.models import AuditEvent, Membership, Organization, Role, Team, User
from trunks.models import CarrierAccount, Did, DidAssignment, TextState, Trunk

PER_PAGE = 100
NONE = "none"


@dataclass(frozen=True, slots=True)
class DidFilter:
    """The filters of the DID list as they stand in the address; what cannot be read is no filter."""

    q: str = ""
    team: str = ""
    trunk: str = ""
    state: str = ""

    @classmethod
    def read(cls, query: Mapping[str, Any]) -> "DidFilter":
        places = {name: str(query.get(name, "")) for name in ("team", "trunk")}
        places = {name: value if ids.read(value) is not None or value == NONE else "" for name, value in places.items()}
        state = str(query.get("state", ""))
        words = str(query.get("q", "")).replace("\0", "").strip()[:60]
        return cls(q=words, state=state if state in TextState.values else "", **places)

    @property
    def is_on(self) -> bool:
        return self != DidFilter()

    def fields(self) -> dict[str, str]:
        """Only what is set, for links and hidden fields."""
        values = {"q": self.q, "team": self.team, "trunk": self.trunk, "state": self.state}
        return {name: value for name, value in values.items() if value}


def dids(organization: Organization, chosen: DidFilter) -> QuerySet[Did]:
    """Current DIDs that match, with all that a row shows."""
    rows = Did.objects.current().filter(organization=organization)
    rows = rows.select_related("trunk", "account", "team", "agent__user").order_by("number")
    for name in ("team", "trunk"):
        if value := getattr(chosen, name):
            rows = rows.filter(**({f"{name}_id": int(value)} if value != NONE else {f"{name}_id": None}))
    if chosen.state:
        rows = rows.filter(text_state=chosen.state)
    return rows.filter(_search(chosen.q)) if chosen.q else rows


def _search(words: str) -> Q:
    """By label or tag, and by any digits of the number however it is written."""
    condition = Q(label__icontains=words) | Q(tags__icontains=words)
    digits = re.sub(r"\D", "", words)
    if digits and not re.search(r"[^\d\s+().\-]", words):
        condition |= Q(number__contains=digits)
    return condition


def counts(organization: Organization) -> dict[str, int]:
    """{state: DIDs}, and all of them under `all`."""
    found = Did.objects.current().filter(organization=organization).order_by()
    by_state = dict(found.values_list("text_state").annotate(Count("id")))
    return {state: by_state.get(state, 0) for state in TextState.values} | {"all": sum(by_state.values())}


def assignees(organization: Organization) -> list[tuple[Team, list[Membership]]]:
    """Every team with the people in it who may be given a DID."""
    people = Membership.objects.filter(is_active=True, role__in=(Role.AGENT, Role.SUPERVISOR))
    people = people.select_related("user").order_by("user__name", "user__email")
    teams = Team.objects.filter(organization=organization)
    return [(team, list(team.members.all())) for team in teams.prefetch_related(Prefetch("members", people))]


def trunks(organization: Organization) -> QuerySet[Trunk]:
    current = Q(dids__retired_at=None)
    counted = Trunk.objects.filter(organization=organization).select_related("account")
    return counted.annotate(
        did_count=Count("dids", filter=current),
        texting=Count("dids", filter=current & Q(dids__text_state=TextState.ENABLED)),
    )


def accounts(organization: Organization) -> QuerySet[CarrierAccount]:
    current = Q(dids__retired_at=None)
    return CarrierAccount.objects.filter(organization=organization).annotate(
        did_count=Count("dids", filter=current),
        texting=Count("dids", filter=current & Q(dids__text_state=TextState.ENABLED)),
        pending=Count("dids", filter=current & Q(dids__text_state=TextState.PENDING)),
        refused=Count("dids", filter=current & Q(dids__text_state=TextState.REFUSED)),
        asked_in_vain=Max("dids__text_tries", filter=current & Q(dids__text_state=TextState.PENDING)),
    )


def assignments(did: Did) -> QuerySet[DidAssignment]:
    return did.assignments.select_related("team", "agent__user", "by").order_by("-at", "-pk")[:100]


EVENT_WORDS = {
    "trunks.did.text_off": "Texting switched off",
    "trunks.did.text_pending": "Carrier asked to switch texting on",
    "trunks.did.text_enabled": "Texting is on",
    "trunks.did.text_refused": "Texting refused",
    "trunks.did.put_on_trunk": "Put on a trunk",
    "trunks.did.changed_by_import": "Changed by an import",
    "trunks.did.relabeled": "Renamed",
    "trunks.did.retired": "Retired",
    "trunks.dids.assigned": "Assigned",
}


@dataclass(frozen=True, slots=True)
class Happening:
    """One line of a DID's history, in words."""

    at: datetime
    by: User | None
    words: str
    why: str


def happenings(did: Did) -> list[Happening]:
    """The audit trail of one DID, newest first."""
    mine = AuditEvent.objects.filter(organization=did.organization_id, subject=did.number, action__in=EVENT_WORDS)
    return [
        Happening(event.at, event.by, EVENT_WORDS[event.action], _why(event.data))
        for event in mine.select_related("by").order_by("-pk")[:50]
    ]


def _why(data: dict[str, Any]) -> str:
    if changes := data.get("changes"):
        return "; ".join(f"{what}: {before or 'none'} → {after or 'none'}" for what, (before, after) in changes.items())
    return str(data.get("why", ""))
