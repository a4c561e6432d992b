"""A new conversation."""

from uuid import uuid4

import pytest
from django.test import Client

from compliance import optout
from compliance.models import OptOut
from messaging.models import Contact, Conversation, Message
from tests.messaging.threads import make_did
from tests.people import House, sign_in
from trunks.models import Did

pytestmark = pytest.mark.django_db
NEW = "/north/inbox/new/"
CHOICES = {"HX-Request": "true", "HX-Target": "did-choices"}


@pytest.fixture
def did(house: House) -> Did:
    return make_did(house.organization, "+13125550001", house.sales, label="Front desk")


@pytest.fixture
def client(house: House) -> Client:
    return sign_in(house.agent)


def form(chosen: Did, **fields: object) -> dict[str, object]:
    return {"did": chosen.pk, "number": "(212) 555-0142", "body": "Hello", "key": uuid4().hex} | fields


@pytest.mark.parametrize(
    ("role", "status"),
    [("owner", 200), ("supervisor", 200), ("agent", 200), ("compliance_admin", 403), ("dialer_admin", 403)],
)
def test_who_may_begin(house: House, did: Did, role: str, status: int) -> None:
    client = sign_in(house.member(role))
    assert client.get(NEW).status_code == status
    assert client.post(NEW, form(did)).status_code == (302 if status == 200 else 403)
    assert Message.objects.count() == (1 if status == 200 else 0)


def test_a_stranger_finds_nothing(other_house: House, house: House, did: Did) -> None:
    stranger = sign_in(other_house.owner)
    assert stranger.get(NEW).status_code == 404
    assert stranger.post(NEW, form(did)).status_code == 404
    answer = stranger.post("/south/inbox/new/", form(did))
    assert answer.status_code == 200
    assert not Message.objects.exists()


def test_the_first_text_starts_the_thread(house: House, client: Client, did: Did) -> None:
    response = client.post(NEW, form(did))
    thread = Conversation.objects.get()
    assert (response.status_code, response["Location"]) == (302, f"/north/inbox/{thread.pk}/")
    assert (thread.number, thread.did, thread.assignee) == ("+12125550142", did, house.agent)
    assert Message.objects.get().body == "Hello"


def test_the_same_form_twice_sends_once(client: Client, did: Did) -> None:
    once = form(did)
    for _ in range(2):
        assert client.post(NEW, once).status_code == 302
    assert Message.objects.count() == 1


def test_a_form_gone_back_to_texts_the_other_person(client: Client, did: Did) -> None:
    first = form(did)
    assert client.post(NEW, first).status_code == 302
    assert client.post(NEW, first | {"number": "(212) 555-0143"}).status_code == 302
    assert list(Message.objects.order_by("pk").values_list("number", "body")) == [
        ("+12125550142", "Hello"),
        ("+12125550143", "Hello"),
    ]


def test_only_dids_that_this_person_may_text_from_are_offered(house: House, client: Client, did: Did) -> None:
    make_did(house.organization, "+13125550002", house.support)
    make_did(house.organization, "+13125550003", house.sales, text_state="off")
    make_did(house.organization, "+13125550004", house.sales, text_state="refused")
    make_did(house.organization, "+13125550005", house.sales, agent=house.supervisor)
    whole = client.get(NEW).content.decode()
    assert whole.count("<option") == 1
    assert f'<option value="{did.pk}">(312) 555-0001 · Front desk</option>' in whole


def test_a_did_of_another_team_is_no_choice(house: House, client: Client) -> None:
    theirs = make_did(house.organization, "+13125550002", house.support)
    make_did(house.organization, "+13125550001", house.sales)
    assert "You cannot text from this DID." in client.post(NEW, form(theirs)).content.decode()
    assert not Conversation.objects.exists()


def test_many_dids_are_searched(house: House, client: Client) -> None:
    for n in range(40):
        make_did(house.organization, f"+1312555{n:04d}", house.sales, label=f"Line {n:02d}")
    whole = client.get(NEW).content.decode()
    assert whole.count("<option value=") == 30 + 1
    assert "Find a DID" in whole
    part = client.get(NEW, {"did_q": "line 35"}, headers=CHOICES).content.decode()
    assert part.strip().startswith('<select id="did-choices"')
    assert part.count("<option") == 1
    assert "(312) 555-0035 · Line 35" in part
    assert "No DID matches" in client.get(NEW, {"did_q": "nothing"}, headers=CHOICES).content.decode()


def test_without_a_did_it_says_who_can_help(client: Client) -> None:
    assert "A dialer admin can change that under DIDs." in client.get(NEW).content.decode()


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({"number": "hello"}, "This is not a telephone number."),
        ({"number": ""}, "Write the customer&#x27;s number."),
        ({"number": "312 555 0001"}, "(312) 555-0001 is one of your own DIDs."),
        ({"body": ""}, "Write a text or add a picture."),
        ({"did": ""}, "Choose a DID."),
    ],
)
def test_errors_are_sentences_and_what_was_typed_stays(
    client: Client, did: Did, fields: dict[str, object], sentence: str
) -> None:
    whole = client.post(NEW, form(did, **fields)).content.decode()
    assert sentence in whole
    if "body" not in fields:
        assert ">Hello</textarea>" in whole
    part = client.post(NEW, form(did, **fields), headers={"HX-Request": "true", "HX-Target": "reply-errors"})
    assert sentence in part.content.decode()
    assert part["HX-Retarget"] == "#reply-errors"
    assert not Conversation.objects.exists()
    assert not Contact.objects.exists()


def test_a_refused_text_leaves_no_empty_thread(house: House, client: Client, did: Did) -> None:
    optout.record_opt_out(organization=house.organization, number="+12125550142", source=OptOut.Source.TEXT)
    assert "This person has opted out of texts." in client.post(NEW, form(did)).content.decode()
    assert not Conversation.objects.exists()
    assert not Message.objects.exists()


def test_number_and_did_can_come_with_the_address(client: Client, did: Did, house: House) -> None:
    make_did(house.organization, "+13125550000", house.sales, label="Another")
    whole = client.get(NEW, {"to": "+12125550142", "from": str(did.pk)}).content.decode()
    assert 'value="+12125550142"' in whole
    assert f'<option value="{did.pk}" selected>' in whole


def test_htmx_is_led_to_the_thread(client: Client, did: Did) -> None:
    response = client.post(NEW, form(did), headers={"HX-Request": "true", "HX-Target": "reply-errors"})
    assert response.status_code == 200
    assert f'"path": "/north/inbox/{Conversation.objects.get().pk}/"' in response["HX-Location"]
