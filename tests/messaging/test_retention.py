"""What a retention run deletes, and what it never does."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import connection, connections, transaction
from django.utils import timezone

from compliance import holds, optout
from compliance.models import OptOut, Suppression
from messaging import outbound, retention, retention_rules
from messaging.models import (
    Attachment,
    Attempt,
    AttemptPart,
    Conversation,
    Delivery,
    Direction,
    DiscardedFile,
    Message,
    OptOutDoubt,
    ParkedText,
    Purpose,
    Receipt,
    RetentionRun,
    State,
    ThreadNote,
)
from messaging.retention_rules import BATCH, FEW, Kind
from portal.models import AuditEvent
from tests.messaging.old import (
    LONG_AGO,
    ago,
    heard_long_ago,
    is_stored,
    keep,
    old_picture,
    old_receipt,
    old_text,
    old_webhook,
)
from tests.messaging.threads import hear, make_account, make_did, make_thread, say
from tests.people import House, sign_in

Deleted = dict[str, int]


@pytest.fixture
def thread(house: House) -> Conversation:
    return make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550101")


@pytest.fixture
def foreign(other_house: House) -> Conversation:
    return make_thread(make_did(other_house.organization, "+13125550002", other_house.sales), "+12125550101")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "_make_room", lambda seconds: None)


def run(house: House) -> Deleted:
    """A whole run; what it says that it deleted."""
    while retention.work(house.organization.pk):
        pass
    newest = retention.newest(house.organization.pk, 1)[0]
    assert newest.finished_at is not None
    return {kind: count for kind, count in newest.deleted.items() if count}


# --- By the defaults ---


def test_at_the_end_of_its_time_a_text_keeps_its_record(house: House, thread: Conversation) -> None:
    message = old_text(thread, by=house.agent, cost="0.00790", recipient_network="t-mobile", settled_at=ago(LONG_AGO))
    picture = old_picture(message, LONG_AGO)
    name = picture.file.name
    question = heard_long_ago(thread)
    before = Message.objects.filter(pk=message.pk).values().get()
    assert run(house) == {"texts": 2, "pictures": 1, "receipts": 2}
    after = Message.objects.filter(pk=message.pk).values().get()
    changed = {name for name, value in after.items() if value != before[name]}
    assert changed == {"body", "redacted_at"}
    assert after["body"] == ""
    assert Message.objects.get(pk=question.pk).body == ""
    assert (Attempt.objects.count(), AttemptPart.objects.count()) == (1, 1)
    picture.refresh_from_db()
    assert (picture.state, picture.file.name, picture.source_url) == ("deleted", "", "")
    assert picture.why.startswith("This picture was deleted on ")
    assert not is_stored(name)
    assert DiscardedFile.objects.count() == 0


def test_the_inbox_says_that_the_newest_text_was_deleted(house: House, thread: Conversation) -> None:
    heard_long_ago(thread, "My number is 4111")
    run(house)
    thread.refresh_from_db()
    assert thread.last_preview.startswith("This text was deleted on ")
    assert thread.last_preview.endswith(" by the retention rule.")
    assert (thread.last_direction, thread.heard, thread.waiting_since) == ("in", 1, thread.waiting_since)
    browser = sign_in(house.agent)
    for address in ("/north/inbox/", f"/north/inbox/{thread.pk}/"):
        page = browser.get(address).content.decode()
        assert "4111" not in page
        assert "by the retention rule" in page


def test_five_years_count_from_the_last_text_with_the_person(house: House, thread: Conversation) -> None:
    old = heard_long_ago(thread)
    other = make_thread(make_did(house.organization, "+13125550003", house.support), thread.number)
    recent = say(other, "By another DID", ago(400))
    assert run(house) == {}
    Message.objects.filter(pk=recent.pk).update(created_at=ago(LONG_AGO))
    Conversation.objects.filter(pk=other.pk).update(last_at=ago(LONG_AGO))
    assert run(house) == {"texts": 2}
    assert Message.objects.get(pk=old.pk).body == ""


def test_raw_webhooks_go_after_a_month_and_receipts_after_a_year(house: House, thread: Conversation) -> None:
    gone = old_webhook(thread, 31)
    stays = old_webhook(thread, 29)
    waits = old_webhook(thread, 31, processed_at=None)
    text = old_text(thread, 100)
    told = old_receipt(thread, 366, delivery=gone)
    Receipt.objects.filter(part__attempt__message=text).update(delivery=stays)
    assert run(house) == {"webhooks": 1, "receipts": 1}
    assert set(Delivery.objects.values_list("pk", flat=True)) == {stays.pk, waits.pk}
    assert not Receipt.objects.filter(pk=told.pk).exists()
    assert Receipt.objects.filter(delivery=stays).count() == 2


def test_a_receipt_outlives_its_raw_webhook(house: House, thread: Conversation) -> None:
    webhook = old_webhook(thread, 31)
    receipt = old_receipt(thread, 31, delivery=webhook)
    run(house)
    receipt.refresh_from_db()
    assert (receipt.delivery_id, Delivery.objects.count()) == (webhook.pk, 0)


def test_parked_texts_go_as_raw_copies_once_placed_and_as_words_before(house: House, thread: Conversation) -> None:
    def parked(days: float, **fields: object) -> int:
        row = ParkedText.objects.create(
            account=make_account(house.organization),
            carrier_id=f"c{ParkedText.objects.count()}",
            to_number="+13125559999",
            from_number="+12125550101",
            body="Hello",
            received_at=ago(days),
            **fields,
        )
        return row.pk

    parked(31, placed_at=ago(30))
    stay = {parked(29, placed_at=ago(28)), parked(31)}
    parked(LONG_AGO)
    assert run(house) == {"webhooks": 1, "texts": 1}
    assert set(ParkedText.objects.values_list("pk", flat=True)) == stay


def test_opt_outs_are_for_ever(house: House, thread: Conversation) -> None:
    optout.record_opt_out(
        organization=house.organization, number=thread.number, source=OptOut.Source.TEXT, evidence="STOP please"
    )
    heard_long_ago(thread, "STOP please")
    keep(house.owner, text_days=30, record_days=1827)
    run(house)
    assert OptOut.objects.get().evidence == "STOP please"
    assert Suppression.objects.get().number == thread.number


# --- What is never deleted ---


@pytest.mark.parametrize("state", [State.QUEUED, State.CLAIMED, State.SENDING, State.UNCONFIRMED])
def test_a_text_that_has_not_ended_stays_whole(house: House, thread: Conversation, state: State) -> None:
    lease = {"token": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "lease_until": timezone.now()}
    message = old_text(thread, state=state, **lease)
    picture = old_picture(message, LONG_AGO)
    assert run(house) == {}
    message.refresh_from_db()
    assert (message.body, message.redacted_at) == ("Old words", None)
    assert is_stored(picture.file.name)
    assert Receipt.objects.count() == 2


def test_a_text_whose_picture_is_on_its_way_stays_whole(house: House, thread: Conversation) -> None:
    message = heard_long_ago(thread)
    old_picture(message, LONG_AGO, state=Attachment.State.PENDING)
    assert run(house) == {}
    assert Message.objects.get().body == "Old question"


def test_a_text_in_doubt_stays_whole_until_somebody_has_decided(house: House, thread: Conversation) -> None:
    message = heard_long_ago(thread, "maybe leave me be")
    picture = old_picture(message, LONG_AGO)
    doubt = OptOutDoubt.objects.create(
        organization=house.organization,
        conversation=thread,
        message=message,
        number=thread.number,
        words="leave me be",
        due_on=ago(0).date(),
    )
    assert run(house) == {}
    assert (Message.objects.get().body, is_stored(picture.file.name)) == ("maybe leave me be", True)
    OptOutDoubt.objects.update(state="no", decided_at=ago(0))
    assert run(house) == {"pictures": 1, "texts": 1}
    doubt.refresh_from_db()
    assert (Message.objects.get().body, doubt.words, is_stored(picture.file.name)) == ("", "", False)


def test_another_organization_is_untouched(house: House, thread: Conversation, foreign: Conversation) -> None:
    texts = [old_text(one) for one in (thread, foreign)]
    pictures = [old_picture(text, LONG_AGO) for text in texts]
    for one in (thread, foreign):
        old_webhook(one, LONG_AGO)
    assert run(house) == {"webhooks": 1, "receipts": 2, "pictures": 1, "texts": 1}
    theirs = Message.objects.get(conversation=foreign)
    assert (theirs.body, theirs.redacted_at) == ("Old words", None)
    assert [is_stored(picture.file.name) for picture in pictures] == [False, True]
    assert Delivery.objects.get().account.organization_id == foreign.organization_id
    assert Receipt.objects.filter(account__organization=foreign.organization_id).count() == 2


# --- Legal holds ---

HOLDS: dict[str, Callable[[Conversation], dict[str, str]]] = {
    "person": lambda thread: {"number": thread.number},
    "DID": lambda thread: {"our_number": thread.did.number},
    "conversation": lambda thread: {"number": thread.number, "our_number": thread.did.number},
    "everything": lambda thread: {},
}


@pytest.mark.parametrize("what", HOLDS)
def test_what_is_held_survives_and_goes_when_the_hold_is_lifted(house: House, thread: Conversation, what: str) -> None:
    free = make_thread(make_did(house.organization, "+13125550009", house.sales), "+12125550199")
    raw = f'{{"to": "{thread.number}", "from": "{thread.did.number}"}}'.encode()
    pictures = []
    for one in (thread, free):
        pictures.append(old_picture(old_text(one), LONG_AGO))
    old_webhook(thread, LONG_AGO, raw)
    old_webhook(free, LONG_AGO, f'{{"to": "{free.number}"}}'.encode())
    keep(house.owner, record_days=1827)
    hold = holds.place(
        organization=house.organization, reason="Letter", by=house.compliance_admin.user, **HOLDS[what](thread)
    )
    everything = {"webhooks": 1, "receipts": 2, "pictures": 1, "texts": 1, "records": 1}
    assert run(house) == ({} if what == "everything" else everything)
    kept = Message.objects.get(conversation=thread)
    assert (kept.body, kept.redacted_at) == ("Old words", None)
    assert is_stored(pictures[0].file.name)
    assert Receipt.objects.filter(part__attempt__message=kept).count() == 2
    assert Delivery.objects.filter(body=raw).count() == 1
    holds.lift(hold=hold, why="Settled", by=house.owner.user)
    counts = run(house)
    assert counts == {kind: count * (2 if what == "everything" else 1) for kind, count in everything.items()}
    assert (Message.objects.count(), Delivery.objects.count(), Receipt.objects.count()) == (0, 0, 0)
    assert not is_stored(pictures[0].file.name)


def test_a_hold_on_one_conversation_frees_the_person_s_others(house: House, thread: Conversation) -> None:
    other = make_thread(make_did(house.organization, "+13125550003", house.sales), thread.number)
    heard_long_ago(thread)
    free = heard_long_ago(other)
    holds.place(
        organization=house.organization,
        reason="Letter",
        by=house.owner.user,
        number=thread.number,
        our_number=thread.did.number,
    )
    assert run(house) == {"texts": 1}
    assert Message.objects.get(body="").pk == free.pk


def test_a_hold_elsewhere_holds_nothing_here(house: House, thread: Conversation, other_house: House) -> None:
    heard_long_ago(thread)
    holds.place(organization=other_house.organization, reason="Letter", by=other_house.owner.user)
    holds.place(organization=other_house.organization, reason="Letter", by=other_house.owner.user, number=thread.number)
    assert run(house) == {"texts": 1}


def test_a_raw_receipt_that_names_no_number_is_held_by_the_text_it_tells_of(house: House, thread: Conversation) -> None:
    message = old_text(thread)
    webhook = old_webhook(thread, LONG_AGO, b'{"id": "part"}')
    Receipt.objects.filter(part__attempt__message=message, word="sent").update(delivery=webhook)
    holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=thread.number)
    assert run(house) == {}
    assert Delivery.objects.count() == 1


@pytest.mark.parametrize(
    "raw", [b'{"from":"+12125550101"}', b"From=%2B12125550101&To=1", b'{"from":"12125550101"}', b"msisdn=2125550101"]
)
def test_a_held_number_is_found_however_a_carrier_writes_it(house: House, thread: Conversation, raw: bytes) -> None:
    old_webhook(thread, 40, raw)
    old_webhook(thread, 40, b'{"from":"+12125550102"}')
    holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=thread.number)
    assert run(house) == {"webhooks": 1}
    assert bytes(Delivery.objects.get().body) == raw


# --- By the owner's rule ---


def test_shorter_than_the_law_each_text_goes_by_its_own_age(house: House, thread: Conversation) -> None:
    old, young = hear(thread, "Old", ago(91)), hear(thread, "Young", ago(89))
    keep(house.owner, text_days=90)
    assert run(house) == {"texts": 1}
    assert [Message.objects.get(pk=one.pk).body for one in (old, young)] == ["", "Young"]
    thread.refresh_from_db()
    assert thread.last_preview == "Young"


def test_pictures_may_go_before_their_words(house: House, thread: Conversation) -> None:
    message = hear(thread, "Look", ago(61))
    picture, young = old_picture(message, 61), old_picture(hear(thread, "And", ago(59)), 59)
    keep(house.owner, picture_days=60)
    assert run(house) == {"pictures": 1}
    assert Message.objects.get(pk=message.pk).body == "Look"
    assert (is_stored(picture.file.name), is_stored(young.file.name)) == (False, True)
    page = sign_in(house.agent).get(f"/north/inbox/{thread.pk}/").content.decode()
    assert page.count("This picture was deleted on ") == 1


def test_pictures_and_raw_webhooks_never_outlive_the_words(house: House, thread: Conversation) -> None:
    old_picture(hear(thread, "Look", ago(61)), 61)
    old_webhook(thread, 61)
    keep(house.owner, text_days=60, webhook_days=365)
    assert run(house) == {"webhooks": 1, "pictures": 1, "texts": 1}


def test_records_go_with_all_that_hangs_on_them_and_the_thread_says_so(house: House, thread: Conversation) -> None:
    text = old_text(thread)
    name = old_picture(text, LONG_AGO).file.name
    heard_long_ago(thread, days=LONG_AGO - 1)
    ThreadNote.objects.create(conversation=thread, kind="assigned", text="Given", at=ago(LONG_AGO - 0.5))
    keep(house.owner, record_days=1827)
    assert run(house) == {"receipts": 2, "pictures": 1, "texts": 2, "records": 2}
    for model in (Message, Attempt, AttemptPart, Receipt, Attachment):
        assert model.objects.count() == 0, model  # type: ignore[attr-defined]
    assert not is_stored(name)
    thread.refresh_from_db()
    assert (thread.last_message, thread.last_direction, thread.last_state, thread.heard) == (None, "", "", 1)
    assert thread.last_preview.startswith("All texts up to here were deleted on ")
    assert [note.kind for note in thread.notes.all()] == ["retention"]
    browser = sign_in(house.agent)
    assert "All texts up to here were deleted" in browser.get("/north/inbox/").content.decode()
    page = browser.get(f"/north/inbox/{thread.pk}/").content.decode()
    assert "All texts up to here were deleted" in page
    hear(thread, "It is me again")
    assert "It is me again" in browser.get(f"/north/inbox/{thread.pk}/").content.decode()


def test_records_are_kept_for_ever_unless_the_owner_says_otherwise(house: House, thread: Conversation) -> None:
    old_text(thread, 40 * 366)
    run(house)
    assert (Message.objects.count(), AttemptPart.objects.count()) == (1, 1)


def test_a_text_without_words_is_not_sent_again(house: House, thread: Conversation) -> None:
    message = old_text(thread, 100, state=State.FAILED)
    Message.objects.update(key="form-1")
    keep(house.owner, text_days=90)
    run(house)
    message.refresh_from_db()
    assert not outbound.retry_message(message=message, by=house.owner)
    with pytest.raises(outbound.MessageRefused, match="another text already"):
        outbound.queue_message(conversation=thread, body="Old words", by=house.owner, key="form-1")
    assert "Try again" not in sign_in(house.agent).get(f"/north/inbox/{thread.pk}/").content.decode()
    assert [(one.state, one.body) for one in Message.objects.all()] == [("failed", "")]


def test_a_retried_text_is_not_old(house: House, thread: Conversation) -> None:
    """It was picked for deletion, and is queued again before the batch has its row."""
    message = old_text(thread, 100, state=State.FAILED)
    Message.objects.filter(pk=message.pk).update(state=State.QUEUED)
    assert retention_rules._clear_texts(house.organization.pk, [message.pk]) == 0
    assert Message.objects.get().body == "Old words"


# --- Batches ---


def many(thread: Conversation, count: int, days: float = 100) -> None:
    Message.objects.bulk_create(
        Message(
            organization_id=thread.organization_id,
            conversation=thread,
            number=thread.number,
            direction=Direction.IN,
            body=f"Text {index}",
            state=State.RECEIVED,
            created_at=ago(days) + timedelta(seconds=index),
        )
        for index in range(count)
    )


@pytest.mark.django_db(transaction=True)
def test_no_transaction_takes_more_than_a_batch(house: House, thread: Conversation) -> None:
    many(thread, 5_000)
    keep(house.owner, text_days=90)
    left: list[int] = []
    real = retention.batch

    def watched(run_id: int) -> bool:
        is_left = real(run_id)
        assert not connection.in_atomic_block
        left.append(Message.objects.filter(redacted_at=None).count())
        return is_left

    with mock.patch.object(retention, "batch", watched):
        assert run(house) == {"texts": 5_000}
    steps = [before - after for before, after in zip([5_000, *left], left, strict=False)]
    assert [step for step in steps if step] == [BATCH] * (5_000 // BATCH)
    assert (BATCH, left[-1]) == (500, 0)


def test_records_go_in_smaller_batches_for_what_they_bring_along(house: House, thread: Conversation) -> None:
    many(thread, 2 * FEW + 1, LONG_AGO)
    Message.objects.update(redacted_at=timezone.now(), body="")
    keep(house.owner, record_days=1827)
    sizes: list[int] = []
    real = retention_rules._clear_records

    def watched(organization_id: int, ids: Any) -> int:
        sizes.append(len(ids))
        return real(organization_id, ids)

    rules = tuple(
        rule if rule.name != "records" else retention_rules.Rule(**_fields(rule) | {"clear": watched})
        for rule in retention_rules.RULES
    )
    with mock.patch.object(retention_rules, "RULES", rules):
        assert run(house) == {"records": 2 * FEW + 1}
    assert sizes == [FEW, FEW, 1]


def _fields(rule: retention_rules.Rule) -> dict[str, Any]:
    return {name: getattr(rule, name) for name in retention_rules.Rule.__slots__}


def test_a_run_goes_on_where_another_worker_stopped(house: House, thread: Conversation) -> None:
    many(thread, 2 * BATCH)
    keep(house.owner, text_days=90)
    assert retention.work(house.organization.pk, seconds=0)
    while Message.objects.filter(redacted_at=None).count() == 2 * BATCH:
        assert retention.work(house.organization.pk, seconds=0)
    stopped = RetentionRun.objects.get()
    assert (stopped.deleted, stopped.place[0], stopped.finished_at) == ({"texts": BATCH}, "texts/", None)
    assert run(house) == {"texts": 2 * BATCH}
    assert RetentionRun.objects.count() == 1


def test_a_worker_that_died_is_succeeded_when_its_lease_is_over(house: House, thread: Conversation) -> None:
    heard_long_ago(thread)
    dead = RetentionRun.objects.create(
        organization=house.organization, started_at=timezone.now(), worked_until=timezone.now() + timedelta(minutes=1)
    )
    assert not retention.work(house.organization.pk)
    assert Message.objects.get().body != ""
    RetentionRun.objects.filter(pk=dead.pk).update(worked_until=timezone.now())
    assert run(house) == {"texts": 1}


def test_what_a_run_may_not_touch_does_not_hold_it_up(house: House, thread: Conversation) -> None:
    """Held rows at the front are passed by, once a run."""
    many(thread, BATCH + 1, 200)
    holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=thread.number)
    free = make_thread(thread.did, "+12125550188")
    hear(free, "Free", ago(100))
    keep(house.owner, text_days=90)
    assert run(house) == {"texts": 1}


def test_rows_of_one_moment_are_each_looked_at_once(house: House, thread: Conversation) -> None:
    many(thread, 2 * BATCH + 10)
    Message.objects.update(created_at=ago(100))
    keep(house.owner, text_days=90)
    assert run(house) == {"texts": 2 * BATCH + 10}


def test_a_carrier_account_that_is_gone_in_mid_run_stops_nothing(house: House, thread: Conversation) -> None:
    run_of = RetentionRun.objects.create(
        organization=house.organization, started_at=timezone.now(), place=["webhooks/gone", ago(3).isoformat(), 7]
    )
    old_webhook(thread, 31)
    assert run(house) == {"webhooks": 1}
    assert RetentionRun.objects.get().pk == run_of.pk


@pytest.mark.django_db(transaction=True)
def test_two_workers_at_one_run_delete_each_row_once(house: House, thread: Conversation) -> None:
    many(thread, 2_000)
    keep(house.owner, text_days=90)
    shared = RetentionRun.objects.create(organization=house.organization, started_at=timezone.now())
    failures: list[BaseException] = []

    def work() -> None:
        try:
            while retention.batch(shared.pk):
                pass
        except BaseException as error:
            failures.append(error)
        finally:
            connections.close_all()

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(60)
    assert failures == []
    shared.refresh_from_db()
    assert (shared.deleted, Message.objects.filter(redacted_at=None).count()) == ({"texts": 2_000}, 0)
    assert AuditEvent.objects.filter(action="retention.run.finished").count() == 1


@pytest.mark.django_db(transaction=True)
def test_the_inbox_works_while_a_batch_is_open(house: House, thread: Conversation) -> None:
    many(thread, BATCH)
    keep(house.owner, text_days=90)
    other = make_thread(thread.did, "+12125550177")
    visitor, statuses = sign_in(house.agent), dict[str, int]()
    # SQLite has one writer: there a text waits for the end of the batch, and reading goes on.
    may_write = connection.vendor == "postgresql"
    save = RetentionRun.save

    def agent() -> None:
        try:
            for address in ("/north/inbox/", f"/north/inbox/{other.pk}/"):
                statuses[address] = visitor.get(address).status_code
            if may_write:
                fields = {"body": "Meanwhile", "key": "7d4448409dc011d1b2455ffdce74fad2"}
                statuses["reply"] = visitor.post(f"/north/inbox/{other.pk}/reply/", fields).status_code
        finally:
            connections.close_all()

    def busy(run: RetentionRun, **how: Any) -> None:
        if run.deleted and not statuses:
            assert Message.objects.filter(redacted_at=None).count() == 0
            visit = threading.Thread(target=agent)
            visit.start()
            visit.join(30)
            assert not visit.is_alive(), "the inbox waits for the batch"
        save(run, **how)

    with mock.patch.object(RetentionRun, "save", busy):
        assert run(house) == {"texts": BATCH}
    pages = {"/north/inbox/": 200, f"/north/inbox/{other.pk}/": 200}
    assert statuses == (pages | {"reply": 302} if may_write else pages)
    assert Message.objects.filter(body="Meanwhile").exists() == may_write


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_who_places_a_hold_waits_for_the_batch_and_then_it_holds(house: House, thread: Conversation) -> None:
    many(thread, 2 * BATCH)
    keep(house.owner, text_days=90)
    shared = RetentionRun.objects.create(
        organization=house.organization, started_at=timezone.now(), place=["texts/", None, None]
    )
    placed = threading.Event()

    def compliance() -> None:
        try:
            holds.place(organization=house.organization, reason="Letter", by=house.owner.user, number=thread.number)
            placed.set()
        finally:
            connections.close_all()

    hand = threading.Thread(target=compliance)
    with transaction.atomic():
        assert retention.batch(shared.pk)
        hand.start()
        assert not placed.wait(0.3)
    hand.join(30)
    assert placed.is_set()
    while retention.batch(shared.pk):
        pass
    assert Message.objects.filter(redacted_at=None).count() == BATCH


# --- Files ---


def test_only_the_files_of_deleted_rows_go(house: House, thread: Conversation) -> None:
    gone = old_picture(heard_long_ago(thread), LONG_AGO).file.name
    young = old_picture(hear(make_thread(thread.did), "Look", ago(1)), 1).file.name
    stray = default_storage.save("attachments/stray.png", ContentFile(b"of another portal on the same storage"))
    run(house)
    assert [is_stored(name) for name in (gone, young, stray)] == [False, True, True]


@pytest.mark.django_db(transaction=True)
def test_a_file_outlives_a_batch_that_is_rolled_back(house: House, thread: Conversation) -> None:
    picture = old_picture(heard_long_ago(thread), LONG_AGO)

    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    with mock.patch.object(RetentionRun, "save", fail), pytest.raises(ZeroDivisionError):
        run(house)
    picture.refresh_from_db()
    assert (picture.state, is_stored(picture.file.name), DiscardedFile.objects.count()) == ("stored", True, 0)
    assert run(house) == {"pictures": 1, "texts": 1}


def test_a_file_that_could_not_be_removed_is_found_by_the_next_run(house: House, thread: Conversation) -> None:
    name = old_picture(heard_long_ago(thread), LONG_AGO).file.name

    def fail(*_: object) -> None:
        raise PermissionError

    with mock.patch.object(default_storage, "delete", fail):
        run(house)
    assert (is_stored(name), DiscardedFile.objects.get().name) == (True, name)
    DiscardedFile.objects.update(at=ago(2))
    assert retention.files_left(timezone.now()) == 1
    run(house)
    assert (is_stored(name), DiscardedFile.objects.count()) == (False, 0)


# --- When it runs, and what it would do ---


def test_each_organization_is_due_once_a_day_and_few_at_once(house: House, other_house: House) -> None:
    now = timezone.now()
    ids = [house.organization.pk, other_house.organization.pk]
    assert retention.due(now) == ids
    run(house)
    assert retention.due(now) == ids[1:]
    assert retention.due(now + timedelta(days=1, minutes=1)) == ids
    for organization in (house.organization, other_house.organization):
        RetentionRun.objects.create(organization=organization, started_at=now, worked_until=now + timedelta(minutes=1))
    assert retention.due(now) == []
    assert retention.due(now + timedelta(minutes=2)) == ids


def test_a_dry_run_says_what_goes_and_deletes_nothing(house: House, thread: Conversation) -> None:
    old_picture(old_text(thread), LONG_AGO)
    old_webhook(thread, 31)
    hear(make_thread(thread.did), "Young", ago(1))
    policy = keep(house.owner)
    before = list(Message.objects.values())
    plan = retention.plan(house.organization.pk, policy)
    assert {kind.value: amount.count for kind, amount in plan.items() if amount.count} == {
        "webhooks": 1,
        "receipts": 2,
        "pictures": 1,
        "texts": 1,
    }
    assert all(amount.is_exact for amount in plan.values())
    assert list(Message.objects.values()) == before
    assert {kind: amount.count for kind, amount in plan.items()} == dict.fromkeys(Kind, 0) | run(house)


def test_a_dry_run_stops_counting_where_nobody_reads_on(house: House, thread: Conversation) -> None:
    many(thread, 12)
    policy = keep(house.owner, text_days=90)
    amount = retention.plan(house.organization.pk, policy, limit=10)[Kind.TEXTS]
    assert (amount.count, amount.is_exact) == (11, False)


def test_stock_is_counted_or_estimated(house: House, thread: Conversation, monkeypatch: pytest.MonkeyPatch) -> None:
    many(thread, 30)
    assert retention.stock(house.organization.pk)[Kind.TEXTS] == retention.Amount(30)
    monkeypatch.setattr(retention, "COUNT_LIMIT", 10)
    amount = retention.stock(house.organization.pk)[Kind.TEXTS]
    if connection.vendor == "postgresql":
        assert amount.count >= 11
        assert not amount.is_exact
    else:
        assert amount == retention.Amount(30)


def test_a_run_that_deleted_something_is_in_the_audit_trail(house: House, thread: Conversation) -> None:
    run(house)
    assert not AuditEvent.objects.filter(action="retention.run.finished").exists()
    heard_long_ago(thread)
    run(house)
    event = AuditEvent.objects.get(action="retention.run.finished")
    assert (event.by, event.data["texts"]) == (None, 1)


def test_an_outbound_text_still_goes_out_after_a_run(house: House, thread: Conversation) -> None:
    """Nothing that waits is taken for old: not-before may lie far from created_at."""
    message = say(thread, "Later", ago(100), state=State.QUEUED, purpose=Purpose.FOLLOW_UP)
    keep(house.owner, text_days=90)
    run(house)
    message.refresh_from_db()
    assert (message.state, message.body) == ("queued", "Later")
