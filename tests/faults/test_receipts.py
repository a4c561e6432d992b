"""Receipts replayed, reordered, early, unknown, contradictory, foreign: the ladder holds and all are kept."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

from django.db.models import QuerySet

from messaging import references
from messaging.models import Attempt, AttemptPart, Delivery, Message, Receipt, State
from portal.sandbox import callbacks
from tests.faults.house import Site, status
from tests.faults.processes import until
from tests.people import make_house
from trunks.models import CarrierAccount


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


# Each way a text may go: what the carrier says (the word, whether it is final, when by its clock), and its end.
WAYS: dict[str, tuple[list[tuple[str, bool, int]], str]] = {
    "delivered": (
        [("queued", False, 0), ("sending", False, 1), ("sent", False, 2), ("delivered", True, 3)],
        "delivered",
    ),
    "undelivered": ([("queued", False, 0), ("sent", False, 2), ("undelivered", True, 3)], "undelivered"),
    "failed": ([("queued", False, 0), ("failed", True, 1)], "failed"),
    "sent and no more": ([("queued", False, 0), ("sent", False, 2)], "sent"),
    "unknown words": ([("queued", False, 0), ("dreamt of", False, 1), ("sent", False, 2)], "sent"),
}
TEXTS_A_WAY, REPEATS = 4, 10


def test_a_storm_of_receipts_in_any_order(quiet: Site) -> None:
    """Every receipt ten times, all in one shuffled heap, from ten senders at once, the first ones before any answer."""
    seed = time.time_ns() % 100_000
    chance = random.Random(seed)
    quiet.wire.answer_delay = 1.0
    ways = [way for way in WAYS for _ in range(TEXTS_A_WAY)]
    queued = quiet.queue(quiet.threads(quiet.did(), len(ways)))
    until(lambda: len(quiet.accepted()) == len(ways), what=quiet.logs)
    taken = {one["to"]: one for one in quiet.accepted()}
    heap = []
    for message, way in zip(queued, ways, strict=True):
        one = taken[message.number]
        reference = one["client_reference"] if chance.random() < 0.5 else ""
        for word, final, at in WAYS[way][0]:
            event = f"{seed}-{message.pk}-{word}"
            heap.append(
                status(event, carrier_id=one["id"], word=word, reference=reference, final=final, at=message.pk + at)
            )
    storm = heap * REPEATS
    chance.shuffle(storm)
    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(quiet.hook, storm)) == {200}
    until(processed, what=quiet.logs)
    ends = {WAYS[way][1] for way in WAYS}
    until(lambda: quiet.in_state(*ends) == len(ways), what=quiet.logs)
    print(f"seed {seed}: {len(storm)} webhooks, {receipts(quiet).count()} receipts kept")

    assert [state_of(message) for message in queued] == [WAYS[way][1] for way in ways]
    assert deliveries(quiet).count() == receipts(quiet).count() == len(heap)
    assert set(deliveries(quiet).values_list("seen", flat=True)) == {REPEATS}
    assert receipts(quiet).filter(part=None).count() == 0
    for message, way in zip(queued, ways, strict=True):
        kept = (
            Receipt.objects.filter(part__attempt__message=message).order_by("carrier_at").values_list("word", flat=True)
        )
        assert list(kept) == [word for word, _, _ in WAYS[way][0]]
        assert Attempt.objects.get(message=message).state == WAYS[way][1]
    explained = Message.objects.filter(pk__in=[one.pk for one in queued]).exclude(why="")
    assert set(explained.values_list("state", flat=True)) == {"undelivered", "failed"}
    quiet.each_once(len(ways))


def test_of_two_ends_the_first_heard_stays_and_a_guess_gives_way(quiet: Site) -> None:
    """Contradictions, one after the other: the carrier may take back a guess, and no end that it called final."""
    said: dict[str, list[tuple[str, bool]]] = {
        "delivered": [("delivered", True), ("failed", True), ("undelivered", True)],
        "undelivered": [("undelivered", True), ("delivered", True), ("failed", True), ("sent", False)],
        "failed": [("failed", True), ("delivered", True), ("undelivered", True), ("queued", False)],
    }
    for end, words in said.items():
        message, taken, _ = sent(quiet)
        for turn, (word, final) in enumerate(words):
            hear(quiet, status(f"{end}-{turn}", carrier_id=taken, word=word, final=final, at=turn))
            assert state_of(message) == end, (end, word)
        assert Receipt.objects.filter(part__attempt__message=message).count() == len(words)
        assert Attempt.objects.get(message=message).state == end
    message, taken, _ = sent(quiet)
    for event, word, at, state in (
        ("guess", "undelivered", 1, State.UNDELIVERED),
        ("late", "sent", 0, State.UNDELIVERED),
        ("after all", "delivered", 2, State.DELIVERED),
        ("too late", "undelivered", 3, State.DELIVERED),
    ):
        hear(quiet, status(event, carrier_id=taken, word=word, at=at, provisional=event == "guess"))
        assert state_of(message) == state, event
    assert Receipt.objects.filter(part__attempt__message=message).count() == 4
    assert (message.reason, message.why) == ("", "")


def test_another_call_center_moves_nothing_of_ours(quiet: Site) -> None:
    """It proves itself with its own key and speaks of our text, by the carrier's id, by our reference, and by both."""
    message, taken, reference = sent(quiet)
    before = picture(message)
    neighbor = make_house(f"{quiet.house.slug}-next", "Next Door Calls")
    facts = quiet.carrier.account(name="Next door")
    account = CarrierAccount.objects.create(
        organization=neighbor.organization,
        kind="sandbox",
        name="Sandbox",
        base_url=quiet.wire.url,
        values={"api_key": facts["api_key"], "signing_secret": facts["signing_secret"]},
    )
    foreign = [
        status("by id", carrier_id=taken, word="delivered", final=True),
        status("by reference", carrier_id="txt_theirs", word="failed", reference=reference, final=True),
        status("by both", carrier_id=taken, word="undelivered", reference=reference, final=True, at=1),
    ]
    for body in foreign:
        assert [quiet.hook(body, account=account) for _ in range(REPEATS)] == [200] * REPEATS
        assert quiet.hook(body, callbacks.signature(facts["signing_secret"], body)) == 401  # nor at our door
    until(processed, what=quiet.logs)
    assert picture(message) == before
    assert receipts(quiet).count() == 0
    theirs = Receipt.objects.filter(account=account)
    assert list(theirs.order_by("carrier_at", "word").values_list("word", "part")) == [
        ("delivered", None),
        ("failed", None),
        ("undelivered", None),
    ]
    assert AttemptPart.objects.filter(account=account).count() == 0

    hear(quiet, status("ours", carrier_id=taken, word="delivered", final=True, at=2))
    assert state_of(message) == State.DELIVERED
    assert receipts(quiet).count() == 1


def picture(message: Message) -> list[object]:
    """All that is known of a text."""
    return [
        list(Message.objects.filter(pk=message.pk).values()),
        list(Attempt.objects.filter(message=message).values()),
        list(AttemptPart.objects.filter(attempt__message=message).values()),
        list(Receipt.objects.filter(part__attempt__message=message).values()),
    ]
