"""The DID list and one DID."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from portal.models import AuditEvent
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_dids, make_trunk
from trunks import inventory
from trunks.models import Did, TextState


def listed(client: Client, query: str = "") -> list[str]:
    page: Any = client.get(f"/north/dids/{query}").context["page"]
    return [did.number for did in page]


@pytest.fixture
def three(house: House) -> tuple[Did, Did, Did]:
    account, trunk = make_account(house.organization), make_trunk(house.organization)
    one = make_did(house.organization, "+13125550100", label="Front desk", team=house.sales, agent=house.agent)
    two = make_did(house.organization, "+13125550101", trunk=trunk, account=account, text_state=TextState.ENABLED)
    three = make_did(
        house.organization, "+17735550102", tags="q3, west", text_state=TextState.REFUSED, text_why="Ported."
    )
    return one, two, three


def test_filters_stand_in_the_address(house: House, three: tuple[Did, Did, Did]) -> None:
    client = sign_in(house.dialer_admin)
    one, two, three_ = (did.number for did in three)
    assert listed(client) == [one, two, three_]
    assert listed(client, "?q=front") == [one]
    assert listed(client, "?q=(312) 555-01") == [one, two]
    assert listed(client, "?q=west") == [three_]
    assert listed(client, "?q=%25") == []
    assert listed(client, f"?team={house.sales.pk}") == [one]
    assert listed(client, "?team=none&state=refused") == [three_]
    assert listed(client, f"?trunk={three[1].trunk_id}") == [two]
    assert listed(client, "?state=enabled") == [two]
    assert listed(client, "?state=nonsense&team=x'&trunk=-1&page=zz") == [one, two, three_]


def test_what_a_row_says(house: House, three: tuple[Did, Did, Did]) -> None:
    text = sign_in(house.dialer_admin).get("/north/dids/").content.decode()
    for words in ("(312) 555-0100", "Front desk", "agent@north.example, Sales", "Refused", "Ported.", "Chicago"):
        assert words in text
    assert "1 of 3 text, 1 refused" in text


def test_those_who_only_look_get_no_buttons(house: House, three: tuple[Did, Did, Did]) -> None:
    for path in ("/north/dids/", f"/north/dids/{three[2].pk}/", "/north/dids/trunks/"):
        seen = sign_in(house.supervisor).get(path).content.decode()
        assert 'name="act"' not in seen
        assert 'name="pick"' not in seen
        assert "Import DIDs" not in seen
        assert "Add a trunk" not in seen


def test_retired_and_foreign_dids_are_not_listed(house: House, other_house: House) -> None:
    make_did(other_house.organization)
    gone = make_did(house.organization, "+13125550101")
    inventory.retire([gone], by=None)
    client = sign_in(house.owner)
    assert listed(client) == []
    assert "No DIDs yet" in client.get("/north/dids/").content.decode()
    assert "Retired" in client.get(f"/north/dids/{gone.pk}/").content.decode()


def test_htmx_gets_the_part_it_asks_for(house: House, three: tuple[Did, Did, Did]) -> None:
    client = sign_in(house.dialer_admin)
    one = three[0]
    rows = client.get(f"/north/dids/?pick={one.pk}", headers={"HX-Request": "true", "HX-Target": "did-rows"})
    text = rows.content.decode()
    assert text.lstrip().startswith("<tbody")
    assert text.count(" checked>") == 1
    assert f"pick={one.pk}" not in text  # the ticks do not enter the address
    assert {"HX-Request", "HX-Target"} <= {word.strip() for word in rows["Vary"].split(",")}
    whole_list = client.get("/north/dids/?q=front", headers={"HX-Request": "true", "HX-Target": "did-list"})
    assert whole_list.content.decode().lstrip().startswith("<form")


def test_a_page_holds_a_hundred(house: House) -> None:
    make_dids(house.organization, 150)
    client = sign_in(house.dialer_admin)
    assert (len(listed(client)), len(listed(client, "?page=2")), len(listed(client, "?page=99"))) == (100, 50, 50)


def test_the_number_of_queries_does_not_grow(house: House) -> None:
    client = sign_in(house.dialer_admin)

    def queries() -> int:
        with CaptureQueriesContext(connection) as seen:
            client.get("/north/dids/")
        return len(seen)

    account, trunk = make_account(house.organization), make_trunk(house.organization)
    make_did(house.organization, "+12065550100", account=account, trunk=trunk, team=house.sales, agent=house.agent)
    few = queries()
    make_dids(house.organization, 99, account=account, trunk=trunk, team=house.support, agent=house.second_agent)
    make_trunk(house.organization, "Other")
    assert queries() == few
    assert few <= 10


def test_one_did_tells_its_story(house: House) -> None:
    did = make_did(house.organization, account=make_account(house.organization))
    inventory.assign([did], team=house.sales, agent=house.agent, by=house.dialer_admin.user)
    inventory.set_text_state([did], TextState.REFUSED, "Ported out.", by=house.owner.user)
    response = sign_in(house.dialer_admin).get(f"/north/dids/{did.pk}/")
    assert [(one.words, one.why, one.by) for one in response.context["events"]] == [
        ("Texting refused", "Ported out.", house.owner.user),
        ("Assigned", "", house.dialer_admin.user),
    ]
    assert [one.agent for one in response.context["assignments"]] == [house.agent]
    text = response.content.decode()
    assert "Try again" in text
    assert "Ported out." in text


def test_a_label_is_changed_and_audited(house: House) -> None:
    did = make_did(house.organization)
    client = sign_in(house.dialer_admin)
    client.post(f"/north/dids/{did.pk}/label/", {"label": "Front desk", "tags": "q3"})
    did.refresh_from_db()
    assert (did.label, did.tags) == ("Front desk", "q3")
    assert AuditEvent.objects.get().data["after"] == {"label": "Front desk", "tags": "q3"}
    too_long = client.post(f"/north/dids/{did.pk}/label/", {"label": "x" * 61, "tags": ""})
    assert "at most 60 characters" in too_long.content.decode()
    did.refresh_from_db()
    assert did.label == "Front desk"
