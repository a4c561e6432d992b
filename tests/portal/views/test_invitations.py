"""The page behind the one-time link."""

from collections.abc import Callable

import pytest
from allauth.account.models import EmailAddress
from django.test import Client

from portal import people
from portal.models import Membership, User
from portal.request_log import loggable
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
Invite = Callable[[str], str]  # an address -> the path of its link
PASSWORD = "a quiet harbour at night"


@pytest.fixture
def invite(house: House) -> Invite:
    def send(email: str) -> str:
        by = house.owner.user
        token = people.invite(organization=house.organization, email=email, role="agent", of=[house.sales], by=by)[1]
        return f"/invitation/{token}/"

    return send


def test_a_newcomer_sets_name_and_password_and_is_in(invite: Invite, house: House) -> None:
    browser, link = Client(), invite("new@north.example")
    assert "Join North Calls" in browser.get(link).content.decode()
    answer = browser.post(link, {"name": "Newcomer", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/north/inbox/")
    assert browser.get("/north/inbox/").status_code == 200
    member = Membership.objects.get(user__email="new@north.example")
    assert list(member.teams.all()) == [house.sales]
    again = Client().get(link)
    assert (again.status_code, "This link opens nothing" in again.content.decode()) == (404, True)


def test_the_new_session_ends_with_the_door(invite: Invite, house: House) -> None:
    browser = Client()
    browser.post(invite("new@north.example"), {"name": "Newcomer", "password": PASSWORD})
    people.deactivate(membership=Membership.objects.get(user__email="new@north.example"), by=house.owner.user)
    assert browser.get("/north/inbox/").headers["Location"] == "/accounts/login/?next=/north/inbox/"


def test_they_sign_in_with_the_password_they_chose(invite: Invite) -> None:
    Client().post(invite("new@north.example"), {"name": "Newcomer", "password": PASSWORD})
    browser = Client()
    answer = browser.post("/accounts/login/", {"login": "new@north.example", "password": PASSWORD})
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"name": "Newcomer", "password": "short"}, "This password is too short."),
        ({"name": "Newcomer", "password": "1234567890"}, "This password is too common."),
        ({"name": "Newcomer", "password": "new@north.example"}, "too similar to the"),
        ({"name": "", "password": PASSWORD}, "This field is required."),
    ],
)
def test_a_bad_answer_opens_no_account(invite: Invite, fields: dict[str, str], sentence: str) -> None:
    link = invite("new@north.example")
    answer = Client().post(link, fields)
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    assert not User.objects.filter(email="new@north.example").exists()
    assert Client().get(link).status_code == 200


def test_somebody_with_an_account_signs_in_and_joins(invite: Invite, house: House, other_house: House) -> None:
    link = invite("agent@south.example")
    answer = Client().get(link)
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/accounts/login/?next={link}")
    browser = sign_in(other_house.agent)
    assert "Join North Calls" in browser.get(link).content.decode()
    assert not house.organization.memberships.filter(user=other_house.agent.user).exists()
    assert browser.post(link).headers["Location"] == "/north/inbox/"
    assert browser.get("/north/inbox/").status_code == 200


def test_a_post_without_an_account_s_session_joins_nobody(invite: Invite, house: House, other_house: House) -> None:
    link = invite("agent@south.example")
    assert Client().post(link, {"name": "Thief", "password": PASSWORD}).status_code == 302
    assert house.organization.memberships.count() == 6
    assert not other_house.agent.user.check_password(PASSWORD)


def test_a_second_address_of_somebody_is_theirs_once_proven(invite: Invite, other_house: House) -> None:
    person = other_house.agent.user
    alias = EmailAddress.objects.create(user=person, email="alias@south.example", verified=False)
    link = invite("alias@south.example")
    assert sign_in(person).post(link, {"name": "", "password": ""}).status_code == 422  # the address is nobody's yet
    EmailAddress.objects.filter(pk=alias.pk).update(verified=True)
    assert Client().post(link, {"name": "Thief", "password": PASSWORD}).status_code == 302
    assert sign_in(person).post(link).headers["Location"] == "/north/inbox/"
    assert User.objects.filter(memberships__organization__slug="north").count() == 7


def test_the_wrong_person_is_told_whose_it_is(invite: Invite, house: House, other_house: House, outsider: User) -> None:
    link, browser = invite("agent@south.example"), sign_in(outsider)
    assert "This invitation is for somebody else" in browser.get(link).content.decode()
    assert browser.post(link).status_code == 409
    assert house.organization.memberships.count() == 6


def test_a_made_up_link_opens_nothing(db: None) -> None:
    assert Client().get("/invitation/made-up/").status_code == 404
    assert Client().post("/invitation/made-up/", {"name": "A", "password": PASSWORD}).status_code == 404


def test_the_log_never_holds_the_token(invite: Invite, caplog: pytest.LogCaptureFixture) -> None:
    link = invite("new@north.example")
    with caplog.at_level("INFO"):
        Client().get(link)
    assert "GET /invitation/…" in caplog.text
    assert link.split("/")[2] not in caplog.text


@pytest.mark.parametrize(
    ("path", "written"),
    [
        ("/invitation/abc/", "/invitation/…"),
        ("/m/abc", "/m/…"),
        ("/accounts/password/reset/key/1-abc/", "/accounts/password/reset/key/…"),
        ("/north/inbox/5/", "/north/inbox/5/"),
    ],
)
def test_what_is_logged_of_an_address(path: str, written: str) -> None:
    assert loggable(path) == written
