"""Threads and waiting texts by the thousand, as queue_message() writes them, without its judging each of them."""

from collections.abc import Iterable
from datetime import timedelta
from itertools import count as numbers

from django.db import transaction

from compliance.models import CampaignDid
from messaging import segments
from messaging.models import Contact, Conversation, Direction, Lane, Message, Purpose, State
from portal.clock import database_now
from tests.faults.house import Site
from trunks.models import Did

_keys = numbers(1)


@transaction.atomic
def threads(portal: Site, did: Did, count: int) -> list[Conversation]:
    """Threads of a DID with `count` new customers."""
    organization = portal.house.organization
    contacts = Contact.objects.bulk_create(
        Contact(organization=organization, number=portal.customer()) for _ in range(count)
    )
    return Conversation.objects.bulk_create(
        Conversation(organization=organization, did=did, number=contact.number, contact=contact, team=did.team)
        for contact in contacts
    )


@transaction.atomic
def queue(texts: Iterable[tuple[Conversation, str]], purpose: str = Purpose.REPLY) -> list[Message]:
    """These texts wait in the lanes of their threads' DIDs from now on; an order of ids is the order given."""
    now = database_now()
    lanes: dict[int, Lane] = {}

    def row(thread: Conversation, body: str) -> Message:
        lane = lanes.setdefault(thread.did_id, lanes.get(thread.did_id) or _lane(thread.did))
        return Message(
            organization_id=thread.organization_id,
            conversation=thread,
            direction=Direction.OUT,
            number=thread.number,
            purpose=purpose,
            body=body,
            segments=segments.count(body).segments,
            state=State.QUEUED,
            key=f"bulk-{next(_keys)}",
            lane=lane,
            due_at=now,
            valid_until=now + timedelta(seconds=thread.organization.reply_valid_seconds),
        )

    return Message.objects.bulk_create(row(thread, body) for thread, body in texts)


def _lane(did: Did) -> Lane:
    member = CampaignDid.objects.filter(did=did).first()
    return Lane.objects.get_or_create(account=did.account, campaign=member and member.campaign)[0]
