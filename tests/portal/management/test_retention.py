"""`manage.py retention`."""

from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from compliance import holds
from messaging.models import Message, RetentionRun
from tests.messaging.old import heard_long_ago, old_webhook
from tests.messaging.threads import make_did, make_thread
from tests.people import House


def command(*words: str) -> str:
    out = StringIO()
    call_command("retention", *words, stdout=out)
    return out.getvalue()


@pytest.fixture
def both(house: House, other_house: House) -> None:
    for place in (house, other_house):
        thread = make_thread(make_did(place.organization, "+13125550001"), "+12125550101")
        heard_long_ago(thread)
        old_webhook(thread, 31)


def test_a_dry_run_deletes_nothing(both: None) -> None:
    words = "would delete: words of 1 text, 1 raw webhook"
    assert command("--dry-run") == f"north: {words}\nsouth: {words}\n"
    assert Message.objects.filter(redacted_at=None).count() == 2
    assert not RetentionRun.objects.exists()


def test_one_organization_is_run_to_its_end(both: None) -> None:
    assert command("--org", "north") == "north: deleted: words of 1 text, 1 raw webhook\n"
    assert command("--org", "north") == "north: deleted: nothing\n"
    assert Message.objects.get(redacted_at=None).organization.slug == "south"


def test_a_hold_counts_here_too(both: None, house: House) -> None:
    holds.place(organization=house.organization, reason="Letter", by=house.owner.user)
    assert command("--org", "north") == "north: deleted: nothing\n"


def test_an_unknown_organization_is_a_sentence(both: None) -> None:
    with pytest.raises(CommandError, match=r"There is no organization 'west'\."):
        command("--org", "west")
