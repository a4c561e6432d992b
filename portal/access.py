"""Roles and what they may do. Every view names a permission; every query starts from a scope of this module."""

from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from typing import Any, Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.db.models import F, Q
from django.http import HttpRequest, HttpResponseBase

from portal.models import Membership, Organization, Role, User

P = ParamSpec("P")


class Can(StrEnum):
    """What a view may ask for."""

    ENTER = "enter"
    READ_THREADS = "read threads"
    TEXT = "text"
    MANAGE_THREADS = "assign and close threads of others"
    SEE_DIDS = "see DIDs"
    MANAGE_DIDS = "manage DIDs"
    MANAGE_CARRIERS = "manage carriers"
    MANAGE_OPT_OUTS = "manage opt-outs"
    MANAGE_HOLDS = "manage legal holds"
    MANAGE_RETENTION = "manage retention"
    MANAGE_PEOPLE = "manage people"
    SEE_HEALTH = "see health"
    SEE_AUDIT = "see the audit trail"


_AGENT = {Can.ENTER, Can.READ_THREADS, Can.TEXT}
_SUPERVISOR = _AGENT | {Can.MANAGE_THREADS, Can.MANAGE_OPT_OUTS, Can.SEE_DIDS}
PERMISSIONS: dict[Role, frozenset[Can]] = {
    Role.AGENT: frozenset(_AGENT),
    Role.SUPERVISOR: frozenset(_SUPERVISOR),
    Role.DIALER_ADMIN: frozenset({Can.ENTER, Can.SEE_DIDS, Can.MANAGE_DIDS, Can.MANAGE_CARRIERS, Can.SEE_HEALTH}),
    Role.COMPLIANCE_ADMIN: frozenset(
        {Can.ENTER, Can.READ_THREADS, Can.MANAGE_OPT_OUTS, Can.MANAGE_HOLDS, Can.SEE_DIDS, Can.SEE_AUDIT}
    ),
    Role.OWNER: frozenset(Can),
}


def may(membership: Membership, permission: Can) -> bool:
    return permission in PERMISSIONS[Role(membership.role)]


class MemberRequest(HttpRequest):
    """A request below /<slug>/: somebody signed in, and a member of the organization in the address."""

    user: User
    membership: Membership
    organization: Organization
    htmx: Any


View = Callable[Concatenate[MemberRequest, P], HttpResponseBase]


def needs(permission: Can) -> Callable[[View[P]], View[P]]:
    """Only members who have `permission`; everybody else in the organization gets a 403."""

    def wrap(view: View[P]) -> View[P]:
        @wraps(view)
        def checked(request: MemberRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not may(request.membership, permission):
                raise PermissionDenied(f"Your role may not {permission.value}.")
            return view(request, *args, **kwargs)

        checked.needs = permission  # type: ignore[attr-defined]
        return checked

    return wrap


def own_teams(membership: Membership) -> dict[int, bool]:
    """{team: whether its agents see only their own threads}. A request's member has brought them along."""
    known: dict[int, bool] | None = vars(membership).get(OWN_TEAMS)
    return dict(membership.teams.values_list("id", "own_threads_only")) if known is None else known


OWN_TEAMS, PLACES = "_own_teams", "_places"


def user_with_places(user_id: int) -> User | None:
    """The user, who brings along every active membership with its organization and teams. One query for members."""
    memberships = Membership.objects.select_related("organization", "user").filter(user=user_id, is_active=True)
    rows = list(memberships.annotate(team=F("teams__id"), own_only=F("teams__own_threads_only")).order_by("id"))
    user = rows[0].user if rows else User.objects.filter(pk=user_id).first()
    if user is not None:
        setattr(user, PLACES, _places(user, rows))
    return user


def _places(user: User, rows: list[Any]) -> dict[str, Membership]:
    """{slug: membership} of rows that hold a team each, or none."""
    places: dict[str, Membership] = {}
    for row in rows:
        member = places.setdefault(row.organization.slug, row)
        member.user = user
        teams = vars(member).setdefault(OWN_TEAMS, {})
        if row.team is not None:
            teams[row.team] = row.own_only
    return places


def member_of(slug: str, user: User) -> Membership | None:
    """This user's active membership in the organization, as it was when the user was loaded: once a request."""
    known: dict[str, Membership] | None = getattr(user, PLACES, None)
    if known is None:
        known = getattr(user_with_places(user.pk), PLACES, {})
    return known.get(slug)


def team_ids(membership: Membership) -> list[int]:
    return list(own_teams(membership))


def sees_every_thread(membership: Membership) -> bool:
    return membership.role in (Role.OWNER, Role.COMPLIANCE_ADMIN)


def visible_threads(membership: Membership) -> Q:
    """Which conversations a member sees: the table of people and threads, as a condition on a conversation.

    Agent: DIDs of own teams (only own threads where the team says so). Supervisor: own teams. Owner and compliance
    admin: all. Dialer admin: none.
    """
    within = Q(organization_id=membership.organization_id)
    if not may(membership, Can.READ_THREADS):
        return Q(pk__in=[])
    if sees_every_thread(membership):
        return within
    teams = own_teams(membership)
    own = Q(team_id__in=list(teams))
    restricted = [team_id for team_id, own_only in teams.items() if own_only]
    if membership.role == Role.AGENT and restricted:
        own &= Q(assignee=membership) | ~Q(team_id__in=restricted)
    return within & own


def textable_dids(membership: Membership) -> Q:
    """Which DIDs a member may text from, as a condition on a DID (state apart)."""
    within = Q(organization_id=membership.organization_id, retired_at=None)
    if not may(membership, Can.TEXT):
        return Q(pk__in=[])
    if membership.role == Role.OWNER:
        return within
    mine = Q(team_id__in=team_ids(membership))
    if membership.role == Role.AGENT:
        mine &= Q(agent=None) | Q(agent=membership)
    return within & mine


def audiences(membership: Membership) -> frozenset[str]:
    """Which live events a member's browser may hear of (see portal.live)."""
    heard = {"org", f"user:{membership.user_id}"}
    if sees_every_thread(membership):
        heard.add("team:*")
    elif may(membership, Can.READ_THREADS):
        heard.update(f"team:{team_id}" for team_id in team_ids(membership))
    return frozenset(heard)
