from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from messaging.models import Attachment, Attempt, Conversation, ThreadNote
from messaging.timeline import thread_page
from tests.messaging.threads import NOON, hear, make_account, make_did, make_thread, say
from tests.people import House

pytestmark = pytest.mark.django_db


@pytest.fixture
def thread(house: House) -> Conversation:
    return make_thread(make_did(house.organization, "+13125550001", house.sales), "+12125550142")


def lines(conversation: Conversation, before: int | None = None) -> list[str]:
    return [
        entry.message.body if entry.message else entry.note.text  # type: ignore[union-attr]
        for entry in thread_page(conversation, before).entries
    ]


def test_messages_and_notes_in_one_line_of_time(thread: Conversation) -> None:
    hear(thread, "Hello", NOON)
    ThreadNote.objects.create(conversation=thread, kind="assigned", text="Taken", at=NOON + timedelta(minutes=1))
    say(thread, "Hi", NOON + timedelta(minutes=2))
    assert lines(thread) == ["Hello", "Taken", "Hi"]


def test_earlier_pages_join_without_gap_or_repeat(thread: Conversation) -> None:
    for n in range(130):
        hear(thread, f"text {n}", NOON + timedelta(minutes=n))
        if n % 10 == 0:
            ThreadNote.objects.create(
                conversation=thread, kind="x", text=f"note {n}", at=NOON + timedelta(minutes=n, seconds=30)
            )
    first = thread_page(thread)
    second = thread_page(thread, first.before)
    third = thread_page(thread, second.before)
    whole = lines(thread, second.before) + lines(thread, first.before) + lines(thread)
    expected = []
    for n in range(130):
        expected += [f"text {n}", f"note {n}"] if n % 10 == 0 else [f"text {n}"]
    assert whole == expected
    assert third.before is None


def test_a_day_opens_by_the_readers_clock(thread: Conversation) -> None:
    hear(thread, "late evening", datetime(2026, 3, 3, 4, 59, tzinfo=UTC))  # 23:59 in New York
    hear(thread, "past midnight", datetime(2026, 3, 3, 5, 1, tzinfo=UTC))
    hear(thread, "a minute later", datetime(2026, 3, 3, 5, 2, tzinfo=UTC))
    with timezone.override("America/New_York"):
        assert [entry.opens_day for entry in thread_page(thread).entries] == [True, True, False]
    with timezone.override("UTC"):
        assert [entry.opens_day for entry in thread_page(thread).entries] == [True, False, False]


def test_a_line_is_drawn_anew_only_when_it_changed(thread: Conversation) -> None:
    message = say(thread, "Hi", state="queued")
    first = thread_page(thread).entries[0]
    assert thread_page(thread).entries[0].version == first.version
    message.state = "delivered"
    message.save()
    assert thread_page(thread).entries[0].version != first.version


@pytest.mark.parametrize("size", [1, 40])
def test_a_thread_costs_two_queries(thread: Conversation, django_assert_num_queries: object, size: int) -> None:
    account = make_account(thread.organization)
    for n in range(size):
        message = say(thread, f"text {n}", state="failed", has_media=True)
        Attempt.objects.create(message=message, number=1, account=account, code="40001")
        Attachment.objects.create(
            organization=thread.organization, message=message, position=0, state=Attachment.State.STORED
        )
    with django_assert_num_queries(2):  # type: ignore[operator]
        for entry in thread_page(thread).entries:
            assert [attempt.code for attempt in entry.attempts] == ["40001"]
            assert len(entry.pictures) == 1
