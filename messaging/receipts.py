"""Receipts: every status is kept; those of parts we know climb the ladder, early ones are parked and found again."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Exists, F, OuterRef
from django.utils import timezone

from messaging import ladder, news, references
from messaging.models import Attempt, AttemptPart, Delivery, Message, Receipt, State
from trunks import carriers
from trunks.carriers.events import Status, StatusUpdate
from trunks.models import CarrierAccount

Heard = tuple[StatusUpdate, Delivery | None]
Name = tuple[UUID, str]  # what names a part: the account and the carrier's id
Owner = tuple[int, int]  # a part and its attempt


@transaction.atomic
def apply(account: CarrierAccount, heard: Sequence[Heard]) -> None:
    """Keep these statuses and let the texts they speak of climb. Idempotent: each event counts once."""
    news.tell(take({account: heard}))


def take(heard: Mapping[CarrierAccount, Sequence[Heard]]) -> set[int]:
    """`apply` for several accounts at once: the messages that moved, of which the caller tells the screens.

    The caller is in a transaction that holds no message yet. The number of statements does not grow with the receipts.
    """
    names = {(account.pk, update.carrier_id) for account, told in heard.items() for update, _ in told}
    owners = _owners(names)
    named = _attempts_by_reference(heard, names - owners.keys())
    ladder.lock_messages({*(attempt_id for _, attempt_id in owners.values()), *named.values()})
    owners |= _make_parts(named)
    receipts = [
        _receipt(account, update, delivery, owners.get((account.pk, update.carrier_id)))
        for account, told in heard.items()
        for update, delivery in told
    ]
    Receipt.objects.bulk_create(receipts, ignore_conflicts=True)
    return _climb(heard, owners, receipts)


def settle(account: CarrierAccount, carrier_ids: Collection[str]) -> None:
    """Tie parked receipts to their parts and move what they move; those that still have no part stay parked.

    The caller is in a transaction.
    """
    owners = _owners({(account.pk, carrier_id) for carrier_id in carrier_ids})
    ladder.lock_messages({attempt_id for _, attempt_id in owners.values()})
    news.tell(_climb([account], owners, []))


def _receipt(account: CarrierAccount, update: StatusUpdate, delivery: Delivery | None, owner: Owner | None) -> Receipt:
    return Receipt(
        account_id=account.pk,
        part_id=owner[0] if owner else None,
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
        delivery_id=delivery.pk if delivery else None,
    )


# --- Whose receipt it is ---


def _owners(names: Collection[Name]) -> dict[Name, Owner]:
    """Those of the named parts that we know."""
    accounts, carrier_ids = {account_id for account_id, _ in names}, [carrier_id for _, carrier_id in names]
    parts = AttemptPart.objects.filter(account__in=accounts, carrier_id__among=carrier_ids)
    rows = parts.values_list("account_id", "carrier_id", "pk", "attempt_id")
    return {
        (account_id, carrier_id): (pk, attempt_id)
        for account_id, carrier_id, pk, attempt_id in rows
        if (account_id, carrier_id) in names
    }


def _attempts_by_reference(heard: Mapping[CarrierAccount, Sequence[Heard]], unknown: Set[Name]) -> dict[Name, int]:
    """A receipt may be quicker than the send's own answer, or all we ever hear: its reference says whose it is."""
    named = {
        (account.pk, update.carrier_id): attempt_id
        for account, told in (heard.items() if unknown else ())
        for update, _ in told
        if (account.pk, update.carrier_id) in unknown and (attempt_id := references.read(update.reference))
    }
    ours = set(Attempt.objects.filter(pk__among=named.values()).values_list("pk", "account_id"))
    return {name: attempt_id for name, attempt_id in named.items() if (attempt_id, name[0]) in ours}


def _make_parts(named: Mapping[Name, int]) -> dict[Name, Owner]:
    """Parts of these attempts, whose messages are held: the send's own record, which holds them too, comes or came."""
    if not named:
        return {}
    AttemptPart.objects.bulk_create(
        (
            AttemptPart(attempt_id=attempt_id, account_id=account_id, carrier_id=carrier_id)
            for (account_id, carrier_id), attempt_id in named.items()
        ),
        ignore_conflicts=True,
    )
    return _owners(named.keys())


# --- What it moves ---


def _climb(accounts: Iterable[CarrierAccount], owners: Mapping[Name, Owner], receipts: Iterable[Receipt]) -> set[int]:
    """Let these receipts, and parked ones of the same parts, move parts, attempts and messages; which messages moved.

    The caller holds the messages. Repeats do no harm: what a receipt could move, it has moved the first time.
    """
    if not owners:
        return set()
    by_part: dict[int, list[Receipt]] = defaultdict(list)
    for receipt in [*_tie_parked(owners), *receipts]:
        if receipt.part_id is not None:
            by_part[receipt.part_id].append(receipt)
    _move_parts(by_part)
    bad = [one for told in by_part.values() for one in told if one.status in (Status.UNDELIVERED, Status.FAILED)]
    for account in accounts if bad else ():
        _explain(account, [one for one in bad if one.account_id == account.pk])
    return ladder.move({attempt_id for _, attempt_id in owners.values()})


def _tie_parked(owners: Mapping[Name, Owner]) -> list[Receipt]:
    """Receipts that came before their parts were known."""
    accounts, carrier_ids = {account_id for account_id, _ in owners}, [carrier_id for _, carrier_id in owners]
    parked = Receipt.objects.filter(account__in=accounts, carrier_id__among=carrier_ids, part=None)
    tied = [one for one in parked if (one.account_id, one.carrier_id) in owners]
    for receipt in tied:
        receipt.part_id, _ = owners[receipt.account_id, receipt.carrier_id]
    if tied:
        Receipt.objects.bulk_update(tied, ["part"])
    return tied


def _move_parts(receipts: Mapping[int, Sequence[Receipt]]) -> None:
    moved: dict[tuple[str, bool], list[int]] = defaultdict(list)
    parts = AttemptPart.objects.filter(pk__among=list(receipts)).values_list("pk", "state", "is_provisional")
    for pk, state, is_provisional in parts:
        after = _after(state, is_provisional, receipts[pk])
        if after != (state, is_provisional):
            moved[after].append(pk)
    for (state, is_provisional), pks in moved.items():
        AttemptPart.objects.filter(pk__among=pks).update(state=state, is_provisional=is_provisional)


def _after(state: str, is_provisional: bool, receipts: Iterable[Receipt]) -> tuple[str, bool]:
    """Where a part stands after these."""
    for receipt in sorted(receipts, key=lambda one: one.carrier_at):
        new = ladder.OF_STATUS.get(Status(receipt.status))  # an unknown word is kept and moves nothing
        if new and ladder.climbs(state, new, is_provisional=is_provisional):
            state, is_provisional = new, receipt.is_provisional
    return state, is_provisional


def _explain(account: CarrierAccount, receipts: Iterable[Receipt]) -> None:
    """Say why on the attempts and messages that a receipt has ended badly."""
    carrier = carriers.get(account.kind)
    by_cause: dict[tuple[str, str], list[int]] = defaultdict(list)
    for receipt in receipts:
        by_cause[receipt.reason, receipt.code].append(receipt.part_id or 0)
    for (reason, code), part_ids in by_cause.items():
        why = (carrier.error_help(code) or "The carrier could not deliver it and gave no reason that we know.")[:300]
        attempts = Attempt.objects.filter(parts__in=part_ids)
        attempts.update(reason=reason, code=code, why=why)
        newest = attempts.filter(number=F("message__attempts_made"))
        Message.objects.filter(attempts__in=newest).exclude(state=State.DELIVERED).update(reason=reason, why=why)


# --- Parked ones ---


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
