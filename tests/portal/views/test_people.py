"""The People page and its forms, as a browser uses them."""

from typing import Any

import pytest
from django.core import mail
from django.test import Client

from portal.models import Invitation, Membership, Role, Team
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def browser(house: House) -> Client:
    return sign_in(house.owner)


def test_the_page_shows_members_invitations_and_teams(browser: Client, house: House) -> None:
    browser.post("/north/people/invite/", {"email": "new@north.example", "role": "agent", "teams": [house.sales.pk]})
    page = browser.get("/north/people/").content.decode()
    for word in ("agent@north.example", "Compliance admin", "new@north.example", "Open until", "Sales", "Support"):
        assert word in page
    assert "south" not in page


def test_the_list_alone_is_fetched_when_people_change(browser: Client) -> None:
    part = browser.get("/north/people/", headers={"HX-Request": "true", "HX-Target": "people-lists"})
    assert "agent@north.example" in part.content.decode()
    assert "<html" not in part.content.decode()
    assert part.headers["Vary"] == "HX-Request, HX-Target, Cookie"


def test_an_invitation_is_mailed_and_the_link_seen_once(browser: Client, settings: Any) -> None:
    settings.EMBEDDED = True
    answer = browser.post("/north/people/invite/", {"email": "new@north.example", "role": "agent"})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/north/people/")
    (letter,) = mail.outbox
    assert letter.to == ["new@north.example"]
    assert letter.subject == "Your invitation to North Calls"
    link = next(line for line in letter.body.splitlines() if "/invitation/" in line)
    assert link in browser.get("/north/people/").content.decode()
    assert link not in browser.get("/north/people/").content.decode()
    assert Client().get(link).status_code == 200


def test_with_real_mail_the_link_is_for_the_invited_alone(browser: Client, settings: Any) -> None:
    settings.EMBEDDED = False
    browser.post("/north/people/invite/", {"email": "new@north.example", "role": "agent"})
    page = browser.get("/north/people/").content.decode()
    assert "An invitation is on its way to new@north.example." in page
    assert "/invitation/" not in page.replace("/people/invitations/", "")


def test_when_mail_fails_the_inviter_passes_the_link_on(
    browser: Client, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> int:
        raise ConnectionRefusedError

    settings.EMBEDDED = False
    monkeypatch.setattr("portal.views.invitations.send_mail", fail)
    browser.post("/north/people/invite/", {"email": "new@north.example", "role": "agent"})
    page = browser.get("/north/people/").content.decode()
    assert "The mail could not be sent." in page
    assert "http://127.0.0.1:8000/invitation/" in page


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"email": "nobody", "role": "agent"}, "Enter a valid email address."),
        ({"email": "new@north.example", "role": "king"}, "Select a valid choice."),
        ({"email": "agent@north.example", "role": "agent"}, "is already in this organization."),
    ],
)
def test_a_bad_invitation_says_why_and_sends_nothing(browser: Client, fields: dict[str, str], sentence: str) -> None:
    answer = browser.post("/north/people/invite/", fields)
    assert answer.status_code == 422
    assert sentence in answer.content.decode()
    assert (Invitation.objects.count(), mail.outbox) == (0, [])


def test_a_team_of_another_house_is_no_choice(browser: Client, house: House, other_house: House) -> None:
    fields = {"email": "new@north.example", "role": "agent", "teams": [other_house.sales.pk]}
    assert browser.post("/north/people/invite/", fields).status_code == 422
    answer = browser.post(f"/north/people/{house.agent.pk}/", {"role": "agent", "teams": [other_house.sales.pk]})
    assert answer.status_code == 422
    assert list(house.agent.teams.all()) == [house.sales]


def test_role_and_teams_are_changed(browser: Client, house: House) -> None:
    fields = {"role": "supervisor", "teams": [house.sales.pk, house.support.pk]}
    assert browser.post(f"/north/people/{house.agent.pk}/", fields).status_code == 302
    member = Membership.objects.get(pk=house.agent.pk)
    assert (member.role, member.teams.count()) == (Role.SUPERVISOR, 2)
    assert "agent@north.example is now supervisor." in browser.get("/north/people/").content.decode()


def test_the_last_owner_is_told_why_not(browser: Client, house: House) -> None:
    answer = browser.post(f"/north/people/{house.owner.pk}/", {"role": "agent"})
    assert (answer.status_code, "An organization needs an owner." in answer.content.decode()) == (422, True)
    browser.post(f"/north/people/{house.owner.pk}/deactivate/")
    assert "An organization needs an owner." in browser.get("/north/people/").content.decode()


def test_a_door_is_closed_and_opened(browser: Client, house: House) -> None:
    browser.post(f"/north/people/{house.agent.pk}/deactivate/")
    assert not Membership.objects.get(pk=house.agent.pk).is_active
    assert "Reactivate" in browser.get(f"/north/people/{house.agent.pk}/").content.decode()
    browser.post(f"/north/people/{house.agent.pk}/reactivate/")
    assert Membership.objects.get(pk=house.agent.pk).is_active


def test_an_invitation_is_withdrawn(browser: Client) -> None:
    browser.post("/north/people/invite/", {"email": "new@north.example", "role": "agent"})
    invitation = Invitation.objects.get()
    browser.post(f"/north/people/invitations/{invitation.pk}/withdraw/")
    invitation.refresh_from_db()
    assert invitation.withdrawn_at is not None
    assert "The invitation of new@north.example is withdrawn." in browser.get("/north/people/").content.decode()


def test_teams_are_kept(browser: Client, house: House) -> None:
    browser.post("/north/people/teams/new/", {"name": "Nights", "own_threads_only": "on"})
    team = Team.objects.get(name="Nights")
    assert (team.organization, team.own_threads_only) == (house.organization, True)
    again = browser.post("/north/people/teams/new/", {"name": "nights"})
    assert (again.status_code, "already a team of this name" in again.content.decode()) == (422, True)
    browser.post(f"/north/people/teams/{team.pk}/", {"name": "Late shift"})
    team.refresh_from_db()
    assert (team.name, team.own_threads_only) == ("Late shift", False)
    browser.post(f"/north/people/teams/{team.pk}/remove/")
    assert not Team.objects.filter(pk=team.pk).exists()


def test_acts_are_not_done_by_a_link(browser: Client, house: House) -> None:
    assert browser.get(f"/north/people/{house.agent.pk}/deactivate/").status_code == 405
    assert Membership.objects.get(pk=house.agent.pk).is_active
