"""Switching texting on and off. The row is the request: a DID is pending until its carrier has said yes or no.

A task asks for a batch; `sweep_pending` finds what no task has asked for. Asking twice does no harm: the answer is
written only while the DID is still pending at the account that was asked.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.db import connection, transaction
from django.db.models import F
from django.utils import timezone
from kombu.exceptions import OperationalError

from portal import audit
from portal.clock import database_now
from portal.http import NotSent, Unanswered
from portal.models import User
from trunks import accounts, inventory
from trunks.carriers.base import CarrierError, CarrierNumber, NumberResult
from trunks.models import CarrierAccount, Did, TextState

BATCH = 100
TRIES = 8
LEASE = timedelta(seconds=150)  # longer than a batch takes, so that nobody asks for the same DIDs meanwhile
FIRST_WAIT, LONGEST_WAIT = 15.0, 3_600.0  # seconds
NO_ACCOUNT = "No carrier account texts for this DID: put it on a trunk with one first."
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Asked:
    """What became of a request: how many are asked for, were on or pending already, or lack a carrier account."""

    asked: int
    already: int
    without_account: int


# --- Asking ---


@transaction.atomic
def request_texting(dids: Iterable[Did], *, by: User | None) -> Asked:
    """Ask the carriers to switch texting on; also again for DIDs that were refused."""
    rows = inventory.locked(dids)
    open_states = (TextState.OFF, TextState.REFUSED)
    asking = [did for did in rows if did.text_state in open_states and did.account_id]
    lacking = [did for did in rows if did.text_state in open_states and not did.account_id]
    now = database_now()
    if asking:
        inventory.update(
            asking, text_state=TextState.PENDING, text_why="", text_changed_at=now, text_ask_at=now, text_tries=0
        )
        changes = [(did, TextState.PENDING, "") for did in asking]
        inventory.record_text_state(asking[0].organization, changes, by=by)
        transaction.on_commit(lambda: ring(asking))
    inventory.set_text_state(lacking, TextState.REFUSED, NO_ACCOUNT, by=by)
    return Asked(len(asking), len(rows) - len(asking) - len(lacking), len(lacking))


def stop_texting(dids: Iterable[Did], *, by: User | None) -> int:
    """Switch texting off here; the carrier keeps its own setting. Returns how many changed."""
    return inventory.set_text_state(dids, TextState.OFF, by=by)


def ring(dids: Iterable[Did]) -> int:
    """Start a task for each batch of an account. A lost ring costs until the next sweep. Returns how many tasks."""
    from trunks.tasks import enable_texting

    by_account: dict[str, list[int]] = defaultdict(list)
    for did in dids:
        by_account[str(did.account_id)].append(did.pk)
    batches = [(account, ids) for account, all_ids in by_account.items() for ids in inventory.chunks(all_ids, BATCH)]
    for account, ids in batches:
        try:
            enable_texting.delay(account, list(ids))
        except (OperationalError, OSError) as error:
            log.warning("texting.ring_failed", error=type(error).__name__)
    return len(batches)


def sweep_pending(limit: int = 2_000) -> int:
    """Ring for pending DIDs whose time has come: lost tasks, dead workers, retries. Returns how many tasks."""
    due = Did.objects.filter(text_state=TextState.PENDING, text_ask_at__lte=database_now()).order_by("text_ask_at")
    return ring(due.only("account_id")[:limit])


# --- What the task does ---


def ask_carrier(account_id: str, did_ids: Sequence[int]) -> None:
    """Ask the account's carrier to text-enable these DIDs and write down what it says."""
    account = CarrierAccount.objects.select_related("organization").get(pk=account_id)
    dids = _claim(account, did_ids)
    if not dids:
        return
    carrier = accounts.carrier_of(account)
    numbers = [did.number for did in dids]
    try:
        results = accounts.run_steps(account, carrier.enable_numbers(accounts.as_carrier_account(account), numbers))
    except CarrierError as error:
        _not_now(account, dids, error) if error.retryable else _settle(
            account, dids, _all_refused(dids, error.sentence)
        )
    except (NotSent, Unanswered) as error:
        _not_now(account, dids, CarrierError(accounts.unreachable(account, error)))
    else:
        _settle(account, dids, results)
        said = {result.number for result in results}
        if silent := [did for did in dids if did.number not in said]:
            _not_now(account, silent, CarrierError(f"{carrier.NAME} said nothing about this number."))


@transaction.atomic
def _claim(account: CarrierAccount, did_ids: Sequence[int]) -> list[Did]:
    """The DIDs that are due, taken for the length of a lease."""
    now = database_now()
    skip = connection.features.has_select_for_update_skip_locked
    dids = list(
        Did.objects.current()
        .select_for_update(skip_locked=skip)
        .filter(pk__in=did_ids, account=account, text_state=TextState.PENDING, text_ask_at__lte=now)
        .order_by("pk")
    )
    inventory.update(dids, text_ask_at=now + LEASE, text_tries=F("text_tries") + 1)
    return dids


def _all_refused(dids: Sequence[Did], sentence: str) -> list[NumberResult]:
    return [NumberResult(number=did.number, enabled=False, sentence=sentence) for did in dids]


@transaction.atomic
def _settle(account: CarrierAccount, dids: Sequence[Did], results: Sequence[NumberResult]) -> None:
    """Write down yes or no for every DID that still waits for it."""
    said = {result.number: result for result in results}
    waiting = [did for did in _still_pending(account, dids) if did.number in said]
    if not waiting:
        return
    changes = [(did, *_verdict(said[did.number])) for did in waiting]
    inventory.record_text_state(account.organization, changes, by=None)
    for did, state, why in changes:
        _write_down(did, state, why, said[did.number])
    fields = ["text_state", "text_why", "text_changed_at", "text_ask_at", "mms", "carrier_ref"]
    Did.objects.bulk_update(waiting, fields, batch_size=BATCH)


def _verdict(result: NumberResult) -> tuple[TextState, str]:
    if result.enabled:
        return TextState.ENABLED, ""
    return TextState.REFUSED, (result.sentence or "The carrier gave no reason.")[:300]


def _write_down(did: Did, state: TextState, why: str, result: NumberResult) -> None:
    did.text_state, did.text_why, did.text_changed_at, did.text_ask_at = state, why, timezone.now(), None
    did.mms = result.enabled and result.mms
    did.carrier_ref = result.carrier_ref[:100] or did.carrier_ref


@transaction.atomic
def _not_now(account: CarrierAccount, dids: Sequence[Did], error: CarrierError) -> None:
    """Ask again later, each time after a longer wait; refused when the tries are used up."""
    waiting = _still_pending(account, dids)
    spent = [did for did in waiting if did.text_tries >= TRIES]
    again = [did for did in waiting if did.text_tries < TRIES]
    for did in again:
        did.text_ask_at = database_now() + timedelta(seconds=_wait(did.text_tries, error.retry_after_seconds))
        did.text_why = f"{error.sentence} The portal asks again."[:300]
    Did.objects.bulk_update(again, ["text_ask_at", "text_why"], batch_size=BATCH)
    inventory.tell(account.organization_id, [did.pk for did in again])
    _settle(account, spent, _all_refused(spent, f"Given up after {TRIES} tries. {error.sentence}"))
    log.info("texting.asked_in_vain", account=str(account.pk), again=len(again), given_up=len(spent))


def _wait(tries: int, named: float | None) -> float:
    """Seconds, doubled with each try, and at least what the carrier named."""
    seconds = min(FIRST_WAIT * 2.0 ** (tries - 1), LONGEST_WAIT)
    return max(seconds, min(named or 0, 86_400.0))


def _still_pending(account: CarrierAccount, dids: Sequence[Did]) -> list[Did]:
    pending = Did.objects.current().filter(account=account, text_state=TextState.PENDING)
    return list(pending.select_for_update().filter(pk__in=[did.pk for did in dids]).order_by("pk"))


# --- The carrier's own list ---


def list_numbers(account: CarrierAccount, *, by: User | None) -> list[CarrierNumber]:
    """What the carrier says the account owns. Raises CarrierError, NotSent, Unanswered."""
    numbers = accounts.run_steps(
        account, accounts.carrier_of(account).list_numbers(accounts.as_carrier_account(account))
    )
    audit.record(
        "trunks.carrier.listed", organization=account.organization, by=by, subject=account.name, numbers=len(numbers)
    )
    return numbers


def oldest_pending() -> datetime | None:
    """Since when the longest-waiting DID has been pending; for the operator's health page."""
    return (
        Did.objects.filter(text_state=TextState.PENDING)
        .order_by("text_changed_at")
        .values_list("text_changed_at", flat=True)
        .first()
    )
