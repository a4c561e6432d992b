"""The pages of legal holds, and what a thread says of one."""

import pytest
from django.test import Client

from compliance import holds
from compliance.models import LegalHold
from messaging.models import Conversation
from tests.messaging.threads import hear, make_did, make_thread
from tests.people import House, sign_in
from trunks.models import Did

pytestmark = pytest.mark.django_db
NUMBER, OURS = "+12125550142", "+13125550100"


@pytest.fixture
def thread(house: House) -> Conversation:
    found = make_thread(make_did(house.organization, OURS, house.sales), NUMBER)
    hear(found, "Hello")
    return found


@pytest.fixture
def browser(house: House) -> Client:
    return sign_in(house.compliance_admin)


@pytest.mark.parametrize(
    ("scope", "number", "our_number"),
    [("person", NUMBER, ""), ("conversation", NUMBER, OURS), ("did", "", OURS), ("everything", "", "")],
)
def test_each_kind_of_hold_is_placed(
    browser: Client, thread: Conversation, scope: str, number: str, our_number: str
) -> None:
    fields = {"scope": scope, "number": "(212) 555-0142", "our_number": "312-555-0100", "reason": "Letter"}
    answer = browser.post("/north/holds/new/", fields)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/north/holds/")
    hold = LegalHold.objects.get()
    assert (hold.number, hold.our_number, hold.reason) == (number, our_number, "Letter")
    shown = browser.get("/north/holds/").content.decode()
    assert "Held. Nothing of it is deleted until the hold is lifted." in shown
    assert "Letter" in shown
    assert ("(212) 555-0142" in shown) == bool(number)


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"scope": "person", "number": ""}, "Write the number that is held."),
        ({"scope": "person", "number": "12"}, "This number is too short."),
        ({"scope": "did", "our_number": "(312) 555-0199"}, "This is none of your DIDs, and never was."),
        ({"scope": "conversation", "number": NUMBER}, "Write the number that is held."),
        ({"scope": "everything", "reason": ""}, "This field is required."),
        ({"scope": "moon"}, "Select a valid choice."),
    ],
)
def test_what_is_missing_is_said_and_nothing_held(
    browser: Client, thread: Conversation, fields: dict[str, str], sentence: str
) -> None:
    answer = browser.post("/north/holds/new/", {"reason": "Letter"} | fields)
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    assert not LegalHold.objects.exists()


def test_a_retired_did_is_held_too(browser: Client, house: House) -> None:
    Did.objects.create(organization=house.organization, number=OURS, retired_at="2026-01-01T00:00Z")
    browser.post("/north/holds/new/", {"scope": "did", "our_number": OURS, "reason": "Letter"})
    assert LegalHold.objects.get().our_number == OURS


def test_a_did_of_another_house_is_none_of_yours(browser: Client, other_house: House) -> None:
    make_did(other_house.organization, OURS)
    assert browser.post("/north/holds/new/", {"scope": "did", "our_number": OURS, "reason": "x"}).status_code == 422


def test_lifting_asks_for_the_reason_and_the_page_keeps_both(browser: Client, house: House) -> None:
    hold = holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=NUMBER)
    address = f"/north/holds/{hold.pk}/"
    assert browser.post(address, {"why": " "}).status_code == 422
    assert holds.active(house.organization.pk).exists()
    assert browser.post(address, {"why": "Settled"}).status_code == 302
    assert not holds.active(house.organization.pk).exists()
    shown = browser.get(address).content.decode()
    assert "Letter" in shown
    assert "Settled" in shown
    assert "Lift the hold" not in shown
    browser.post(address, {"why": "Again"})
    assert "This hold was lifted already." in browser.get("/north/holds/").content.decode()


def test_those_that_hold_stand_before_those_that_were_lifted(browser: Client, house: House) -> None:
    numbers = [f"+1212555014{n}" for n in range(3)]
    placed = [
        holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=number)
        for number in numbers
    ]
    holds.lift(hold=placed[2], why="Settled", by=house.owner.user)
    shown = browser.get("/north/holds/").content.decode()
    places = [shown.index(f"(212) 555-014{n}") for n in (1, 0, 2)]
    assert places == sorted(places)


def test_the_thread_says_that_it_is_held(house: House, thread: Conversation, browser: Client) -> None:
    address = f"/north/inbox/{thread.pk}/"
    agent = sign_in(house.agent)
    assert "Legal hold" not in agent.get(address).content.decode()
    hold = holds.place(organization=house.organization, reason="Smith v. North", by=house.owner.user, number=NUMBER)
    shown = agent.get(address).content.decode()
    assert "No text or picture of this conversation is deleted." in shown
    assert "Smith v. North" not in shown
    assert "Place a legal hold" not in shown
    assert "Place another legal hold" in browser.get(address).content.decode()
    holds.lift(hold=hold, why="Settled", by=house.owner.user)
    assert "Legal hold" not in agent.get(address).content.decode()


def test_the_link_in_a_thread_fills_the_form(browser: Client, thread: Conversation) -> None:
    shown = browser.get(f"/north/holds/new/?number=%2B{NUMBER[1:]}&our_number=%2B{OURS[1:]}").content.decode()
    assert f'value="{NUMBER}"' in shown
    assert f'value="{OURS}"' in shown
