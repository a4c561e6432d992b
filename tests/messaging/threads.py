"""Threads for tests: a DID of a team, a customer, and what both said."""

from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import uuid4

from messaging.models import Contact, Conversation, Direction, Message, Purpose, State
from portal.models import Membership, Organization, Team
from trunks.models import CarrierAccount, Did, TextState

NOON = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)  # one in the afternoon in New York
_customers = count(1)


def make_account(organization: Organization) -> CarrierAccount:
    account, _ = CarrierAccount.objects.get_or_create(
        organization=organization, name="Sandbox", defaults={"kind": "sandbox", "base_url": "http://127.0.0.1:1"}
    )
    return account


def make_did(organization: Organization, number: str, team: Team | None = None, **fields: object) -> Did:
    values = {"account": make_account(organization), "text_state": TextState.ENABLED, "mms": True} | fields
    return Did.objects.create(organization=organization, number=number, team=team, **values)


def make_thread(did: Did, number: str = "", *, name: str = "", **fields: object) -> Conversation:
    number = number or f"+1312555{next(_customers):04d}"
    contact, _ = Contact.objects.get_or_create(organization=did.organization, number=number, defaults={"name": name})
    values = {"organization": did.organization, "team": did.team, "contact": contact, "last_at": NOON} | fields
    return Conversation.objects.create(did=did, number=number, **values)


def hear(thread: Conversation, body: str, at: datetime = NOON) -> Message:
    """The customer writes."""
    message = Message.objects.create(
        organization_id=thread.organization_id,
        conversation=thread,
        number=thread.number,
        direction=Direction.IN,
        body=body,
        state=State.RECEIVED,
        created_at=at,
    )
    thread.heard += 1
    thread.waiting_since = thread.waiting_since or at
    _newest(thread, message)
    return message


def say(
    thread: Conversation, body: str, at: datetime = NOON, *, by: Membership | None = None, **fields: object
) -> Message:
    """We write."""
    values: dict[str, object] = {"state": State.DELIVERED, "purpose": Purpose.REPLY, "segments": 1} | fields
    message = Message.objects.create(
        organization_id=thread.organization_id,
        conversation=thread,
        number=thread.number,
        direction=Direction.OUT,
        body=body,
        by=by.user if by else None,
        key=uuid4().hex,
        due_at=at,
        valid_until=at + timedelta(hours=2),
        created_at=at,
        **values,
    )
    thread.heard_answered = thread.heard
    thread.waiting_since = None
    _newest(thread, message)
    return message


def _newest(thread: Conversation, message: Message) -> None:
    thread.last_message = message
    thread.last_at = message.created_at
    thread.last_preview = message.body[:160]
    thread.last_direction = message.direction
    thread.last_state = message.state
    thread.save()
