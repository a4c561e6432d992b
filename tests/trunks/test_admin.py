"""The operator's admin."""

import pytest
from django.test import Client

from portal.models import User
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_trunk


@pytest.fixture
def operator(db: None) -> Client:
    return sign_in(User.objects.create_superuser("operator@portal.example"))


def test_nothing_secret_is_shown(house: House, operator: Client) -> None:
    account = make_account(house.organization)
    for path in ("", f"{account.pk}/change/"):
        page = operator.get(f"/admin/trunks/carrieraccount/{path}")
        assert page.status_code == 200
        text = page.content.decode()
        assert account.name in text
        assert "of-the-test-account" not in text
        assert "gAAAA" not in text  # nor its ciphertext


def test_dids_and_trunks_can_be_looked_up(house: House, operator: Client) -> None:
    did, trunk = make_did(house.organization), make_trunk(house.organization)
    assert "+13125550100" in operator.get("/admin/trunks/did/?q=3125550100").content.decode()
    assert operator.get(f"/admin/trunks/did/{did.pk}/change/").status_code == 200
    assert operator.get(f"/admin/trunks/trunk/{trunk.pk}/change/").status_code == 200
    assert operator.post(f"/admin/trunks/did/{did.pk}/delete/", {"post": "yes"}).status_code == 403


def test_the_admin_is_for_operators(house: House) -> None:
    assert sign_in(house.owner).get("/admin/trunks/did/").status_code == 302
