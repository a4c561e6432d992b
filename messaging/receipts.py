"""Receipts: every status is kept; those of parts we know climb the ladder, early ones are parked and found again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime

from django.db import transaction
from django.db.models import Exists, OuterRef, Subquery
from django.utils import timezone

from messaging import ladder, references
from messaging.models import Attempt, AttemptPart, Delivery, Message, Receipt, State
from trunks import carriers
from trunks.carriers.events import Status, StatusUpdate
from trunks.models import CarrierAccount

Heard = tuple[StatusUpdate, Delivery | None]


@transaction.atomic
def apply(account: CarrierAccount, heard: Sequence[Heard]) -> None:
    """Keep these statuses and let the texts they speak of climb. Idempotent: each event counts once."""
    Receipt.objects.bulk_create((_receipt(account, *one) for one in heard), ignore_conflicts=True)
    _parts_by_reference(account, [update for update, _ in heard])
    settle(account, {update.carrier_id for update, _ in heard})


def _receipt(account: CarrierAccount, update: StatusUpdate, delivery: Delivery | None) -> Receipt:
    return Receipt(
        account=account,
        carrier_id=update.carrier_id,
        status=update.status,
        word=update.word[:60],
        # A carrier that names no time gets ours; without the delivery's, a replay would count as news.
        carrier_at=update.at or (delivery.received_at if delivery else timezone.now()),
        reason=update.reason or "",
        code=update.code[:40],
        is_provisional=update.provisional,
        is_final=update.final,
        reference=update.reference[:80],
        delivery=delivery,
    )


def _parts_by_reference(account: CarrierAccount, updates: Iterable[StatusUpdate]) -> None:
    """A receipt may be quicker than the send's own answer, or all we ever hear: its reference says whose it is."""
    named = {update.carrier_id: attempt for update in updates if (attempt := references.read(update.reference))}
    known = AttemptPart.objects.filter(account=account, carrier_id__among=named).values_list("carrier_id", flat=True)
    spoken_of = set(named.values())
    for carrier_id in set(known):
        del named[carrier_id]
    if not named:
        return
    # Before the parts, as `outcomes.record` does: each would wait for the other at the deadlock's price of a second.
    ladder.lock_messages(spoken_of)
    ours = set(Attempt.objects.filter(pk__among=named.values(), account=account).values_list("pk", flat=True))
    AttemptPart.objects.bulk_create(
        (
            AttemptPart(attempt_id=attempt_id, account=account, carrier_id=carrier_id)
            for carrier_id, attempt_id in named.items()
            if attempt_id in ours
        ),
        ignore_conflicts=True,
    )


def settle(account: CarrierAccount, carrier_ids: Collection[str]) -> None:
    """Tie receipts to their parts and move what they move. Receipts without a part stay parked.

    The caller is in a transaction. Every receipt of these ids is looked at anew, so the order of arrival is no matter.
    """
    attempt_ids = set(
        AttemptPart.objects.filter(account=account, carrier_id__among=carrier_ids).values_list("attempt_id", flat=True)
    )
    if not attempt_ids:
        return
    ladder.lock_messages(attempt_ids)
    same = AttemptPart.objects.filter(account=OuterRef("account_id"), carrier_id=OuterRef("carrier_id"))
    parked = Receipt.objects.filter(account=account, carrier_id__among=carrier_ids, part=None)
    parked.update(part=Subquery(same.values("pk")[:1]))
    parts = AttemptPart.objects.filter(account=account, carrier_id__among=carrier_ids)
    receipts: dict[int, list[Receipt]] = defaultdict(list)
    for receipt in Receipt.objects.filter(part__in=parts).order_by("carrier_at", "id"):
        receipts[receipt.part_id or 0].append(receipt)
    _climb(list(parts), receipts)
    _explain(account, [receipt for rows in receipts.values() for receipt in rows])
    ladder.refresh(attempt_ids)


def _climb(parts: Iterable[AttemptPart], receipts: dict[int, list[Receipt]]) -> None:
    moved: dict[tuple[str, bool], list[int]] = defaultdict(list)
    for part in parts:
        before = part.state, part.is_provisional
        for receipt in receipts[part.pk]:
            _step(part, receipt)
        if (part.state, part.is_provisional) != before:
            moved[part.state, part.is_provisional].append(part.pk)
    for (state, is_provisional), pks in moved.items():
        AttemptPart.objects.filter(pk__among=pks).update(state=state, is_provisional=is_provisional)


def _step(part: AttemptPart, receipt: Receipt) -> None:
    state = ladder.OF_STATUS.get(Status(receipt.status))  # an unknown word is kept and moves nothing
    if state and ladder.climbs(part.state, state, is_provisional=part.is_provisional):
        part.state, part.is_provisional = state, receipt.is_provisional


def _explain(account: CarrierAccount, receipts: Iterable[Receipt]) -> None:
    """Say why on the attempts and messages that a receipt has ended badly."""
    carrier = carriers.get(account.kind)
    by_cause: dict[tuple[str, str], list[int]] = defaultdict(list)
    for receipt in receipts:
        if receipt.status in (Status.UNDELIVERED, Status.FAILED) and receipt.part_id:
            by_cause[receipt.reason, receipt.code].append(receipt.part_id)
    for (reason, code), part_ids in by_cause.items():
        why = (carrier.error_help(code) or "The carrier could not deliver it and gave no reason that we know.")[:300]
        attempts = Attempt.objects.filter(parts__in=part_ids)
        attempts.update(reason=reason, code=code, why=why)
        Message.objects.filter(attempts__in=attempts).exclude(state=State.DELIVERED).update(reason=reason, why=why)


def settle_parked(since: datetime) -> int:
    """Receipts that came between a send and its record, newer than `since`: find their parts. How many were found."""
    part = AttemptPart.objects.filter(account=OuterRef("account_id"), carrier_id=OuterRef("carrier_id"))
    parked = Receipt.objects.filter(Exists(part), part=None, received_at__gte=since)
    by_account: dict[CarrierAccount, set[str]] = defaultdict(set)
    for receipt in parked.select_related("account")[:1_000]:
        by_account[receipt.account].add(receipt.carrier_id)
    for account, carrier_ids in by_account.items():
        with transaction.atomic():
            settle(account, carrier_ids)
    return sum(map(len, by_account.values()))


def parked(account: CarrierAccount, carrier_ids: Collection[str]) -> list[str]:
    """Which of these the carrier has spoken of before we knew their parts."""
    rows = Receipt.objects.filter(account=account, carrier_id__among=carrier_ids, part=None)
    return list(rows.values_list("carrier_id", flat=True).distinct())
