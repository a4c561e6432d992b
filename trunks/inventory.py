"""What happens to DIDs that the call center already has: who works with them, on which trunk they are, when they leave.

Reading them from a file is in `imports`, asking a carrier about them in `texting`. Every function takes DIDs of one
organization and leaves retired ones alone.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import TypeVar

from django.db import transaction
from django.db.models import Model
from django.utils import timezone

from portal import audit, live
from portal.models import AuditEvent, Membership, Organization, Team, User
from trunks.models import CarrierAccount, Did, DidAssignment, TextState, Trunk

T = TypeVar("T")
MANY = 200  # more ids than this make no useful news: screens fetch what they show anyway
MOVED = "Moved to another carrier account: switch texting on again."


class NotPossible(ValueError):
    """The change makes no sense. Its words are a sentence for the person who asked."""


def chunks(items: Sequence[T], size: int = 10_000) -> Iterator[Sequence[T]]:
    """Slices small enough for one statement's parameters."""
    return (items[start : start + size] for start in range(0, len(items), size))


def key(row: Model | None) -> int | None:
    return None if row is None else row.pk


def tell(organization_id: int, did_ids: Sequence[int]) -> None:
    """Open DID lists fetch their rows again."""
    live.publish(organization_id, "org", "dids", did_ids if len(did_ids) <= MANY else [])


def locked(dids: Iterable[Did]) -> list[Did]:
    """The rows as they are now, held until the transaction ends, in one order so that no two writers deadlock."""
    ids = sorted(did.pk for did in dids)
    return [
        did
        for some in chunks(ids)
        for did in Did.objects.current().select_for_update().filter(pk__in=some).order_by("pk")
    ]


def update(dids: Sequence[Did], **values: object) -> None:
    """The same values for all of them, in few statements."""
    for some in chunks([did.pk for did in dids]):
        Did.objects.filter(pk__in=some).update(**values)


# --- Who works with them ---


@transaction.atomic
def assign(dids: Iterable[Did], *, team: Team | None, agent: Membership | None, by: User | None) -> AuditEvent | None:
    """Give DIDs to a team, or to one agent of it, or (both None) to nobody.

    The event it returns is what `undo_assignment` takes; None when nothing changed. Raises NotPossible.
    """
    changed = [
        did
        for did in locked(dids)
        if (did.team_id, did.agent_id) != (key(team), key(agent))
    ]  # fmt: skip
    if not changed:
        return None
    _check_assignment(changed[0].organization_id, team, agent)
    before = _by_assignment(changed)
    update(changed, team=team, agent=agent)
    write_assignments(((did.pk, key(team), key(agent)) for did in changed), by=by)
    tell(changed[0].organization_id, [did.pk for did in changed])
    return audit.record(
        "trunks.dids.assigned",
        organization=changed[0].organization,
        by=by,
        subject=f"{len(changed)} DIDs to {agent or team or 'nobody'}" if len(changed) > 1 else changed[0].number,
        team=key(team),
        agent=key(agent),
        given_to=str(agent or team or "nobody"),
        before=before,
    )


def _check_assignment(organization_id: int, team: Team | None, agent: Membership | None) -> None:
    if team is not None and team.organization_id != organization_id:
        raise NotPossible("This team belongs to another organization.")
    if agent is None:
        return
    if agent.organization_id != organization_id or not agent.is_active:
        raise NotPossible("This agent is no active member of the organization.")
    if team is None or not agent.teams.filter(pk=team.pk).exists():
        raise NotPossible(f"{agent} is not in {team or 'any chosen team'}, so the DID's threads would be out of reach.")


def _by_assignment(dids: Sequence[Did]) -> list[dict[str, object]]:
    """[{team, agent, dids}]: what an undo needs, each pair once."""
    groups: dict[tuple[int | None, int | None], list[int]] = {}
    for did in dids:
        groups.setdefault((did.team_id, did.agent_id), []).append(did.pk)
    return [{"team": team, "agent": agent, "dids": ids} for (team, agent), ids in groups.items()]


def write_assignments(rows: Iterable[tuple[int, int | None, int | None]], *, by: User | None) -> None:
    """The history behind `Did.team` and `Did.agent`: (did, team, agent) ids."""
    DidAssignment.objects.bulk_create(
        (DidAssignment(did_id=did, team_id=team, agent_id=agent, by=by) for did, team, agent in rows), batch_size=2_000
    )


@transaction.atomic
def undo_assignment(event: AuditEvent, *, by: User | None) -> int:
    """Give DIDs back to whom they were taken from, unless assigned anew since. Returns how many went back."""
    restored: list[int] = []
    for group in event.data["before"]:
        team = Team.objects.filter(pk=group["team"], organization=event.organization).first()
        agent = Membership.objects.filter(pk=group["agent"], organization=event.organization, is_active=True).first()
        if agent is not None and (team is None or not agent.teams.filter(pk=team.pk).exists()):
            agent = None  # no longer in the team: the DID's threads would be out of reach
        dids = [
            did
            for did in locked(Did.objects.filter(pk__in=group["dids"], organization=event.organization))
            if (did.team_id, did.agent_id) == (event.data["team"], event.data["agent"])
        ]
        update(dids, team=team, agent=agent)
        write_assignments(((did.pk, key(team), key(agent)) for did in dids), by=by)
        restored += [did.pk for did in dids]
    if restored and event.organization_id:
        audit.record(
            "trunks.dids.assignment_undone",
            organization=event.organization,
            by=by,
            subject=event.subject,
            event=event.pk,
            dids=len(restored),
        )
        tell(event.organization_id, restored)
    return len(restored)


# --- Where they are ---


@transaction.atomic
def put_on_trunk(dids: Iterable[Did], *, trunk: Trunk | None, by: User | None) -> int:
    """Put DIDs on a trunk, and on the account that texts for it; None takes them off. Returns how many changed.

    Texting is switched off for those that move to another carrier account: the new one has not been asked.
    """
    changed = [did for did in locked(dids) if did.trunk_id != (key(trunk)) or _moves(did, trunk)]
    if not changed:
        return 0
    if trunk is not None and trunk.organization_id != changed[0].organization_id:
        raise NotPossible("This trunk belongs to another organization.")
    update(changed, trunk=trunk)
    if trunk is not None and trunk.account is not None:
        move_to_account([did for did in changed if _moves(did, trunk)], trunk.account)
    audit.record_all(
        "trunks.did.put_on_trunk",
        ((did.number, {"did": did.pk, "before": did.trunk_id, "trunk": key(trunk)}) for did in changed),
        organization=changed[0].organization,
        by=by,
    )
    tell(changed[0].organization_id, [did.pk for did in changed])
    return len(changed)


def _moves(did: Did, trunk: Trunk | None) -> bool:
    return trunk is not None and trunk.account_id is not None and did.account_id != trunk.account_id


def move_to_account(dids: Sequence[Did], account: CarrierAccount) -> None:
    """Change the account; what another carrier said about texting no longer holds."""
    texting = [did for did in dids if did.text_state != TextState.OFF]
    update(texting, text_state=TextState.OFF, text_why=MOVED, text_changed_at=timezone.now(), text_ask_at=None)
    update(dids, account=account, mms=False)


@transaction.atomic
def retire(dids: Iterable[Did], *, by: User | None) -> int:
    """The DIDs left the call center. Their rows and threads stay; a number that comes back is a new row."""
    leaving = locked(dids)
    if not leaving:
        return 0
    now = timezone.now()
    update(
        leaving, retired_at=now, text_state=TextState.OFF, text_why="Retired.", text_changed_at=now, text_ask_at=None
    )
    audit.record_all(
        "trunks.did.retired",
        ((did.number, {"did": did.pk}) for did in leaving),
        organization=leaving[0].organization,
        by=by,
    )
    tell(leaving[0].organization_id, [did.pk for did in leaving])
    return len(leaving)


@transaction.atomic
def relabel(did: Did, *, label: str, tags: str, by: User | None) -> None:
    """Change what people call a DID."""
    before = {"label": did.label, "tags": did.tags}
    after = {"label": label, "tags": tags}
    if before == after:
        return
    update([did], **after)
    audit.record(
        "trunks.did.relabeled", organization=did.organization, by=by, subject=did.number, before=before, after=after
    )
    tell(did.organization_id, [did.pk])


# --- What upper tables write down ---


@transaction.atomic
def set_text_state(dids: Iterable[Did], state: TextState, why: str = "", *, by: User | None = None) -> int:
    """Write down whether DIDs can text, and why not. Returns how many changed.

    Only `texting.request_texting` makes DIDs pending.
    """
    if state == TextState.PENDING:
        raise ValueError("Use texting.request_texting: a pending DID must be asked for.")
    changed = [did for did in locked(dids) if (did.text_state, did.text_why) != (state, why[:300])]
    if not changed:
        return 0
    update(changed, text_state=state, text_why=why[:300], text_changed_at=timezone.now(), text_ask_at=None)
    record_text_state(changed[0].organization, [(did, state, why) for did in changed], by=by)
    return len(changed)


def record_text_state(
    organization: Organization, changes: Sequence[tuple[Did, TextState, str]], *, by: User | None
) -> None:
    """Audit and news of changed text states."""
    for state in TextState:
        rows = [(did, why) for did, new, why in changes if new == state]
        audit.record_all(
            f"trunks.did.text_{state.value}",
            ((did.number, {"did": did.pk, "before": did.text_state, "why": why[:300]}) for did, why in rows),
            organization=organization,
            by=by,
        )
    tell(organization.pk, [did.pk for did, _, _ in changes])


@transaction.atomic
def set_health(dids: Iterable[Did], why: str) -> int:
    """Write down what is wrong with the DIDs' registration; "" when nothing is. Returns how many changed."""
    changed = [did for did in locked(dids) if did.health_why != why[:300]]
    if changed:
        update(changed, health_why=why[:300])
        tell(changed[0].organization_id, [did.pk for did in changed])
    return len(changed)
