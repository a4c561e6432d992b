"""The standing people: two call centers with one person of each role, and an outsider who belongs to neither.

In every house the agent and the supervisor are in team `sales`, a second agent is in team `support`, and the owner and
the two admins are in no team.
"""

from dataclasses import dataclass

import pytest
from django.test import Client

from compliance.models import TextingPolicy
from portal.models import Membership, Organization, Role, Team, User


@dataclass(frozen=True, slots=True)
class House:
    """An organization with its teams and one membership of each role."""

    organization: Organization
    sales: Team
    support: Team
    owner: Membership
    supervisor: Membership
    agent: Membership
    dialer_admin: Membership
    compliance_admin: Membership
    second_agent: Membership

    @property
    def slug(self) -> str:
        return self.organization.slug

    def member(self, role: Role | str) -> Membership:
        """The standing member of that role: `house.member(Role.AGENT)`."""
        membership: Membership = getattr(self, Role(role).value)
        return membership


def add_member(organization: Organization, role: Role | str, *teams: Team, email: str = "") -> Membership:
    """One more person; the address tells role and house unless given."""
    email = email or f"{Role(role).value.replace('_', '-')}@{organization.slug}.example"
    user = User.objects.create_user(email)
    membership = Membership.objects.create(organization=organization, user=user, role=Role(role))
    membership.teams.set(teams)
    return membership


def make_house(slug: str, name: str) -> House:
    organization = Organization.objects.create(slug=slug, name=name)
    # The suite runs at any hour of the day; what keeps hours says so itself.
    TextingPolicy.objects.create(organization=organization, any_time=True, attestation="Nobody real is texted.")
    sales = Team.objects.create(organization=organization, name="Sales")
    support = Team.objects.create(organization=organization, name="Support")
    return House(
        organization=organization,
        sales=sales,
        support=support,
        owner=add_member(organization, Role.OWNER),
        supervisor=add_member(organization, Role.SUPERVISOR, sales),
        agent=add_member(organization, Role.AGENT, sales),
        dialer_admin=add_member(organization, Role.DIALER_ADMIN),
        compliance_admin=add_member(organization, Role.COMPLIANCE_ADMIN),
        second_agent=add_member(organization, Role.AGENT, support, email=f"second-agent@{slug}.example"),
    )


def sign_in(who: Membership | User) -> Client:
    """A browser in which this person is signed in."""
    client = Client()
    client.force_login(who.user if isinstance(who, Membership) else who, backend="portal.accounts.Backend")
    return client


@pytest.fixture
def house(db: None) -> House:
    """The call center of the test."""
    return make_house("north", "North Calls")


@pytest.fixture
def other_house(db: None) -> House:
    """A foreign one, of the same shape."""
    return make_house("south", "South Calls")


@pytest.fixture
def outsider(db: None) -> User:
    """Somebody who can sign in and is a member of nothing."""
    return User.objects.create_user("outsider@elsewhere.example")
