"""What receipts write while others write too."""

import threading

import pytest
from django.db import connection, transaction

from messaging import claims, outcomes, receipts, references
from messaging.models import Attempt, AttemptPart, Lane, Message, Receipt, State
from messaging.outcomes import Sent
from tests.messaging.desk import Desk
from tests.portal.sandbox.process import until
from trunks.carriers.base import Accepted, AcceptedPart
from trunks.carriers.events import Status, StatusUpdate


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_receipt_that_meets_the_sends_own_answer(desk: Desk) -> None:
    """Both make the part and hold the message. In one order, or each would wait for the other."""
    message = desk.queue(desk.thread())
    claim = claims.claim(Lane.objects.get().pk, limit=1)
    ((text, attempt_id),) = claim.texts
    update = StatusUpdate(
        carrier_id="txt_1", status=Status.SENT, word="sent", reference=references.make(attempt_id)
    )  # fmt: skip
    answer = Sent(
        message_id=text.id,
        attempt_id=attempt_id,
        attempts_made=1,
        number=text.to_number,
        from_number=text.from_number,
        valid_until=text.valid_until,
        answer=Accepted(parts=(AcceptedPart(carrier_id="txt_1"),)),
    )
    failed: list[Exception] = []

    def hear() -> None:
        try:
            receipts.apply(desk.account, [(update, None)])
        except Exception as error:
            failed.append(error)
        finally:
            connection.close()

    hearing = threading.Thread(target=hear)
    with transaction.atomic():
        outcomes.hold([message.pk])
        hearing.start()
        until(waits_for_a_lock)
        outcomes.record(claim.lane, claim.token, [answer])
    hearing.join()
    assert failed == []
    message.refresh_from_db()
    assert (message.state, Attempt.objects.get().state) == (State.SENT, State.SENT)
    assert (AttemptPart.objects.count(), Receipt.objects.exclude(part=None).count()) == (1, 1)
    assert Message.objects.exclude(token=None).count() == 0
