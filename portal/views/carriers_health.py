"""The health of an organization's carriers: what is stuck, since when, what to do and where. `doctor` finds it."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime
from uuid import UUID

from django.http import HttpResponseBase
from django.urls import reverse
from django.views.decorators.http import require_safe

from messaging import lanes
from messaging.health import Backlog, Doubtful, Road, Troubles
from portal import doctor
from portal.access import Can, MemberRequest, may, needs
from portal.clock import database_now
from portal.doctor import Finding, Level, Look, Place
from portal.htmx import render, wants
from trunks import accounts
from trunks.models import CarrierAccount

MEANINGS = {Level.OK: "good", Level.WAITING: "waiting", Level.NOTE: "warning", Level.PROBLEM: "wrong"}
SEVERITY = list(MEANINGS)


@dataclass(frozen=True, slots=True)
class Door:
    """Where something is done: the name of the page, what is asked of it, and who may enter."""

    url_name: str
    label: str
    permission: Can
    query: str = ""
    of_account: bool = True


DOORS = {
    Place.ACCOUNT: Door("carrier", "Open its settings", Can.MANAGE_CARRIERS),
    Place.ACCOUNTS: Door("carriers", "Try the credentials", Can.MANAGE_CARRIERS, of_account=False),
    Place.WAITING: Door("deliveries", "Show the webhooks", Can.SEE_HEALTH, "?show=waiting"),
    Place.TROUBLED: Door("deliveries", "Show the webhooks", Can.SEE_HEALTH, "?show=troubled"),
    Place.UNKNOWN_WORDS: Door("deliveries", "Show the webhooks", Can.SEE_HEALTH, "?show=unknown"),
    Place.REFUSED: Door("deliveries", "Show the requests", Can.SEE_HEALTH, "?show=refused"),
    Place.UNKNOWN_DIDS: Door("unknown-dids", "Show the numbers", Can.SEE_DIDS, of_account=False),
    Place.PENDING_DIDS: Door("dids", "Show the DIDs", Can.SEE_DIDS, "?state=pending", of_account=False),
    Place.THREADS: Door("inbox", "Open the inbox", Can.READ_THREADS, of_account=False),
}


@dataclass(frozen=True, slots=True)
class Trouble:
    """A finding as the page shows it, with the address of where it is mended and its label."""

    meaning: str
    what: str
    sentence: str
    advice: str
    url: str = ""
    label: str = ""


@dataclass(frozen=True, slots=True)
class LaneRow:
    road: Road
    texts_a_second: float
    is_closed: bool


@dataclass(slots=True)
class AccountHealth:
    account: CarrierAccount
    carrier_name: str
    heard_at: datetime | None
    level: Level = Level.OK
    troubles: list[Trouble] = field(default_factory=list)
    lanes: list[LaneRow] = field(default_factory=list)
    backlog: Backlog | None = None
    webhooks: Troubles | None = None
    doubtful: Doubtful | None = None

    @property
    def meaning(self) -> str:
        return MEANINGS[self.level]


@require_safe
@needs(Can.SEE_HEALTH)
def carriers_health(request: MemberRequest) -> HttpResponseBase:
    look = Look(database_now(), request.organization)
    findings = sorted(doctor.of_organization(look), key=lambda one: SEVERITY.index(one.level), reverse=True)
    rows = {account.pk: _account(account, look) for account in look.accounts.values()}
    server = []
    for finding in findings:
        if finding.about is None:
            server.append(_trouble(request, finding))
        else:
            _add(rows[finding.about.account], finding, _trouble(request, finding))
    levels = [finding.level for finding in findings]
    context = {
        "rows": list(rows.values()),
        "server": server,
        "is_well": all(level in (Level.OK, Level.WAITING) for level in levels),
        "now": look.now,
    }
    return render(request, "portal/carriers_health.html", context, part="health" if wants(request, "health") else "")


def _account(account: CarrierAccount, look: Look) -> AccountHealth:
    return AccountHealth(
        account,
        _carrier_name(account),
        look.heard_at(account),
        lanes=list(_lanes(account.pk, look)),
        backlog=look.backlogs.get(account.pk),
        webhooks=look.troubles.get(account.pk),
        doubtful=look.doubtful.get(account.pk),
    )


def _carrier_name(account: CarrierAccount) -> str:
    try:
        return accounts.carrier_of(account).NAME
    except LookupError:  # a carrier that this version does not have; the findings say so
        return account.kind


def _lanes(account_id: UUID, look: Look) -> Iterator[LaneRow]:
    for road in look.roads:
        if road.lane.account_id == account_id:
            yield LaneRow(road, _rate(road), road.is_closed(look.now))


def _rate(road: Road) -> float:
    try:
        return lanes.texts_a_second(road.lane)
    except LookupError:
        return 0


def _add(row: AccountHealth, finding: Finding, trouble: Trouble) -> None:
    row.level = max(row.level, finding.level, key=SEVERITY.index)
    if finding.level != Level.OK:
        row.troubles.append(trouble)


def _trouble(request: MemberRequest, finding: Finding) -> Trouble:
    about = finding.about
    told = Trouble(MEANINGS[finding.level], about.what if about else "", finding.sentence, finding.advice)
    door = DOORS[about.place] if about and about.place else None
    if about is None or door is None or not may(request.membership, door.permission):
        return told
    of = [about.account] if door.of_account else []
    url = reverse(door.url_name, args=[request.organization.slug, *of]) + door.query
    return replace(told, url=url, label=door.label)
