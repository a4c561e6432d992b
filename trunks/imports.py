"""From a read file to DIDs: first a plan that writes nothing, then the plan carried out in one transaction."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import IntegrityError, transaction

from portal import audit, phone
from portal.models import Membership, Organization, Team, User
from trunks import inventory
from trunks.exports import Export, Row
from trunks.models import CarrierAccount, Did, TextState, Trunk

GONE = frozenset({"deleted", "purchase_failed", "port_failed", "ported_out", "disconnected"})  # Telnyx, Bandwidth
CANNOT_TEXT = "The carrier's list says that this number cannot text."
NAMES = {
    "label": "label", "trunk": "trunk", "account": "carrier account", "team": "team", "agent": "agent", "tags": "tags",
    "carrier_ref": "carrier's id", "text_why": "note on texting",
}  # fmt: skip


class Stale(Exception):
    """The DIDs changed since the plan was made: look at a new one."""


@dataclass(frozen=True, slots=True)
class New:
    line: int
    number: str
    values: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Change:
    """`changes`: what -> (before, after), in words."""

    line: int
    did_id: int
    number: str
    values: dict[str, Any]
    changes: dict[str, tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Refusal:
    line: int
    text: str
    reason: str
    raw: tuple[str, ...] = field(repr=False)


@dataclass(slots=True)
class Plan:
    """What an import would do. `missing`: DIDs the call center has and the file has not; they stay."""

    organization: Organization
    account: CarrierAccount | None
    trunk: Trunk | None
    header: tuple[str, ...] = ()
    new: list[New] = field(default_factory=list)
    changed: list[Change] = field(default_factory=list)
    unchanged: int = 0
    refused: list[Refusal] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    new_trunks: list[str] = field(default_factory=list)

    @property
    def work(self) -> int:
        """How many DIDs it would write."""
        return len(self.new) + len(self.changed)

    @property
    def cannot_text(self) -> int:
        rows: list[New | Change] = [*self.new, *self.changed]
        return sum(row.values.get("text_why") == CANNOT_TEXT for row in rows)

    @property
    def digest(self) -> str:
        """The same as long as carrying the plan out would do the same."""
        facts = [(new.number, _words(new.values)) for new in self.new]
        facts += [(change.number, str(sorted(change.changes.items()))) for change in self.changed]
        return hashlib.sha256(repr(sorted(facts)).encode()).hexdigest()[:16]


def _words(values: dict[str, Any]) -> str:
    return str(sorted((name, str(value)) for name, value in values.items()))


# --- Planning ---


def plan_import(
    export: Export,
    *,
    organization: Organization,
    account: CarrierAccount | None = None,
    trunk: Trunk | None = None,
) -> Plan:
    """Compare a read file with the DIDs there are. Nothing is written.

    `trunk` is where DIDs go that name none; `account` is whose texts they carry, by default the trunk's.
    """
    account = account or (trunk.account if trunk else None)
    plan = Plan(organization, account, trunk, header=export.header)
    known = _Known(plan)
    judged = _judge_all(export.rows, plan)
    foreign = _owned_elsewhere(plan, [number for number in judged if number not in known.dids])
    for number, row in judged.items():
        _place(plan, known, number, row, owned_elsewhere=number in foreign)
    seen = judged.keys()
    plan.missing = sorted(number for number, did in known.dids.items() if number not in seen and _in_scope(plan, did))
    plan.refused.sort(key=lambda refusal: refusal.line)
    return plan


def _in_scope(plan: Plan, did: Did) -> bool:
    """An export of one carrier says nothing about the DIDs of another."""
    return plan.account is None or did.account_id == plan.account.pk


class _Known:
    """What the organization has, read once: DIDs by number, trunks and teams by name, people by address."""

    def __init__(self, plan: Plan) -> None:
        mine = {"organization": plan.organization}
        dids = Did.objects.current().filter(**mine).select_related("trunk", "account", "team", "agent__user")
        self.dids: dict[str, Did] = {did.number: did for did in dids}
        trunks = Trunk.objects.filter(**mine).select_related("account")
        self.trunks: dict[str, Trunk] = {trunk.name.casefold(): trunk for trunk in trunks}
        self.teams: dict[str, Team] = {team.name.casefold(): team for team in Team.objects.filter(**mine)}
        people = Membership.objects.filter(**mine, is_active=True).select_related("user").prefetch_related("teams")
        self.people: dict[str, Membership] = {one.user.email.casefold(): one for one in people}


def _judge_all(rows: Iterable[Row], plan: Plan) -> dict[str, Row]:
    """{number: row} of the sane rows; the others are refused with a reason."""
    lines: dict[str, Row] = {}
    for row in rows:
        try:
            number = _number(row)
            if earlier := lines.get(number):
                raise phone.NotANumber(f"The same number stands in row {earlier.line} already.")
        except phone.NotANumber as error:
            _refuse(plan, row, str(error))
        else:
            lines[number] = row
    return lines


def _refuse(plan: Plan, row: Row, reason: str) -> None:
    plan.refused.append(Refusal(row.line, row["number"], reason, row.raw))


def _number(row: Row) -> str:
    """The row's number in E.164. Raises NotANumber."""
    text = re.sub(r"^(?:tel|sips?):|@.*$", "", row["number"], flags=re.IGNORECASE)
    if not text:
        raise phone.NotANumber("The row has no number.")
    if row["status"].casefold() in GONE:
        raise phone.NotANumber(f"The carrier lists this number as {row['status'].casefold().replace('_', ' ')}.")
    number = phone.to_e164(_unrounded(text))
    if (country := phone.country(number)) not in phone.HOME_COUNTRIES | {""} or not number.startswith("+1"):
        raise phone.NotANumber(f"This number belongs to another country ({country or 'unknown'}).")
    return number


def _unrounded(text: str) -> str:
    """A number that a spreadsheet wrote as a decimal: exact when all digits are there, refused when they are not."""
    if match := re.fullmatch(r"(\d)[.,]?(\d*)E\+?(\d+)", text, re.IGNORECASE):
        digits, places = match[1] + match[2], int(match[3]) + 1
        if places > 15 or len(digits) < min(places, 10):
            raise phone.NotANumber("A spreadsheet has rounded this number; format the column as text and export again.")
        return digits.ljust(places, "0")
    return re.sub(r"^(\+?\d{10,15})\.0+$", r"\1", text)


def _owned_elsewhere(plan: Plan, numbers: Sequence[str]) -> set[str]:
    others = Did.objects.current().exclude(organization=plan.organization)
    return {
        number
        for some in inventory.chunks(numbers)
        for number in others.filter(number__in=some).values_list("number", flat=True)
    }


def _place(plan: Plan, known: _Known, number: str, row: Row, *, owned_elsewhere: bool) -> None:
    """Put one sane row where it belongs in the plan."""
    if owned_elsewhere:
        return _refuse(plan, row, "This number is owned already, by another organization of this portal.")
    try:
        values = _values(plan, known, number, row)
    except inventory.NotPossible as error:
        return _refuse(plan, row, str(error))
    did = known.dids.get(number)
    if did is None:
        plan.new.append(New(row.line, number, values))
    elif changes := _changes(did, values):
        kept = {name: values.get(name) for name in changes}
        words = {NAMES[name]: change for name, change in changes.items()}
        plan.changed.append(Change(row.line, did.pk, number, kept, words))
    else:
        plan.unchanged += 1
    return None


def _values(plan: Plan, known: _Known, number: str, row: Row) -> dict[str, Any]:
    """What the row says about the DID; what it leaves empty stays as it is. Raises NotPossible."""
    trunk = _trunk(plan, known, row["trunk"])
    team, agent = _people(known, row)
    label = row["label"]
    values = {
        "label": "" if _is_same_number(label, number) else label[:60],
        "tags": ", ".join(re.findall(r"[^\s,;\[\]\"'|][^,;\[\]\"'|]*", row["tags"]))[:200],
        "carrier_ref": row["carrier_ref"][:100],
        "trunk": trunk,
        "account": plan.account or (trunk.account if isinstance(trunk, Trunk) else None),
        "team": team,
        "agent": agent,
        "text_why": CANNOT_TEXT if _lacks_texts(row["capabilities"]) else "",
    }
    return {name: value for name, value in values.items() if value}


def _is_same_number(label: str, number: str) -> bool:
    """Twilio's friendly name is the number itself until somebody changes it."""
    return re.sub(r"\D", "", label) in (number[1:], number[2:])


def _lacks_texts(capabilities: str) -> bool:
    """`voice` or `{"voice": true, "SMS": false}`, but not an empty cell."""
    words = capabilities.casefold()
    return bool(words) and ("sms" not in words or re.search(r"sms\W+(?:false|no|0)\b", words) is not None)


def _trunk(plan: Plan, known: _Known, name: str) -> Trunk | str | None:
    """The trunk of that name; a name nobody has used yet becomes a new trunk."""
    name = name.strip()[:60]
    if not name:
        return plan.trunk
    if trunk := known.trunks.get(name.casefold()):
        return trunk
    first = next((new for new in plan.new_trunks if new.casefold() == name.casefold()), None)
    if first is None:
        plan.new_trunks.append(name)
    return first or name


def _people(known: _Known, row: Row) -> tuple[Team | None, Membership | None]:
    team = known.teams.get(row["team"].casefold())
    if row["team"] and team is None:
        raise inventory.NotPossible(f"There is no team '{row['team']}'.")
    agent = known.people.get(row["agent"].casefold())
    if row["agent"] and agent is None:
        raise inventory.NotPossible(f"Nobody here signs in as '{row['agent']}'.")
    if agent is not None:
        teams = list(agent.teams.all())
        team = team or (teams[0] if len(teams) == 1 else None)
        if team not in teams:
            raise inventory.NotPossible(f"{agent} is not in {team or 'exactly one team; name the team too'}.")
    return team, agent


def _changes(did: Did, values: dict[str, Any]) -> dict[str, tuple[str, str]]:
    changes = {}
    for name, after in values.items():
        before = getattr(did, name)
        if name == "text_why" and did.text_state != TextState.OFF:
            continue
        if before != after and not (isinstance(after, str) and str(before) == after):
            changes[name] = (str(before or ""), str(after))
    if "team" in changes and "agent" not in values and did.agent is not None:
        changes["agent"] = (str(did.agent), "")  # the agent of another team cannot keep it
    return changes


# --- Carrying out ---


@transaction.atomic
def apply_import(plan: Plan, *, by: User | None, source: str = "") -> None:
    """Do what the plan says, all of it or nothing. Raises Stale when the DIDs changed since."""
    Organization.objects.select_for_update().get(pk=plan.organization.pk)  # one import at a time
    trunks = _make_trunks(plan, by=by)
    created = _create(plan, trunks)
    assigned = [did for did in created if did.team_id] + _change(plan, trunks)
    inventory.write_assignments(((did.pk, did.team_id, did.agent_id) for did in assigned), by=by)
    _record(plan, by=by, source=source)
    ids = [did.pk for did in created] + [change.did_id for change in plan.changed]
    if ids:
        inventory.tell(plan.organization.pk, ids)


def _make_trunks(plan: Plan, *, by: User | None) -> dict[str, Trunk]:
    account = plan.account
    try:
        with transaction.atomic():
            made = [
                Trunk.objects.create(organization=plan.organization, name=name, account=account)
                for name in plan.new_trunks
            ]
    except IntegrityError:
        raise Stale("One of these trunks was added meanwhile.") from None
    audit.record_all(
        "trunks.trunk.added",
        ((trunk.name, {"trunk": trunk.pk}) for trunk in made),
        organization=plan.organization,
        by=by,
    )
    return {trunk.name: trunk for trunk in made}


def _resolved(values: dict[str, Any], trunks: dict[str, Trunk]) -> dict[str, Any]:
    trunk = values.get("trunk")
    return {**values, "trunk": trunks[trunk]} if isinstance(trunk, str) else values


def _create(plan: Plan, trunks: dict[str, Trunk]) -> list[Did]:
    rows = [Did(organization=plan.organization, number=new.number, **_resolved(new.values, trunks)) for new in plan.new]
    try:
        with transaction.atomic():
            return Did.objects.bulk_create(rows, batch_size=2_000)
    except IntegrityError:
        raise Stale("Some of these DIDs were added meanwhile.") from None


def _change(plan: Plan, trunks: dict[str, Trunk]) -> list[Did]:
    """Write the changed rows and return the reassigned; a DID that changes its account must be asked for again."""
    by_id = {change.did_id: _resolved(change.values, trunks) for change in plan.changed}
    rows = inventory.locked(Did(pk=did_id) for did_id in by_id)
    if len(rows) != len(by_id):
        raise Stale("Some of these DIDs were retired meanwhile.")
    by_account: dict[CarrierAccount, list[Did]] = {}
    for did in rows:
        if account := by_id[did.pk].get("account"):
            by_account.setdefault(account, []).append(did)
    for account, moved in by_account.items():
        inventory.move_to_account(moved, account)
    _write(rows, by_id)
    return [did for did in rows if by_id[did.pk].keys() & {"team", "agent"}]


def _write(rows: Sequence[Did], by_id: dict[int, dict[str, Any]]) -> None:
    """Rows that change the same fields share their statements."""
    by_fields: dict[tuple[str, ...], list[Did]] = {}
    for did in rows:
        values = {name: value for name, value in by_id[did.pk].items() if name != "account"}
        for name, value in values.items():
            setattr(did, name, value)
        if values:
            by_fields.setdefault(tuple(sorted(values)), []).append(did)
    for fields, dids in by_fields.items():
        Did.objects.bulk_update(dids, fields, batch_size=1_000)


def _record(plan: Plan, *, by: User | None, source: str) -> None:
    audit.record_all(
        "trunks.did.changed_by_import",
        ((change.number, {"did": change.did_id, "changes": change.changes}) for change in plan.changed),
        organization=plan.organization,
        by=by,
    )
    audit.record(
        "trunks.dids.imported",
        organization=plan.organization,
        by=by,
        subject=source or f"{len(plan.new) + len(plan.changed)} DIDs",
        new=len(plan.new),
        changed=len(plan.changed),
        unchanged=plan.unchanged,
        refused=len(plan.refused),
        account=str(plan.account.pk) if plan.account else None,
    )
