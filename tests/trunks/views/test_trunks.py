"""Trunks."""

from portal.models import AuditEvent
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_trunk
from trunks.models import Did, TextState, Trunk


def test_the_list_counts_what_is_on_them(house: House) -> None:
    account = make_account(house.organization)
    trunk = make_trunk(house.organization, account=account)
    make_did(house.organization, "+13125550100", trunk=trunk, account=account, text_state=TextState.ENABLED)
    make_did(house.organization, "+13125550101", trunk=trunk)
    (row,) = sign_in(house.supervisor).get("/north/dids/trunks/").context["trunks"]
    assert (row.did_count, row.texting) == (2, 1)


def test_a_trunk_is_added_once(house: House) -> None:
    client = sign_in(house.dialer_admin)
    client.post("/north/dids/trunks/new/", {"name": "Chicago"})
    again = client.post("/north/dids/trunks/new/", {"name": "chicago "})
    assert "Another trunk has this name." in again.content.decode()
    assert [trunk.name for trunk in Trunk.objects.all()] == ["Chicago"]
    assert AuditEvent.objects.get().action == "trunks.trunk.added"


def test_another_account_takes_the_dids_along(house: House) -> None:
    one, two = make_account(house.organization, "One"), make_account(house.organization, "Two")
    trunk = make_trunk(house.organization, account=one)
    make_did(house.organization, trunk=trunk, account=one, text_state=TextState.ENABLED)
    sign_in(house.dialer_admin).post(f"/north/dids/trunks/{trunk.pk}/", {"name": "Chicago", "account": two.pk})
    did = Did.objects.get()
    assert (did.account, did.text_state) == (two, TextState.OFF)


def test_a_foreign_account_is_no_choice(house: House, other_house: House) -> None:
    account = make_account(other_house.organization)
    page = sign_in(house.dialer_admin).post("/north/dids/trunks/new/", {"name": "X", "account": account.pk})
    assert "Select a valid choice" in page.content.decode()
    assert Trunk.objects.count() == 0
