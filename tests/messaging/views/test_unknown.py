"""Texts to numbers that are no DIDs: shown to the dialer admin, not what they say."""

import pytest
from django.test import Client

from messaging import inbound
from messaging.models import Message, ParkedText
from portal.models import Role
from tests.messaging.threads import make_account, make_did
from tests.people import House
from trunks.carriers.events import InboundMessage


def park(house: House, carrier_id: str = "text-1") -> InboundMessage:
    event = InboundMessage(
        carrier_id=carrier_id, from_number="+12125552000", to_number="+13055550142", body="Is anybody there?"
    )
    inbound.receive(make_account(house.organization), event)
    return event


def page(client: Client, house: House, role: Role) -> tuple[int, str]:
    client.force_login(house.member(role).user)
    answer = client.get(f"/{house.slug}/dids/unknown/")
    return answer.status_code, answer.content.decode()


def test_the_dialer_admin_sees_the_number_and_not_the_words(client: Client, house: House) -> None:
    park(house)
    status, words = page(client, house, Role.DIALER_ADMIN)
    assert status == 200
    assert "(305) 555-0142" in words
    assert "Is anybody there?" not in words


def test_an_agent_may_not_look(client: Client, house: House) -> None:
    assert page(client, house, Role.AGENT)[0] == 403


def test_nothing_waits(client: Client, house: House) -> None:
    assert "No unknown numbers" in page(client, house, Role.OWNER)[1]


def test_another_organizations_texts_are_not_shown(client: Client, house: House, other_house: House) -> None:
    park(other_house)
    assert "(305) 555-0142" not in page(client, house, Role.OWNER)[1]


def test_they_become_a_conversation_once_the_did_is_there(house: House) -> None:
    park(house)
    park(house)
    assert (ParkedText.objects.count(), inbound.place_parked()) == (1, 0)
    make_did(house.organization, "+13055550142")
    assert inbound.place_parked() == 1
    message = Message.objects.get()
    assert (message.body, message.conversation.number) == ("Is anybody there?", "+12125552000")
    assert inbound.place_parked() == 0


@pytest.mark.parametrize(
    "path", ["/admin/messaging/delivery/", "/admin/messaging/message/", "/admin/compliance/optout/"]
)
def test_the_operators_admin_shows_no_bodies(client: Client, house: House, path: str) -> None:
    park(house)
    house.owner.user.is_staff = house.owner.user.is_superuser = True
    house.owner.user.save()
    client.force_login(house.owner.user)
    answer = client.get(path)
    assert answer.status_code == 200
    assert b"Is anybody there?" not in answer.content
