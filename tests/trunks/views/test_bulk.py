"""What is done to picked DIDs."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.messages import get_messages

from portal.models import AuditEvent
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_dids, make_trunk
from trunks.models import Did, TextState

Act = Callable[..., tuple[str, str]]


@pytest.fixture
def act(house: House) -> Act:
    """Post an act as the dialer admin: (where it leads, the flash)."""
    client = sign_in(house.dialer_admin)

    def post(word: str, *dids: Did, **fields: Any) -> tuple[str, str]:
        response = client.post("/north/dids/act/", {"act": word, "pick": [did.pk for did in dids], **fields})
        flashes = [str(message) for message in get_messages(response.wsgi_request)]
        client.get("/north/carriers/")  # shows them, so that the next act starts without
        return response.headers.get("Location", str(response.status_code)), " ".join(flashes)

    return post


def test_texting_is_asked_for_and_switched_off(house: House, act: Act) -> None:
    one, two = make_dids(house.organization, 2, account=make_account(house.organization))
    where, flash = act("text-on", one, two, filter="state=off&page=2")
    assert (where, flash) == (
        "/north/dids/?state=off&page=2",
        "Asking the carrier to switch texting on for 2 DIDs.",
    )
    assert set(Did.objects.values_list("text_state", flat=True)) == {TextState.PENDING}
    assert act("text-off", one)[1] == "Texting is off for 1 DID."
    assert Did.objects.get(pk=one.pk).text_state == TextState.OFF


def test_a_did_without_a_carrier_says_what_is_missing(house: House, act: Act) -> None:
    _, flash = act("text-on", make_did(house.organization))
    assert flash == (
        "1 DID cannot text: No carrier account texts for this DID: put it on a trunk with one first."
    )  # fmt: skip


def test_assigning_offers_an_undo(house: House, act: Act) -> None:
    dids = make_dids(house.organization, 3)
    client = sign_in(house.dialer_admin)
    response = client.post(
        "/north/dids/act/",
        {"act": "assign", "pick": [did.pk for did in dids], "assign_to": f"{house.sales.pk}:{house.agent.pk}"},
    )
    (message,) = get_messages(response.wsgi_request)
    assert str(message) == "3 DIDs assigned to agent@north.example (Sales)."
    assert set(Did.objects.values_list("agent", flat=True)) == {house.agent.pk}
    assert message.extra_tags is not None
    assert sign_in(house.owner).post(message.extra_tags).status_code == 404  # an undo is for the one who did it
    client.post(message.extra_tags)
    assert set(Did.objects.values_list("team", "agent")) == {(None, None)}


def test_all_that_match_the_filter(house: House, act: Act) -> None:
    make_dids(house.organization, 150)
    other = make_did(house.organization, "+12065550100", label="Other")
    assert act("assign", all="1", filter="q=555", assign_to=str(house.sales.pk))[1] == "151 DIDs assigned to Sales."
    act("assign", all="1", filter="q=other", assign_to="nobody")
    assert Did.objects.get(pk=other.pk).team is None
    assert Did.objects.filter(team=house.sales).count() == 150


def test_putting_on_a_trunk(house: House, act: Act) -> None:
    trunk, did = make_trunk(house.organization), make_did(house.organization)
    assert act("trunk", did, trunk=trunk.pk)[1] == "1 DID put on Chicago."
    assert Did.objects.get().trunk == trunk
    assert act("trunk", did, trunk="none")[1] == "1 DID taken off their trunk."


def test_retiring_asks_once(house: House, act: Act) -> None:
    one, two = make_dids(house.organization, 2)
    assert act("retire", one, two) == ("200", "")
    assert Did.objects.current().count() == 2
    assert act("retire", one, two, confirmed="1")[0] == "200"  # confirmed for another number of them
    assert act("retire", one, two, confirmed="2", filter="") == (
        "/north/dids/", "2 DIDs retired. Their threads stay.",
    )  # fmt: skip
    assert Did.objects.current().count() == 0


def test_what_makes_no_sense_changes_nothing(house: House, other_house: House, act: Act) -> None:
    did, foreign = make_did(house.organization), make_did(other_house.organization, "+12065550100")
    assert act("assign", did)[1] == "Choose a team or an agent."
    assert act("assign", did, assign_to="1;drop")[1] == "Choose a team or an agent."
    assert act("assign", did, assign_to=str(other_house.sales.pk))[0] == "404"
    assert act("assign", did, assign_to=f"{house.sales.pk}:{other_house.agent.pk}")[0] == "404"
    assert act("trunk", did)[1] == "Choose a trunk."
    assert act("trunk", did, trunk=make_trunk(other_house.organization).pk)[0] == "404"
    assert act("text-on")[1] == "Nothing is selected."
    assert act("text-on", foreign)[1] == "Nothing is selected."
    assert act("retire", foreign, confirmed="1")[1] == "Nothing is selected."
    assert act("dance", did)[0] == "400"
    assert AuditEvent.objects.count() == 0
    assert Did.objects.current().filter(team=None, trunk=None).count() == 2


def test_an_act_from_one_dids_page_leads_back_to_it(house: House, act: Act) -> None:
    did = make_did(house.organization)
    assert act("assign", did, did=did.pk, assign_to=str(house.sales.pk))[0] == f"/north/dids/{did.pk}/"
