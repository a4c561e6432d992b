"""Scratch rows: a call center of any size, written in bulk."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

from django.db import connection
from django.db.models import Model
from django.utils import timezone

from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState, TextingPolicy
from messaging.models import Contact, Conversation, Direction, Lane, Message, Purpose, State
from portal.models import Membership, Organization, Role, Team, User
from trunks.models import CarrierAccount, Did, TextState

BODY = "Hi, your appointment is confirmed for tomorrow at 10:30. Reply C to change it, or STOP to opt out."
FREE_RATE = 100_000
BATCH = 2_000
Row = TypeVar("Row", bound=Model)


@dataclass(frozen=True, slots=True)
class House:
    """An organization with a team, an owner, and a carrier account at `base_url`."""

    organization: Organization
    team: Team
    owner: Membership
    account: CarrierAccount


def house(base_url: str) -> House:
    organization = Organization.objects.create(slug="bench", name="Bench")
    # Measured at any hour of the day.
    TextingPolicy.objects.create(organization=organization, any_time=True, attestation="Nobody real is texted.")
    team = Team.objects.create(organization=organization, name="Sales")
    owner = Membership.objects.create(
        organization=organization, user=User.objects.create_user("owner@bench.example"), role=Role.OWNER
    )
    owner.teams.add(team)
    account = CarrierAccount.objects.create(
        organization=organization,
        kind="sandbox",
        name="Bench",
        base_url=base_url,
        values={"api_key": "bench-key", "signing_secret": "bench-secret"},
    )
    return House(organization, team, owner, account)


def in_bulk(rows: Iterable[Row]) -> list[Row]:
    """Write rows of one model; they come back with their ids."""
    listed = list(rows)
    return list(type(listed[0])._default_manager.bulk_create(listed, batch_size=BATCH)) if listed else []


def number(area: int, index: int) -> str:
    """A number that is well formed; nothing is sent to it but to the bench's own carrier."""
    return f"+1{area}{2_000_000 + index}"


def lane(place: House, name: str, *, texts_a_second: float = FREE_RATE, dids: int = 1, first: int = 0) -> Lane:
    """A campaign of its own with its DIDs, and their lane."""
    brand = Brand.objects.create(organization=place.organization, name=name)
    campaign = Campaign.objects.create(
        organization=place.organization,
        brand=brand,
        account=place.account,
        name=name,
        state=CampaignState.LIVE,
        texts_a_second=texts_a_second,
    )
    made = in_bulk(
        Did(
            organization=place.organization,
            number=number(312, first + index),
            account=place.account,
            text_state=TextState.ENABLED,
            team=place.team,
        )
        for index in range(dids)
    )
    in_bulk(CampaignDid(campaign=campaign, did=did, state=CampaignDidState.ASSIGNED) for did in made)
    return Lane.objects.create(account=place.account, campaign=campaign)


def threads(place: House, dids: Sequence[Did], count: int, *, first: int = 0) -> list[Conversation]:
    """Conversations with `count` customers, spread over the DIDs."""
    contacts = in_bulk(
        Contact(organization=place.organization, number=number(646, first + index)) for index in range(count)
    )
    return in_bulk(
        Conversation(
            organization=place.organization,
            did=dids[index % len(dids)],
            number=contact.number,
            contact=contact,
            team=place.team,
        )
        for index, contact in enumerate(contacts)
    )


def queue(road: Lane, conversations: Sequence[Conversation], run: str) -> list[Message]:
    """A text in each thread, queued for an hour from now; `release` lets them go."""
    later = timezone.now() + timedelta(hours=1)
    return in_bulk(
        Message(
            organization_id=conversation.organization_id,
            conversation=conversation,
            direction=Direction.OUT,
            number=conversation.number,
            purpose=Purpose.INFORMATIONAL,
            body=BODY,
            segments=1,
            state=State.QUEUED,
            key=f"{run}-{conversation.pk}",
            lane=road,
            due_at=later,
            valid_until=later + timedelta(hours=23),
        )
        for conversation in conversations
    )


def release() -> None:
    """Every queued text is due now."""
    Message.objects.filter(state=State.QUEUED).update(due_at=timezone.now())


def analyze() -> None:
    """Have the planner know the rows, as it would by the time so many had come in one by one."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
