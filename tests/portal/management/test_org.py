"""`manage.py org add`."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.test import Client

from portal.models import Invitation, Membership, Organization

pytestmark = pytest.mark.django_db


def test_it_prints_the_link_with_which_the_owner_comes_in(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("org", "add", "Blue Harbor", "--owner", "Boss@blue.example")
    link = capsys.readouterr().out.strip()
    assert link.startswith("http://127.0.0.1:8000/invitation/")
    browser = Client()
    browser.post(link, {"name": "Newcomer", "password": "a quiet harbour at night"})
    member = Membership.objects.get()
    assert (member.organization.slug, member.role, member.user.email) == ("blue-harbor", "owner", "boss@blue.example")
    assert browser.get("/blue-harbor/people/").status_code == 200


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["Blue", "--owner", "nobody"], "Enter a valid email address."),
        (["Live", "--owner", "boss@blue.example"], "'live' is an address of the portal itself"),
        (["Blue", "--owner", "boss@blue.example", "--slug", "a b"], "slug: Enter a valid"),
        (["North Calls", "--owner", "boss@blue.example", "--slug", "taken"], "already exists"),
    ],
)
def test_a_refusal_is_a_sentence_and_status_1(
    words: list[str], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Organization.objects.create(slug="taken", name="Taken")
    with pytest.raises(SystemExit) as ended:
        call_command("org", "add", *words)
    assert ended.value.code == 1
    assert sentence in capsys.readouterr().err
    assert (Organization.objects.count(), Invitation.objects.count()) == (1, 0)


def test_wrong_usage_is_another_matter() -> None:
    with pytest.raises(CommandError, match="the following arguments are required: --owner"):
        call_command("org", "add", "Blue")
