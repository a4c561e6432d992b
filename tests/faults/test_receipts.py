"""Receipts replayed, reordered, early, unknown, contradictory, foreign: the ladder holds and all are kept."""

from concurrent.futures import ThreadPoolExecutor

from django.db.models import QuerySet

from messaging import references
from messaging.models import Attempt, AttemptPart, Delivery, Message, Receipt, State
from tests.faults.house import Site, status
from tests.faults.processes import until


def processed() -> bool:
    return not Delivery.objects.filter(processed_at=None).exists()


def deliveries(portal: Site) -> "QuerySet[Delivery]":
    return Delivery.objects.filter(account__organization=portal.house.organization)


def receipts(portal: Site) -> "QuerySet[Receipt]":
    return Receipt.objects.filter(account__organization=portal.house.organization)


def hear(portal: Site, *bodies: bytes) -> None:
    """Every body posted, one after the other, and worked off."""
    for body in bodies:
        assert portal.hook(body) == 200
    until(processed, what=portal.logs)


def sent(portal: Site) -> tuple[Message, str, str]:
    """A text that the carrier has taken, the carrier's id, and the reference we gave it."""
    message = portal.text(portal.threads(portal.did(), 1)[0])
    until(lambda: AttemptPart.objects.filter(attempt__message=message).exists(), what=portal.logs)
    part = AttemptPart.objects.get(attempt__message=message)
    return message, part.carrier_id, references.make(part.attempt_id)


def state_of(message: Message) -> str:
    message.refresh_from_db()
    return message.state


def test_replayed_reordered_and_contradictory_receipts(quiet: Site) -> None:
    message, taken, _ = sent(quiet)
    delivered = status("e2", carrier_id=taken, word="delivered", final=True, at=20)
    with ThreadPoolExecutor(10) as pool:
        assert list(pool.map(quiet.hook, [delivered] * 10)) == [200] * 10
    until(processed, what=quiet.logs)
    assert (deliveries(quiet).get().seen, receipts(quiet).count(), state_of(message)) == (10, 1, State.DELIVERED)
    settled = message.settled_at

    hear(quiet, status("e1", carrier_id=taken, word="sent", at=10), status("e0", carrier_id=taken, word="queued"))
    assert state_of(message) == State.DELIVERED
    hear(quiet, status("e3", carrier_id=taken, word="undelivered", final=True, at=30))
    hear(quiet, status("e4", carrier_id=taken, word="failed", final=True, at=5))
    hear(quiet, status("e5", carrier_id=taken, word="teleported", at=40))
    assert (state_of(message), message.settled_at, message.reason, message.why) == (State.DELIVERED, settled, "", "")
    assert Attempt.objects.get(message=message).state == State.DELIVERED
    kept = receipts(quiet).order_by("carrier_at").values_list("word", flat=True)
    assert list(kept) == ["queued", "failed", "sent", "delivered", "undelivered", "teleported"]
    assert receipts(quiet).filter(part=None).count() == 0
    quiet.each_once(1)


def test_the_same_status_under_another_event_id_counts_once(quiet: Site) -> None:
    message, taken, _ = sent(quiet)
    hear(quiet, *(status(f"e{turn}", carrier_id=taken, word="delivered", final=True) for turn in range(10)))
    assert (deliveries(quiet).count(), receipts(quiet).count()) == (10, 1)
    assert state_of(message) == State.DELIVERED


def test_a_receipt_before_the_sends_own_answer(quiet: Site) -> None:
    """With our reference it makes the part; without, it is parked and found when the answer is written down."""
    quiet.wire.answer_delay = 1.0
    first, second = quiet.queue(quiet.threads(quiet.did(), 2))
    until(lambda: len(quiet.accepted()) == 2, what=quiet.logs)
    taken = {one["to"]: one for one in quiet.accepted()}
    by_reference, by_id = taken[first.number], taken[second.number]
    assert quiet.in_state(State.SENDING) == 2, quiet.states()
    hear(
        quiet,
        status("a", carrier_id=by_reference["id"], word="delivered", reference=by_reference["client_reference"]),
        status("b", carrier_id=by_id["id"], word="delivered", final=True),
    )
    quiet.wait_final()
    assert (state_of(first), state_of(second)) == (State.DELIVERED, State.DELIVERED)
    assert receipts(quiet).filter(part=None).count() == 0
    assert AttemptPart.objects.filter(account=quiet.account).count() == 2
    quiet.each_once(2)


def test_unknown_and_foreign_receipts_move_nothing_and_are_kept(quiet: Site) -> None:
    message, taken, reference = sent(quiet)
    before = state_of(message)
    other = quiet.open_account(name="Another")
    hear(
        quiet,
        status("u1", carrier_id="txt_nobody", word="delivered", final=True),
        status("u2", carrier_id="txt_nobody2", word="delivered", reference=f"{reference}0", final=True),
        status("u3", carrier_id="txt_nobody3", word="delivered", reference="1-" + "0" * 20, final=True),
    )
    assert quiet.hook(status("f1", carrier_id=taken, word="delivered", final=True), account=other) == 200
    foreign = status("f2", carrier_id="txt_else", word="failed", reference=reference, final=True)
    assert quiet.hook(foreign, account=other) == 200
    until(processed, what=quiet.logs)
    assert state_of(message) == before == State.ACCEPTED
    assert AttemptPart.objects.filter(account=quiet.account).count() == 1
    assert receipts(quiet).filter(part=None).count() == 5
    assert deliveries(quiet).exclude(error="").count() == 0
