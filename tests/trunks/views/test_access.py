"""Every page of the telephone side: who may open it, and that foreign ids are not there."""

import uuid
from dataclasses import dataclass

import pytest
from django.urls import reverse

from portal.models import AuditEvent, Role, User
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_trunk
from trunks import inventory, uploads

ADMINS = {Role.OWNER, Role.DIALER_ADMIN}
SEERS = ADMINS | {Role.SUPERVISOR, Role.COMPLIANCE_ADMIN}

# name -> (method, who may, ids)
PAGES: dict[str, tuple[str, set[Role], tuple[str, ...]]] = {
    "dids": ("get", SEERS, ()),
    "did": ("get", SEERS, ("did",)),
    "did-label": ("post", ADMINS, ("did",)),
    "dids-act": ("post", ADMINS, ()),
    "dids-undo": ("post", ADMINS, ("event",)),
    "dids-import": ("get", ADMINS, ()),
    "dids-import-plan": ("get", ADMINS, ("upload",)),
    "dids-import-refused": ("get", ADMINS, ("upload",)),
    "trunks": ("get", SEERS, ()),
    "trunk-add": ("get", ADMINS, ()),
    "trunk": ("get", ADMINS, ("trunk",)),
    "carriers": ("get", ADMINS, ()),
    "carrier-choose": ("get", ADMINS, ()),
    "carrier-connect": ("get", ADMINS, ("kind",)),
    "carrier": ("get", ADMINS, ("account",)),
    "carrier-check": ("post", ADMINS, ("account",)),
    "carrier-numbers": ("post", ADMINS, ("account",)),
}


@dataclass(frozen=True)
class Things:
    """One of everything an address may name."""

    did: int
    event: int
    upload: uuid.UUID
    trunk: int
    account: uuid.UUID
    kind: str = "sandbox"


def make_things(house: House) -> Things:
    account = make_account(house.organization)
    did = make_did(house.organization, "+13125550100" if house.slug == "north" else "+17735550100")
    event = inventory.assign([did], team=house.sales, agent=None, by=house.owner.user)
    assert event is not None
    upload = uploads.keep(house.organization, name="a.csv", data=b"number\n3125550150\n", account=None, trunk=None)
    return Things(did.pk, event.pk, upload, make_trunk(house.organization).pk, account.pk)


def status(who: object, house: House, name: str, things: Things) -> int:
    method, _, ids = PAGES[name]
    url = reverse(name, args=[house.slug, *(getattr(things, one) for one in ids)])
    return int(getattr(sign_in(who), method)(url).status_code)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PAGES)
def test_only_those_who_may_come_in(house: House, name: str) -> None:
    things = make_things(house)
    for role in Role:
        found = status(house.member(role), house, name, things)
        assert (found != 403) == (role in PAGES[name][1]), (role, found)
        assert found < 500


@pytest.mark.parametrize("name", PAGES)
def test_strangers_find_nothing(house: House, other_house: House, outsider: User, name: str) -> None:
    things = make_things(house)
    assert status(other_house.owner, house, name, things) == 404
    assert status(outsider, house, name, things) == 404


@pytest.mark.parametrize("name", [name for name, (_, _, ids) in PAGES.items() if ids and ids != ("kind",)])
def test_foreign_ids_are_not_there(house: House, other_house: House, name: str) -> None:
    foreign = make_things(other_house)
    events = AuditEvent.objects.count()
    assert status(house.owner, house, name, foreign) == 404
    assert AuditEvent.objects.count() == events


def test_an_unknown_kind_of_carrier_is_not_there(house: House) -> None:
    assert sign_in(house.owner).get(reverse("carrier-connect", args=[house.slug, "nobody"])).status_code == 404
