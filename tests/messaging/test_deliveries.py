"""Stored webhooks, worked off in batches."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from messaging import deliveries, inbound, references
from messaging.models import (
    Attempt,
    AttemptPart,
    Conversation,
    Delivery,
    Message,
    ParkedText,
    Receipt,
    State,
    ThreadNote,
)
from portal.models import LiveEvent
from tests.messaging.threads import make_account, make_did, make_thread, say
from tests.people import House
from tests.portal.sandbox.process import until
from trunks.models import CarrierAccount, Did

pytestmark = pytest.mark.django_db
DID = "+13125550001"


def store(account: CarrierAccount, name: str, *events: dict[str, Any]) -> Delivery:
    body = json.dumps({"id": name, "events": list(events)}).encode()
    return Delivery.objects.create(account=account, key=name, url="http://127.0.0.1/hooks/", body=body)


def text(name: str, customer: str, body: str = "Hello?", to: str = DID) -> dict[str, Any]:
    data = {"id": name, "from": customer, "to": to, "text": body, "answered": "stop"}
    return {"type": "message.received", "at": "2026-03-02T18:00:00Z", "data": data}


def receipt(carrier_id: str, word: str, reference: str = "") -> dict[str, Any]:
    data = {"id": carrier_id, "status": word, "client_reference": reference}
    return {"type": "message.status", "at": "2026-03-02T18:00:00Z", "data": data}


def taken(thread: Conversation, carrier_id: str) -> Message:
    """A text that the carrier has taken."""
    message = say(thread, "Hi", state=State.ACCEPTED, attempts_made=1)
    attempt = Attempt.objects.create(message=message, number=1, account=thread.did.account, state=State.ACCEPTED)
    AttemptPart.objects.create(attempt=attempt, account=thread.did.account, carrier_id=carrier_id)
    return message


@pytest.fixture
def did(house: House) -> Did:
    return make_did(house.organization, DID, house.sales)


@pytest.fixture
def account(house: House) -> CarrierAccount:
    return make_account(house.organization)


def test_texts_of_one_person_stay_in_order_and_show_as_one(account: CarrierAccount, did: Did) -> None:
    for turn, body in enumerate(["One", "Two", "Three"]):
        store(account, f"e{turn}", text(f"in-{turn}", "+12125550142", body))
    assert deliveries.process() == 3
    thread = Conversation.objects.get()
    assert list(thread.messages.order_by("pk").values_list("body", flat=True)) == ["One", "Two", "Three"]
    newest = thread.messages.order_by("pk").last()
    assert newest is not None
    assert (thread.heard, thread.last_preview, thread.last_message) == (3, "Three", newest)
    assert (thread.waiting_since, thread.state, thread.team) == (
        thread.messages.order_by("pk")[0].created_at,
        "open",
        did.team,
    )
    assert LiveEvent.objects.filter(kind="thread").count() == 1
    assert deliveries.process() == 0


def test_a_text_told_twice_in_one_batch_or_in_two_is_one(account: CarrierAccount, did: Did) -> None:
    store(account, "e1", text("in-1", "+12125550142"))
    store(account, "e2", text("in-1", "+12125550142"))
    deliveries.process()
    store(account, "e3", text("in-1", "+12125550142"))
    deliveries.process()
    assert (Message.objects.count(), Conversation.objects.get().heard) == (1, 1)
    assert Delivery.objects.filter(processed_at=None).count() == 0


def test_a_text_that_another_worker_writes_at_this_moment_is_one(
    account: CarrierAccount, did: Did, monkeypatch: pytest.MonkeyPatch
) -> None:
    store(account, "e1", text("in-1", "+12125550142"), text("in-2", "+12125550143"))
    look, looks = inbound._fresh, list[int]()

    def late(arrivals: Any) -> Any:
        fresh = look(arrivals)
        looks.append(len(fresh))
        if len(looks) == 1:
            thread = fresh[0].thread
            Message.objects.create(
                organization_id=thread.organization_id, conversation=thread, number=thread.number, direction="in",
                state=State.RECEIVED, account=account, carrier_id="in-1",
            )  # fmt: skip
        return fresh

    monkeypatch.setattr(inbound, "_fresh", late)
    assert deliveries.process() == 1
    assert looks[:2] == [2, 1]
    assert sorted(Message.objects.values_list("carrier_id", flat=True)) == ["in-1", "in-2"]
    assert Delivery.objects.get().error == ""


def test_one_bad_delivery_holds_up_nobody_and_is_left_for_a_person(
    account: CarrierAccount, did: Did, monkeypatch: pytest.MonkeyPatch
) -> None:
    for turn in range(3):
        store(account, f"e{turn}", text(f"in-{turn}", f"+1212555014{turn}"))
    take = inbound.take

    def refuse(texts: Any) -> Any:
        if any(event.carrier_id == "in-1" for _, event in texts):
            raise ValueError("a fault of ours")
        return take(texts)

    monkeypatch.setattr(inbound, "take", refuse)
    assert deliveries.process() == 3
    assert sorted(Message.objects.values_list("carrier_id", flat=True)) == ["in-0", "in-2"]
    bad = Delivery.objects.get(processed_at=None)
    assert (bad.key, bad.tries, bad.error) == ("e1", 1, "It could not be processed: ValueError.")
    store(account, "e3", text("in-3", "+12125550199"))
    assert deliveries.process() == 1  # the next batch is whole: the bad one waits behind it
    assert [deliveries.process() for _ in range(5)] == [1, 1, 1, 1, 0]
    bad.refresh_from_db()
    assert (bad.tries, bad.processed_at is not None) == (5, True)
    monkeypatch.setattr(inbound, "take", take)
    deliveries.replay(bad)
    assert deliveries.process() == 1
    assert Message.objects.filter(carrier_id="in-1").count() == 1


def test_texts_to_unknown_dids_are_parked_once(account: CarrierAccount, did: Did) -> None:
    store(account, "e1", text("in-1", "+12125550142", to="+13125559999"), text("in-2", "+12125550142"))
    store(account, "e2", text("in-1", "+12125550142", to="+13125559999"))
    deliveries.process()
    assert list(ParkedText.objects.values_list("carrier_id", flat=True)) == ["in-1"]
    assert list(Message.objects.values_list("carrier_id", flat=True)) == ["in-2"]


def test_two_organizations_in_one_batch_keep_apart(
    account: CarrierAccount, did: Did, house: House, other_house: House
) -> None:
    theirs = make_did(other_house.organization, DID)
    foreign = make_account(other_house.organization)
    store(account, "e1", text("in-1", "+12125550142"))
    store(foreign, "e1", text("in-1", "+12125550142"))
    deliveries.process()
    found = Message.objects.order_by("pk").values_list("organization", "conversation__did", "account")
    assert list(found) == [
        (house.organization.pk, did.pk, account.pk),
        (other_house.organization.pk, theirs.pk, foreign.pk),
    ]


def test_receipts_of_two_accounts_never_touch_each_others_texts(
    account: CarrierAccount, did: Did, other_house: House
) -> None:
    ours = taken(make_thread(did), "part-1")
    theirs = taken(make_thread(make_did(other_house.organization, DID)), "part-1")
    foreign = make_account(other_house.organization)
    store(account, "e1", receipt("part-1", "delivered"))
    store(foreign, "e1", receipt("part-1", "sent"), receipt("part-9", "delivered", references.make(ours.pk)))
    deliveries.process()
    ours.refresh_from_db()
    theirs.refresh_from_db()
    assert (ours.state, theirs.state) == (State.DELIVERED, State.SENT)
    assert Receipt.objects.filter(part=None).count() == 1


def test_a_late_receipt_of_an_old_attempt_says_nothing_about_the_new_one(account: CarrierAccount, did: Did) -> None:
    message = taken(make_thread(did), "part-1")
    Message.objects.filter(pk=message.pk).update(attempts_made=2)
    Attempt.objects.create(message=message, number=2, account=account, state=State.ACCEPTED)
    store(account, "e1", receipt("part-1", "undelivered"))
    deliveries.process()
    message.refresh_from_db()
    assert (message.state, message.reason, message.why) == (State.ACCEPTED, "", "")
    assert Attempt.objects.get(number=1).state == State.UNDELIVERED


def test_a_thread_that_moves_in_a_batch_moves_once(account: CarrierAccount, did: Did, house: House) -> None:
    make_thread(did, "+12125550142", assignee=house.agent)
    Did.objects.filter(pk=did.pk).update(team=house.support)
    store(account, "e1", text("in-1", "+12125550142"), text("in-2", "+12125550142"))
    deliveries.process()
    assert Conversation.objects.get().team == house.support
    assert ThreadNote.objects.get().text == "Moved with its DID to Support"


def test_the_number_of_statements_does_not_grow_with_the_batch(account: CarrierAccount, did: Did) -> None:
    def statements(run: str, count: int) -> int:
        threads = [make_thread(did) for _ in range(count)]
        for index, thread in enumerate(threads):
            taken(thread, f"{run}-{index}")
            store(account, f"{run}-r{index}", receipt(f"{run}-{index}", "delivered"))
            store(account, f"{run}-t{index}", text(f"{run}-in{index}", thread.number))
            store(account, f"{run}-n{index}", text(f"{run}-new{index}", f"+1646{run}{1_000 + index}"))
        CarrierAccount.objects.update(last_heard_at=timezone.now())
        with CaptureQueriesContext(connection) as queries:
            assert deliveries.process() == 3 * count
        return len([one for one in queries if not one["sql"].startswith("UPDATE messaging_conversation")])

    assert statements("200", 3) == statements("201", 12)
    assert Message.objects.filter(state=State.DELIVERED).count() == 15
    assert Conversation.objects.filter(heard=1).count() == 30


@pytest.fixture
def second_worker() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool
        pool.submit(connections.close_all).result(10)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_two_workers_share_the_work_and_keep_a_persons_texts_in_order(
    account: CarrierAccount, did: Did, monkeypatch: pytest.MonkeyPatch, second_worker: ThreadPoolExecutor
) -> None:
    """The first is slow: the second works off somebody else's text meanwhile, but not this person's next one."""
    monkeypatch.setattr(deliveries, "BATCH", 1)
    store(account, "e1", text("in-1", "+12125550142", "One"))
    store(account, "e2", text("in-2", "+12125550199", "Another"))
    store(account, "e3", text("in-3", "+12125550142", "Two"))
    take, under_way, go = inbound.take, Event(), Event()

    def slow(texts: Any) -> Any:
        if [event.carrier_id for _, event in texts] == ["in-1"]:
            under_way.set()
            assert go.wait(10)
        return take(texts)

    monkeypatch.setattr(inbound, "take", slow)
    with ThreadPoolExecutor(1) as first_worker:
        first = first_worker.submit(deliveries.process)
        assert under_way.wait(10)
        assert second_worker.submit(deliveries.process).result(10) == 1
        assert list(Message.objects.values_list("body", flat=True)) == ["Another"]
        next_one = second_worker.submit(deliveries.process)
        until(_somebody_waits_for_a_person)
        assert not next_one.done()
        go.set()
        assert (first.result(10), next_one.result(10)) == (1, 1)
        first_worker.submit(connections.close_all).result(10)
    assert list(Message.objects.order_by("pk").values_list("body", flat=True)) == ["Another", "One", "Two"]


def _somebody_waits_for_a_person() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND classid = %s",
                       [deliveries.CLAIMING])  # fmt: skip
        return bool(cursor.fetchone()[0])


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_a_worker_that_fails_while_claiming_keeps_nobody_from_it(
    account: CarrierAccount, did: Did, monkeypatch: pytest.MonkeyPatch, second_worker: ThreadPoolExecutor
) -> None:
    store(account, "e1", text("in-1", "+12125550142"))

    def fail(_: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 / 0")

    with monkeypatch.context() as patched:
        patched.setattr(deliveries, "_hold_people", fail)
        patched.setattr(deliveries, "_one_by_one", lambda **_: 0)
        assert deliveries.process() == 0
    assert second_worker.submit(deliveries.process).result(10) == 1
    assert Message.objects.count() == 1


def test_a_ring_that_comes_during_work_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    batches = iter([deliveries.BATCH, 3, 0])
    calls: list[int] = []

    def process() -> int:
        calls.append(len(calls))
        if len(calls) == 2:
            deliveries.work_off()  # as from another thread: returns at once, the one at work goes round again
        return next(batches)

    monkeypatch.setattr(deliveries, "process", process)
    deliveries.work_off()
    assert calls == [0, 1, 2]
