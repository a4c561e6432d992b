"""A customer's text on its way into a thread."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from compliance.models import Suppression
from messaging import inbound, news
from messaging.models import Conversation, Message, ParkedText, ThreadNote
from tests.messaging.threads import hear, make_account, make_did, make_thread
from tests.people import House
from trunks.carriers.events import InboundMessage

pytestmark = pytest.mark.django_db
DID, CUSTOMER = "+13125550001", "+12125550142"


TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


def text(carrier_id: str = "in-1", to: str = DID, body: str = "Hello?", at: datetime = TEN) -> InboundMessage:
    return InboundMessage(carrier_id=carrier_id, from_number=CUSTOMER, to_number=to, body=body, at=at)


def test_a_thread_that_moves_with_its_did_leaves_its_former_assignee(house: House) -> None:
    did = make_did(house.organization, DID, house.sales)
    thread = make_thread(did, CUSTOMER, assignee=house.agent)
    type(did).objects.filter(pk=did.pk).update(team=house.support)
    assert inbound.receive(make_account(house.organization), text()) is not None
    thread.refresh_from_db()
    assert (thread.team, thread.assignee, thread.heard) == (house.support, None, 1)
    assert ThreadNote.objects.get().text == "Moved with its DID to Support"


def test_a_thread_that_stays_keeps_its_assignee(house: House) -> None:
    thread = make_thread(make_did(house.organization, DID, house.sales), CUSTOMER, assignee=house.agent)
    inbound.receive(make_account(house.organization), text())
    thread.refresh_from_db()
    assert (thread.team, thread.assignee, ThreadNote.objects.count()) == (house.sales, house.agent, 0)


def test_a_parked_text_waits_for_a_did_of_its_own_organization(house: House, other_house: House) -> None:
    account = make_account(house.organization)
    assert inbound.receive(account, text()) is None
    make_did(other_house.organization, DID)
    assert inbound.place_parked() == 0
    assert not Conversation.objects.exists()
    ours = make_did(house.organization, DID)
    assert inbound.place_parked() == 1
    assert Message.objects.get().conversation.did == ours


def test_a_parked_text_that_came_a_second_way_no_longer_waits(house: House) -> None:
    account = make_account(house.organization)
    inbound.receive(account, text())
    make_did(house.organization, DID)
    inbound.receive(account, text())  # the carrier tells it again, with the DID there now
    assert inbound.place_parked() == 1
    assert ParkedText.objects.filter(placed_at=None).count() == 0
    assert Message.objects.count() == 1


def test_a_start_that_a_newer_stop_has_overtaken_lifts_nothing_and_is_not_confirmed(house: House) -> None:
    account = make_account(house.organization)
    make_did(house.organization, DID, account=account)
    ten = timezone.now() - timedelta(minutes=1)  # a confirmation is sent within five minutes or not at all
    for event in (
        text("in-1", body="STOP", at=ten),
        text("in-2", body="STOP", at=ten + timedelta(seconds=50)),
        text("in-3", body="START", at=ten + timedelta(seconds=20)),
    ):
        inbound.hear_wishes(account, [event])
        inbound.receive(account, event)
    assert Suppression.objects.get().number == CUSTOMER
    assert Message.objects.filter(direction="out").count() == 1  # the STOP's confirmation
    assert ThreadNote.objects.latest("pk").kind == "start_too_old"
    newer = text("in-4", body="START", at=ten + timedelta(seconds=55))
    inbound.hear_wishes(account, [newer])
    inbound.receive(account, newer)
    assert not Suppression.objects.exists()
    assert Message.objects.filter(direction="out").latest("pk").body.endswith("HELP for help or STOP to stop.")


def test_a_text_whose_transaction_came_late_does_not_hide_a_newer_one(house: House) -> None:
    """Two workers write texts of one thread at once: the older one may reach the thread's row last."""
    thread = make_thread(make_did(house.organization, DID, house.sales), CUSTOMER)
    older, newer = hear(thread, "First."), hear(thread, "Second.")
    for message in (newer, older):
        Conversation.objects.filter(pk=thread.pk).update(**news.newest(message, preview=message.body))
    thread.refresh_from_db()
    assert (thread.last_message, thread.last_preview, thread.last_at) == (newer, "Second.", newer.created_at)
