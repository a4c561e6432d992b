"""An id of another house, under one's own address, is not there: for every address that takes one, and nothing changes.

Everything the foreign house owns has the same id here, so that one address meets whatever kind of thing it asks for.
"""

import uuid
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.db import models
from django.utils import timezone

from compliance.models import LegalHold, OptOut, Suppression
from messaging.models import (
    Attachment,
    Contact,
    Conversation,
    Delivery,
    Direction,
    Message,
    OptOutDoubt,
    Purpose,
    State,
)
from portal.models import AuditEvent, Invitation, Membership, Role, Team, User
from tests.guards.test_access import BELOW, VALUES, address_of
from tests.people import House, sign_in
from trunks.models import CarrierAccount, Did, Trunk

ID = 777_001
UUID = uuid.UUID("7d444840-9dc0-11d1-b245-5ffdce74fad2")
WITH_IDS = [route for route, _ in BELOW if "<int:" in route or "<uuid:" in route]
KINDS: tuple[type[models.Model], ...] = (
    AuditEvent, Invitation, Membership, Team, CarrierAccount, Trunk, Did, OptOut, Suppression, LegalHold, Contact,
    Conversation, Message, Attachment, Delivery, OptOutDoubt,
)  # fmt: skip
# An upload is a file of the person who brought it, not a row; its own tests hold it to its owner.
NOT_ROWS = {route for route in WITH_IDS if "upload_id" in route}


@pytest.fixture
def foreign(other_house: House, monkeypatch: pytest.MonkeyPatch) -> House:
    """The other house with one of each kind, all of the same id."""
    monkeypatch.setitem(VALUES, "int", str(ID))
    monkeypatch.setitem(VALUES, "uuid", str(UUID))
    where: dict[str, Any] = {"id": ID, "organization": other_house.organization}
    number = "+12125550142"
    user = User.objects.create_user("somebody@south.example")
    Membership.objects.create(**where, user=user, role=Role.AGENT)
    Team.objects.create(**where, name="Third")
    Invitation.objects.create(
        **where, email="new@south.example", role=Role.AGENT, token_hash="0", expires_at=timezone.now()
    )
    account = CarrierAccount.objects.create(
        **where | {"id": UUID}, name="One", kind="sandbox", base_url="http://a.test"
    )
    Delivery.objects.create(id=ID, account=account, key="0", url="", body=b"{}", processed_at=timezone.now())
    trunk = Trunk.objects.create(**where, name="One", account=account)
    did = Did.objects.create(**where, number="+13125550100", trunk=trunk, account=account)
    opt_out = OptOut.objects.create(**where, number=number, kind="opted_out", source="staff")
    Suppression.objects.create(**where, number=number, opt_out=opt_out)
    LegalHold.objects.create(**where, number=number, reason="Letter", by=other_house.owner.user)
    contact = Contact.objects.create(**where, number=number)
    thread = Conversation.objects.create(**where, did=did, number=number, contact=contact)
    message = Message.objects.create(
        **where,
        conversation=thread,
        number=number,
        direction=Direction.OUT,
        purpose=Purpose.REPLY,
        state=State.FAILED,
        key="0",
        due_at=timezone.now(),
        valid_until=timezone.now(),
    )
    heard = Message.objects.create(
        organization=other_house.organization,
        conversation=thread,
        number=number,
        direction=Direction.IN,
        body="not interested",
        state=State.RECEIVED,
    )
    OptOutDoubt.objects.create(
        **where, conversation=thread, message=heard, number=number, words="NOT INTERESTED", due_on=timezone.now()
    )
    Attachment.objects.create(
        **where, message=message, position=0, state=Attachment.State.STORED, file=ContentFile(b"GIF89a", "a.gif")
    )
    AuditEvent.objects.create(
        **where,
        action="trunks.dids.assigned",
        by=other_house.owner.user,
        data={"before": [], "team": None, "agent": None},
    )
    return other_house


def _everything() -> dict[str, list[Any]]:
    return {kind.__name__: list(kind._default_manager.order_by("pk").values()) for kind in KINDS}


@pytest.mark.parametrize("route", WITH_IDS)
def test_a_foreign_id_is_not_there_and_nothing_changes(route: str, house: House, foreign: House) -> None:
    browser, address, before = sign_in(house.owner), address_of(route, house.slug), _everything()
    gotten = browser.get(address).status_code
    assert gotten in {404, 405}
    assert browser.post(address).status_code in {404, 405} - ({405} if gotten == 405 else set())
    assert _everything() == before


@pytest.mark.parametrize("route", sorted(set(WITH_IDS) - NOT_ROWS))
def test_the_same_id_is_there_for_its_own_house(route: str, foreign: House) -> None:
    """Or else the test above would prove nothing."""
    browser, address = sign_in(foreign.owner), address_of(route, foreign.slug)
    gotten = browser.get(address).status_code
    assert gotten == 405 or gotten != 404
    if gotten == 405:
        assert browser.post(address).status_code != 404
