"""Texts the carrier may have: asked for by our reference or the carrier's id, never sent again on a guess."""

from dataclasses import replace
from datetime import datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, Window
from django.db.models.functions import RowNumber

from messaging import ladder, news, outcomes, receipts, references
from messaging.hands import Hands
from messaging.models import Attempt, State
from portal import web
from portal.clock import database_now
from portal.http import NotSent, Unanswered
from trunks import accounts, carriers
from trunks.carriers.base import CarrierError, LookUp

log = structlog.get_logger(__name__)
FIRST_WAIT_SECONDS = 2
MAX_LOOK_UPS = 12
_hands = Hands(2)  # for each account: one that does not answer holds no more of a worker's threads


def due(now: datetime, limit: int = 50) -> list[int]:
    """Unconfirmed attempts whose carrier should be asked now: soon at first, then less and less often.

    The accounts take turns, so that one with thousands keeps no other waiting.
    """
    # Not before the call's own deadline has passed: until then the request may still be on its way.
    old_enough = now - timedelta(seconds=settings.MESSAGING_SEND_TIMEOUT_SECONDS)
    rows = Attempt.objects.filter(
        Q(looked_up_at=None) | Q(looked_up_at__lte=now),
        state=State.UNCONFIRMED,
        message__state=State.UNCONFIRMED,  # which has an index, and while its newest attempt is in doubt, so is it
        started_at__lte=old_enough,
        look_ups__lt=MAX_LOOK_UPS,
    )
    turn = Window(RowNumber(), partition_by="account", order_by=("look_ups", "pk"))
    return list(rows.annotate(turn=turn).order_by("turn", "pk").values_list("pk", flat=True)[:limit])


def look_up(attempt_id: int) -> None:
    """Ask the carrier about one attempt and settle it if the answer allows."""
    attempt = Attempt.objects.select_related("account__organization", "message").get(pk=attempt_id)
    with _hands.on(attempt.account_id) as is_free:
        if is_free:
            _ask(attempt)


def _ask(attempt: Attempt) -> None:
    wait = timedelta(seconds=FIRST_WAIT_SECONDS * 2**attempt.look_ups)
    taken = Attempt.objects.filter(pk=attempt.pk, state=State.UNCONFIRMED, look_ups=attempt.look_ups)
    if not taken.update(look_ups=F("look_ups") + 1, looked_up_at=database_now() + wait):
        return  # another worker asks, or it is settled
    carrier = carriers.get(attempt.account.kind)
    known = list(attempt.parts.values_list("carrier_id", flat=True))
    steps = carrier.look_up(accounts.as_carrier_account(attempt.account), known, references.make(attempt.pk))
    try:
        hosts, seconds = accounts.credential_hosts(attempt.account), settings.MESSAGING_SEND_TIMEOUT_SECONDS
        found = web.run(steps, hosts=hosts, timeout_seconds=seconds)
    except (CarrierError, NotSent, Unanswered) as error:
        log.warning("look_up.failed", attempt=attempt.pk, error=type(error).__name__)
        return
    settle(attempt, found)


@transaction.atomic
def settle(attempt: Attempt, found: LookUp) -> None:
    """What the carrier knows, as receipts; what it surely never took may be sent again while it is worth it.

    `attempt.look_ups`: how often the carrier was asked before this time.
    """
    if found.updates:
        reference = references.make(attempt.pk)
        updates = [(replace(update, reference=reference), None) for update in found.updates]
        receipts.apply(attempt.account, updates)
    elif found.surely_absent and attempt.look_ups:
        # Believed when it is said twice, with time between: the first time the request may still have been on its way.
        _never_taken(attempt)


def _never_taken(attempt: Attempt) -> None:
    ladder.lock_messages([attempt.pk])
    why = "The carrier never received it."
    closed = Attempt.objects.filter(pk=attempt.pk, state=State.UNCONFIRMED)
    if not closed.update(state=State.FAILED, why=why):
        return
    outcomes.try_again(attempt.message_id, attempts_made=attempt.number, why=why)
    news.tell([attempt.message_id])
