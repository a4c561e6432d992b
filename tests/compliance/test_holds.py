"""Legal holds: placed, lifted, told apart."""

import pytest

from compliance import holds
from compliance.models import LegalHold
from portal.models import AuditEvent, LiveEvent
from tests.people import House

NUMBER, OURS = "+12125550142", "+13125550100"


def place(house: House, **what: str) -> LegalHold:
    return holds.place(organization=house.organization, reason="Letter", by=house.compliance_admin.user, **what)


def test_a_hold_says_what_why_and_by_whom(house: House) -> None:
    hold = place(house, number=NUMBER)
    hold.refresh_from_db()
    assert (hold.number, hold.our_number, hold.reason, hold.by) == (NUMBER, "", "Letter", house.compliance_admin.user)
    event = AuditEvent.objects.get(action="retention.hold.placed")
    assert (event.by, event.subject) == (house.compliance_admin.user, NUMBER)
    assert event.data == {"hold": hold.pk, "number": NUMBER, "our_number": "", "why": "Letter"}
    assert LiveEvent.objects.filter(kind="holds", audience="org").count() == 1


def test_a_hold_is_lifted_once(house: House) -> None:
    hold = place(house)
    assert holds.holds_everything(house.organization.pk)
    holds.lift(hold=hold, why="Settled", by=house.owner.user)
    assert list(holds.active(house.organization.pk)) == []
    assert not holds.holds_everything(house.organization.pk)
    with pytest.raises(holds.NotHeld, match="lifted already"):
        holds.lift(hold=hold, why="Again", by=house.owner.user)
    event = AuditEvent.objects.get(action="retention.hold.lifted")
    assert (event.by, event.data) == (house.owner.user, {"hold": hold.pk, "why": "Settled"})


def test_two_holds_on_one_person_are_lifted_each_by_itself(house: House) -> None:
    first, second = place(house, number=NUMBER), place(house, number=NUMBER)
    holds.lift(hold=first, why="Settled", by=house.owner.user)
    assert list(holds.active(house.organization.pk)) == [second]


@pytest.mark.parametrize(
    ("raw", "is_named"),
    [
        (b'{"from": "+12125550142"}', True),
        (b"From=%2B12125550142", True),
        (b'"2125550142"', True),
        (b'"\\u002b12125550142"', True),
        (b'{"from": "+12125550143"}', False),
        (b'{"at": "112125550142999"}', False),
        (b"", False),
    ],
)
def test_a_raw_webhook_names_a_held_number(house: House, raw: bytes, is_named: bool) -> None:
    place(house, number=NUMBER, our_number=OURS)
    assert holds.names_any(raw, holds.digits(house.organization.pk)) == is_named


def test_held_digits_are_of_the_organization_alone(house: House, other_house: House) -> None:
    place(house, number=NUMBER)
    assert holds.digits(house.organization.pk) == {b"12125550142", b"2125550142"}
    assert holds.digits(other_house.organization.pk) == frozenset()
