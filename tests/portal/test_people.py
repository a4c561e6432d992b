"""Invitations, roles, teams and doors that close."""

from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.usersessions.models import UserSession
from django.core.exceptions import ValidationError
from django.test import Client
from django.utils import timezone

from messaging.models import Conversation
from portal import people
from portal.models import AuditEvent, Invitation, LiveEvent, Membership, Organization, Role, Team, User
from tests.messaging.threads import make_did, make_thread
from tests.people import House, add_member, sign_in

pytestmark = pytest.mark.django_db
PASSWORD = "a quiet harbour at night"


def invite(house: House, email: str = "new@north.example", role: str = Role.AGENT) -> tuple[Invitation, str]:
    return people.invite(organization=house.organization, email=email, role=role, of=[house.sales], by=house.owner.user)


def actions() -> list[str]:
    return list(AuditEvent.objects.order_by("id").values_list("action", flat=True))


def ended_for(member: Membership) -> int:
    return LiveEvent.objects.filter(audience=f"user:{member.user_id}", kind="access").count()


# --- Invitations ---


def test_the_link_opens_an_account_with_role_and_teams(house: House) -> None:
    invitation, token = invite(house, " New@North.example ")
    assert invitation.email == "new@north.example"
    assert token not in invitation.token_hash
    assert invitation.expires_at - timezone.now() > timedelta(days=6, hours=23)
    found = people.find_invitation(token)
    assert found == invitation
    member = people.accept_as_new(invitation=invitation, name="Newcomer", password=PASSWORD)
    assert (member.role, list(member.teams.all()), member.user.name) == (Role.AGENT, [house.sales], "Newcomer")
    assert member.user.check_password(PASSWORD)
    assert EmailAddress.objects.get(user=member.user).verified
    assert actions() == ["portal.invitation.sent", "portal.member.joined"]


def test_a_link_works_once(house: House) -> None:
    invitation, token = invite(house)
    people.accept_as_new(invitation=invitation, name="Newcomer", password=PASSWORD)
    assert people.find_invitation(token) is None
    with pytest.raises(people.Refused, match="already used or withdrawn"):
        people.accept(invitation=invitation, user=User.objects.create_user("new2@north.example"))
    assert house.organization.memberships.count() == 7


def test_a_link_is_good_for_seven_days(house: House) -> None:
    invitation, token = invite(house)
    Invitation.objects.update(expires_at=timezone.now() + timedelta(seconds=5))
    assert people.find_invitation(token) == invitation
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=5))
    assert people.find_invitation(token) is None


def test_a_withdrawn_link_opens_nothing(house: House) -> None:
    invitation, token = invite(house)
    people.withdraw(invitation=invitation, by=house.owner.user)
    assert people.find_invitation(token) is None
    with pytest.raises(people.Refused, match="already used or withdrawn"):
        people.withdraw(invitation=invitation, by=house.owner.user)
    assert actions() == ["portal.invitation.sent", "portal.invitation.withdrawn"]


def test_a_second_invitation_replaces_the_first(house: House) -> None:
    _, first = invite(house)
    _, second = invite(house, "NEW@north.example", Role.SUPERVISOR)
    assert people.find_invitation(first) is None
    found = people.find_invitation(second)
    assert found is not None
    assert found.role == Role.SUPERVISOR
    assert people.pending(house.organization).count() == 1


def test_a_member_is_not_invited_again(house: House) -> None:
    with pytest.raises(people.Refused, match=r"^agent@north.example is already in this organization.$"):
        invite(house, "Agent@north.example")
    people.deactivate(membership=house.agent, by=house.owner.user)
    with pytest.raises(people.Refused, match="Reactivate them instead"):
        invite(house, "agent@north.example")
    assert Invitation.objects.count() == 0


def test_somebody_else_cannot_use_the_link(house: House, outsider: User) -> None:
    invitation, token = invite(house)
    with pytest.raises(people.Refused, match="This invitation is for new@north.example"):
        people.accept(invitation=invitation, user=outsider)
    assert people.find_invitation(token) == invitation
    assert not outsider.memberships.exists()


def test_somebody_of_another_house_joins_with_the_account_they_have(house: House, other_house: House) -> None:
    invitation, _ = invite(house, "agent@south.example")
    with pytest.raises(people.Refused, match="You already have an account here"):
        people.accept_as_new(invitation=invitation, name="Again", password=PASSWORD)
    joined = people.accept(invitation=invitation, user=other_house.agent.user)
    assert joined.organization == house.organization
    assert other_house.agent.user.memberships.count() == 2


# --- Members ---


def test_another_role_and_other_teams_are_audited_and_end_the_streams(house: House) -> None:
    people.change(membership=house.agent, role=Role.SUPERVISOR, of=[house.support], by=house.owner.user)
    house.agent.refresh_from_db()
    assert (house.agent.role, list(house.agent.teams.all())) == (Role.SUPERVISOR, [house.support])
    event = AuditEvent.objects.get()
    assert (event.action, event.by, event.subject) == ("portal.member.changed", house.owner.user, "agent@north.example")
    assert event.data == {
        "before": {"role": "agent", "teams": [house.sales.pk]},
        "after": {"role": "supervisor", "teams": [house.support.pk]},
    }
    assert ended_for(house.agent) == 1


def test_no_change_is_no_news(house: House) -> None:
    people.change(membership=house.agent, role=Role.AGENT, of=[house.sales], by=house.owner.user)
    assert (actions(), LiveEvent.objects.count()) == ([], 0)


def test_the_last_owner_stays(house: House) -> None:
    with pytest.raises(people.Refused, match="needs an owner"):
        people.change(membership=house.owner, role=Role.AGENT, of=[], by=house.owner.user)
    with pytest.raises(people.Refused, match="needs an owner"):
        people.deactivate(membership=house.owner, by=house.owner.user)
    house.owner.refresh_from_db()
    assert (house.owner.role, house.owner.is_active, actions()) == (Role.OWNER, True, [])
    second = add_member(house.organization, Role.OWNER, email="owner2@north.example")
    people.deactivate(membership=house.owner, by=second.user)
    with pytest.raises(people.Refused, match="needs an owner"):
        people.deactivate(membership=second, by=second.user)


def test_whoever_is_deactivated_is_signed_out_everywhere(house: House) -> None:
    house.agent.user.set_password(PASSWORD)
    house.agent.user.save()
    browsers = [Client(), Client()]
    for browser in browsers:
        browser.post("/accounts/login/", {"login": house.agent.user.email, "password": PASSWORD})
    assert [browser.get("/north/inbox/").status_code for browser in browsers] == [200, 200]
    people.deactivate(membership=house.agent, by=house.owner.user)
    answers = [browser.get("/north/inbox/") for browser in browsers]
    assert [(answer.status_code, answer.headers["Location"]) for answer in answers] == [
        (302, "/accounts/login/?next=/north/inbox/")
    ] * 2
    assert not UserSession.objects.filter(user=house.agent.user).exists()
    assert ended_for(house.agent) >= 1


@pytest.mark.parametrize("how", ["deactivated", "another team", "another role"])
def test_whoever_can_no_longer_answer_leaves_no_thread_behind(house: House, how: str) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    thread = make_thread(did, "+12125550142", assignee=house.agent)
    match how:
        case "deactivated":
            people.deactivate(membership=house.agent, by=house.owner.user)
        case "another team":
            people.change(membership=house.agent, role=Role.AGENT, of=[house.support], by=house.owner.user)
        case _:
            people.change(membership=house.agent, role=Role.DIALER_ADMIN, of=[house.sales], by=house.owner.user)
    thread.refresh_from_db()
    assert thread.assignee is None
    assert thread.notes.get().text == "agent@north.example can no longer answer this; it is the team's again"
    what = "portal.member.deactivated" if how == "deactivated" else "portal.member.changed"
    assert actions() == [what, "messaging.thread.assigned"]


def test_whoever_may_still_answer_keeps_the_threads(house: House) -> None:
    thread = make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550142")
    Conversation.objects.filter(pk=thread.pk).update(assignee=house.agent)
    people.change(membership=house.agent, role=Role.SUPERVISOR, of=[house.sales], by=house.owner.user)
    with pytest.raises(people.Refused):
        people.deactivate(membership=house.owner, by=house.owner.user)
    thread.refresh_from_db()
    assert thread.assignee == house.agent


def test_whoever_has_another_house_stays_signed_in_there(house: House, other_house: House) -> None:
    Membership.objects.create(organization=other_house.organization, user=house.agent.user, role=Role.AGENT)
    browser = sign_in(house.agent)
    people.deactivate(membership=house.agent, by=house.owner.user)
    assert browser.get("/north/inbox/").status_code == 404
    assert browser.get("/south/inbox/").status_code == 200


def test_a_door_opens_again(house: House) -> None:
    people.deactivate(membership=house.agent, by=house.owner.user)
    people.reactivate(membership=house.agent, by=house.owner.user)
    people.reactivate(membership=house.agent, by=house.owner.user)
    house.agent.refresh_from_db()
    assert house.agent.is_active
    assert actions() == ["portal.member.deactivated", "portal.member.reactivated"]


# --- Teams ---


def test_teams_are_added_changed_and_removed(house: House) -> None:
    team = people.add_team(organization=house.organization, name="Nights", own_threads_only=False, by=house.owner.user)
    team.members.add(house.agent)
    people.change_team(team=team, name="Late shift", own_threads_only=True, by=house.owner.user)
    team.refresh_from_db()
    assert (team.name, team.own_threads_only, ended_for(house.agent)) == ("Late shift", True, 1)
    people.remove_team(team=team, by=house.owner.user)
    assert not Team.objects.filter(name="Late shift").exists()
    assert actions() == ["portal.team.added", "portal.team.changed", "portal.team.removed"]


def test_a_team_with_dids_is_not_removed(house: House) -> None:
    house.sales.dids.create(organization=house.organization, number="+13125550100")  # type: ignore[attr-defined]
    with pytest.raises(people.Refused, match="Sales still has DIDs"):
        people.remove_team(team=house.sales, by=house.owner.user)
    assert Team.objects.filter(pk=house.sales.pk).exists()


def test_reading_people_costs_the_same_for_many(house: House, django_assert_num_queries: object) -> None:
    for number in range(30):
        add_member(house.organization, Role.AGENT, house.sales, email=f"a{number}@north.example")
    with django_assert_num_queries(2):  # type: ignore[operator]
        assert len([[team.name for team in member.teams.all()] for member in people.members(house.organization)]) == 36
    with django_assert_num_queries(1):  # type: ignore[operator]
        counted = {team.name: (team.people, team.number_count) for team in people.teams(house.organization)}
    assert counted == {"Sales": (32, 0), "Support": (1, 0)}


# --- Organizations and sessions ---


def test_an_organization_starts_with_an_invited_owner(db: None) -> None:
    token = people.add_organization(name="Blue Harbor", slug="blue-harbor", owner="boss@blue.example")
    invitation = people.find_invitation(token)
    assert invitation is not None
    assert (invitation.role, invitation.organization.slug) == (Role.OWNER, "blue-harbor")
    with pytest.raises(ValidationError, match="already exists"):
        people.add_organization(name="Blue Harbor", slug="blue-harbor", owner="boss@blue.example")
    with pytest.raises(ValidationError, match="address of the portal itself"):
        people.add_organization(name="Live", slug="live", owner="boss@blue.example")
    assert Organization.objects.count() == 1


def test_a_new_password_ends_the_streams_of_the_person(house: House) -> None:
    user = house.agent.user
    user.set_password(PASSWORD)
    user.save()
    browser = sign_in(house.agent)
    fields = {"oldpassword": PASSWORD, "password1": PASSWORD + "!", "password2": PASSWORD + "!"}
    assert browser.post("/accounts/password/change/", fields).status_code == 302
    assert ended_for(house.agent) == 1
