"""Where somebody lands who gives no page, or no organization."""

import pytest
from django.test import Client

from portal.models import Membership, Role, User
from tests.people import House, sign_in


@pytest.mark.parametrize(
    ("role", "page"),
    [
        (Role.AGENT, "/north/inbox/"),
        (Role.SUPERVISOR, "/north/inbox/"),
        (Role.DIALER_ADMIN, "/north/dids/"),
        (Role.COMPLIANCE_ADMIN, "/north/inbox/"),
        (Role.OWNER, "/north/inbox/"),
    ],
)
def test_an_organization_s_address_leads_to_the_start_page(house: House, role: Role, page: str) -> None:
    for address in ("/north/", "/"):
        answer = sign_in(house.member(role)).get(address)
        assert (answer.status_code, answer.headers["Location"]) == (302, page)


def test_whoever_is_no_member_finds_nothing(house: House, outsider: User) -> None:
    assert sign_in(outsider).get("/north/").status_code == 404
    assert sign_in(house.owner).get("/nowhere/").status_code == 404


def test_nobody_signs_in_first_and_comes_back(house: House) -> None:
    answer = Client().get("/north/")
    assert (answer.status_code, answer.headers["Location"]) == (302, "/accounts/login/?next=/north/")


def test_members_of_two_organizations_choose(house: House, other_house: House) -> None:
    Membership.objects.create(organization=other_house.organization, user=house.agent.user, role=Role.AGENT)
    browser = sign_in(house.agent)
    assert [url for _, url in browser.get("/").context["choices"]] == ["/north/inbox/", "/south/inbox/"]
    assert browser.get("/south/").headers["Location"] == "/south/inbox/"
