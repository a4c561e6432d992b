"""People of an organization: invitations, roles, teams, and doors that close at once.

Every change is audited in its own transaction and ends the person's event streams: no screen outlives a right, and no
conversation stays with somebody who can no longer answer it.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any

from allauth.account.models import EmailAddress
from allauth.account.signals import password_changed, password_reset, password_set
from allauth.usersessions.models import UserSession
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Lower
from django.db.models.signals import post_delete
from django.dispatch import receiver
from django.utils import timezone

from messaging import conversations
from portal import audit, live
from portal.models import Invitation, Membership, Organization, Role, Team, User

INVITATION_LASTS = timedelta(days=7)


class Refused(Exception):
    """A change that may not be made. The text is a sentence for the person who tried."""


# --- Reading ---


def members(organization: Organization) -> QuerySet[Membership]:
    """Everybody, those who may enter first, by name."""
    return (
        Membership.objects.filter(organization=organization)
        .select_related("user")
        .prefetch_related("teams")
        .order_by("-is_active", Lower("user__name"), "user__email")
    )


def pending(organization: Organization) -> QuerySet[Invitation]:
    """Invitations not yet used or withdrawn, expired ones too: their inviter should see that they are."""
    open_ones = Invitation.objects.filter(organization=organization, used_at=None, withdrawn_at=None)
    return open_ones.prefetch_related("teams").order_by("-created_at")


def teams(organization: Organization) -> QuerySet[Team]:
    """Teams with `people` (who may enter) and `number_count` (current DIDs)."""
    return organization.teams.annotate(
        people=Count("members", filter=Q(members__is_active=True), distinct=True),
        number_count=Count("dids", filter=Q(dids__retired_at=None), distinct=True),
    )


# --- Invitations ---


@transaction.atomic
def invite(
    *, organization: Organization, email: str, role: str, of: Collection[Team] = (), by: User | None
) -> tuple[Invitation, str]:
    """A one-time link for `email`: the invitation and its token, which is nowhere kept. Earlier ones are withdrawn.

    Raises Refused when the person is a member already.
    """
    email = email.strip().lower()
    member = Membership.objects.filter(organization=organization, user__email__iexact=email).first()
    if member is not None:
        hint = "" if member.is_active else " Reactivate them instead."
        raise Refused(f"{email} is already in this organization.{hint}")
    pending(organization).filter(email__iexact=email).update(withdrawn_at=timezone.now())
    token = secrets.token_urlsafe(32)
    invitation = Invitation.objects.create(
        organization=organization,
        email=email,
        role=role,
        token_hash=_hash(token),
        invited_by=by,
        expires_at=timezone.now() + INVITATION_LASTS,
    )
    invitation.teams.set(of)
    data = {"role": role, "teams": _ids(of)}
    audit.record("portal.invitation.sent", organization=organization, by=by, subject=email, **data)
    _tell(organization.pk)
    return invitation, token


@transaction.atomic
def withdraw(*, invitation: Invitation, by: User) -> None:
    """The link opens nothing any more. Raises Refused when it was used a moment ago."""
    unused = Invitation.objects.filter(pk=invitation.pk, used_at=None, withdrawn_at=None)
    if not unused.update(withdrawn_at=timezone.now()):
        raise Refused("This invitation was already used or withdrawn.")
    _record("portal.invitation.withdrawn", invitation.organization, by, invitation.email)


def find_invitation(token: str) -> Invitation | None:
    """The invitation that `token` opens now; None when it is unknown, used, withdrawn or too old."""
    return (
        Invitation.objects.select_related("organization")
        .filter(token_hash=_hash(token), used_at=None, withdrawn_at=None, expires_at__gt=timezone.now())
        .first()
    )


def has_account(email: str) -> bool:
    """Whether somebody signs in with this address, or has proven it to be one of theirs."""
    return (
        User.objects.filter(email__iexact=email).exists()
        or EmailAddress.objects.filter(email__iexact=email, verified=True).exists()
    )


def owns(user: User, email: str) -> bool:
    """Whether this is the person's address, or another one that they have proven."""
    proven = EmailAddress.objects.filter(user=user, email__iexact=email, verified=True)
    return user.email.lower() == email.lower() or proven.exists()


@transaction.atomic
def accept(*, invitation: Invitation, user: User) -> Membership:
    """`user`, whose address was invited, joins. Raises Refused when the link was used in the meantime."""
    unused = Invitation.objects.filter(pk=invitation.pk, used_at=None, withdrawn_at=None)
    if not unused.update(used_at=timezone.now()):
        raise Refused("This invitation was already used or withdrawn.")
    if not owns(user, invitation.email):
        raise Refused(f"This invitation is for {invitation.email}.")
    membership, is_new = Membership.objects.get_or_create(
        organization=invitation.organization, user=user, defaults={"role": invitation.role}
    )
    if not is_new:
        raise Refused("You are already in this organization.")
    membership.teams.set(invitation.teams.all())
    _record("portal.member.joined", invitation.organization, user, user, role=membership.role)
    return membership


@transaction.atomic
def accept_as_new(*, invitation: Invitation, name: str, password: str) -> Membership:
    """Open an account for the invited address, and join. Raises Refused."""
    if has_account(invitation.email):
        raise Refused("You already have an account here. Sign in, then open the link again.")
    return accept(invitation=invitation, user=create_account(email=invitation.email, name=name, password=password))


def create_account(*, email: str, name: str, password: str) -> User:
    """An account whose address counts as proven: the invitation was sent there."""
    user = User.objects.create_user(email, password, name=name)
    EmailAddress.objects.create(user=user, email=user.email, verified=True, primary=True)
    return user


# --- Organizations ---


@transaction.atomic
def add_organization(*, name: str, slug: str, owner: str) -> str:
    """An organization whose first owner is invited by address; returns the token of the link.

    Raises ValidationError for a name or slug that cannot be.
    """
    organization = Organization(name=name, slug=slug)
    organization.full_clean()
    organization.save()
    audit.record("portal.organization.added", organization=organization, by=None, subject=name)
    return invite(organization=organization, email=owner, role=Role.OWNER, by=None)[1]


# --- Members ---


@transaction.atomic
def change(*, membership: Membership, role: str, of: Collection[Team], by: User) -> None:
    """Give another role and teams. Raises Refused when no owner would be left."""
    before = {"role": membership.role, "teams": _ids(membership.teams.all())}
    after = {"role": role, "teams": _ids(of)}
    if before == after:
        return
    if role != Role.OWNER:
        _keep_an_owner(membership)
    membership.role = role
    membership.save(update_fields=["role"])
    membership.teams.set(of)
    _record("portal.member.changed", membership.organization, by, membership.user, before=before, after=after)
    conversations.let_go(membership, by=by)
    live.access_changed(membership.user_id, organization_id=membership.organization_id)


@transaction.atomic
def deactivate(*, membership: Membership, by: User) -> None:
    """Close the door. Whoever has no other door is signed out everywhere. Raises Refused for the last owner."""
    _keep_an_owner(membership)
    if not Membership.objects.filter(pk=membership.pk, is_active=True).update(is_active=False):
        return
    membership.is_active = False
    _record("portal.member.deactivated", membership.organization, by, membership.user)
    conversations.let_go(membership, by=by)
    live.access_changed(membership.user_id, organization_id=membership.organization_id)
    if not Membership.objects.filter(user_id=membership.user_id, is_active=True).exists():
        for session in UserSession.objects.filter(user_id=membership.user_id):
            session.end()


@transaction.atomic
def reactivate(*, membership: Membership, by: User) -> None:
    if Membership.objects.filter(pk=membership.pk, is_active=False).update(is_active=True):
        _record("portal.member.reactivated", membership.organization, by, membership.user)


def _keep_an_owner(membership: Membership) -> None:
    """Raises Refused when `membership` is the last door of an owner. Two who step down at once wait for each other."""
    Organization.objects.select_for_update().get(pk=membership.organization_id)
    owners = Membership.objects.filter(organization=membership.organization_id, role=Role.OWNER, is_active=True)
    if set(owners.values_list("pk", flat=True)) == {membership.pk}:
        raise Refused("An organization needs an owner. Make somebody else one first.")


# --- Teams ---


@transaction.atomic
def add_team(*, organization: Organization, name: str, own_threads_only: bool, by: User) -> Team:
    team = Team.objects.create(organization=organization, name=name, own_threads_only=own_threads_only)
    _record("portal.team.added", organization, by, name, own_threads_only=own_threads_only)
    return team


@transaction.atomic
def change_team(*, team: Team, name: str, own_threads_only: bool, by: User) -> None:
    before = {"name": team.name, "own_threads_only": team.own_threads_only}
    after = {"name": name, "own_threads_only": own_threads_only}
    if before == after:
        return
    Team.objects.filter(pk=team.pk).update(**after)
    _record("portal.team.changed", team.organization, by, name, before=before, after=after)
    _let_go(team)


@transaction.atomic
def remove_team(*, team: Team, by: User) -> None:
    """Raises Refused while DIDs or threads belong to it: nobody but the owner would see them any more."""
    related: Any = team
    if related.dids.filter(retired_at=None).exists():
        raise Refused(f"{team.name} still has DIDs. Give them to another team first.")
    if related.conversations.exists():
        raise Refused(
            f"{team.name} still has conversations. They move when their DIDs do and the customer writes again."
        )
    _let_go(team)
    _record("portal.team.removed", team.organization, by, team.name)
    team.delete()


def _let_go(team: Team) -> None:
    """What the people of a team see has changed."""
    for user_id in team.members.filter(is_active=True).values_list("user_id", flat=True):
        live.access_changed(user_id, organization_id=team.organization_id)


# --- Sessions ---


@receiver(user_logged_in)
def _signed_in(sender: object, request: Any, **_: object) -> None:
    """allauth lists the sessions of its own sign-in page; those of an invitation and the admin are listed here."""
    if hasattr(request, "user"):
        UserSession.objects.create_from_request(request)


@receiver(user_logged_out)
def _signed_out(sender: object, request: Any, user: User | None, **_: object) -> None:
    key = getattr(request.session, "session_key", None)
    if user is not None and key:
        # Django deletes the session after this signal; a page that starts anew at once must not find it.
        request.session.delete(key)
        live.access_changed(user.pk, sessions=[key])


@receiver(post_delete, sender=UserSession)
def _session_ended(sender: object, instance: UserSession, **_: object) -> None:
    live.access_changed(instance.user_id, sessions=[instance.session_key])


@receiver([password_changed, password_reset, password_set])
def _password_changed(sender: object, user: User, **_: object) -> None:
    live.access_changed(user.pk)  # a new password ends the other sessions


def _record(action: str, organization: Organization, by: User, subject: object, **data: object) -> None:
    audit.record(action, organization=organization, by=by, subject=subject, **data)
    _tell(organization.pk)


def _tell(organization_id: int) -> None:
    live.publish(organization_id, "org", "people")


def _ids(rows: Iterable[Team]) -> list[int]:
    return sorted(row.pk for row in rows)


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
