"""Processing webhooks once more, for a person: audited, safe to do twice, and with the wishes they may hold."""

from collections.abc import Collection

from django.db import transaction

from compliance.models import OptOut
from messaging import deliveries, doorbell, inbound, ledger, webhooks
from messaging.ledger import Show
from messaging.models import Delivery
from portal import audit, live
from portal.models import User
from trunks.carriers.events import Event, InboundMessage, OptOutNotice
from trunks.models import CarrierAccount

MOST = 500  # at one press; the rest at the next


@transaction.atomic
def replay(delivery: Delivery, *, by: User | None) -> bool:
    """Have one delivery processed once more. False when it waits for that already."""
    account = delivery.account
    if not _again(account, [delivery.pk]):
        return False
    audit.record(
        "messaging.delivery.replayed",
        organization=account.organization,
        by=by,
        subject=delivery.key,
        account=str(account.pk),
        delivery=delivery.pk,
    )
    return True


@transaction.atomic
def replay_all(account: CarrierAccount, show: Show, *, by: User | None) -> int:
    """Have what stands under a filter (troubled, unknown words) processed once more, the oldest first. How many."""
    oldest = ledger.of_account(account, show).exclude(processed_at=None).order_by("pk").values_list("pk", flat=True)
    count = _again(account, list(oldest[:MOST]))
    if count:
        audit.record(
            "messaging.deliveries.replayed",
            organization=account.organization,
            by=by,
            subject=f"{count} webhook{'' if count == 1 else 's'} of {account.name}",
            account=str(account.pk),
            which=show.value,
        )
    return count


def _again(account: CarrierAccount, ids: Collection[int]) -> int:
    rows = Delivery.objects.filter(pk__in=ids).exclude(processed_at=None).select_for_update().order_by("pk")
    taken = list(rows)
    for delivery in taken:
        delivery.account = account
        _hear_late(delivery)
        deliveries.replay(delivery)
    if taken:
        live.publish(account.organization_id, "org", "health", [str(account.pk)])
        doorbell.ring_on_commit(webhooks.TASK)
    return len(taken)


def _hear_late(delivery: Delivery) -> None:
    """STOP and START are heard at the door; of a webhook that could not be read there, nobody has heard them yet.

    What the person has said since stands: an old START must not undo a newer STOP.
    """
    if not delivery.error:
        return
    organization = delivery.account.organization
    wishes = [(wish, _person(wish)) for wish in inbound.wishes(ledger.events(delivery))]
    if not wishes:
        return
    newer = OptOut.objects.filter(organization=organization, at__gte=delivery.received_at)
    spoken = set(newer.filter(number__in={number for _, number in wishes}).values_list("number", flat=True))
    inbound.hear_wishes(delivery.account, [wish for wish, number in wishes if number not in spoken])


def _person(event: Event) -> str:
    match event:
        case InboundMessage():
            return event.from_number
        case OptOutNotice():
            return event.number
    return ""
