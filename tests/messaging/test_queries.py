from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from messaging import queries
from messaging.conversations import mark_read
from messaging.models import Attachment, Attempt, Conversation, ThreadNote
from messaging.queries import Cursor, Folder, inbox_page, thread_page
from portal.models import Membership
from tests.messaging.threads import NOON, hear, make_account, make_did, make_thread, say
from tests.people import House

pytestmark = pytest.mark.django_db


def numbers(membership: Membership, **filters: object) -> list[str]:
    return [row.number for row in inbox_page(membership, **filters).rows]  # type: ignore[arg-type]


@pytest.fixture
def threads(house: House) -> dict[str, Conversation]:
    """Newest first: answered, waiting, mine, closed in sales; support's own."""
    sales = make_did(house.organization, "+13125550001", house.sales)
    support = make_did(house.organization, "+13125550002", house.support)
    made = {
        "answered": make_thread(sales, "+12125550101", name="Harbor Dental"),
        "waiting": make_thread(sales, "+12125550102"),
        "mine": make_thread(sales, "+12125550103", assignee=house.agent),
        "closed": make_thread(sales, "+12125550104", state="closed"),
        "support": make_thread(support, "+12125550105"),
    }
    for age, thread in enumerate(made.values()):
        thread.last_at = NOON - timedelta(minutes=age)
        thread.save()
    hear(made["answered"], "Hello?", NOON)
    say(made["answered"], "Hi!", NOON)
    hear(made["waiting"], "One", NOON - timedelta(minutes=1))
    hear(made["waiting"], "Two", NOON - timedelta(minutes=1))
    return made


@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        (Folder.ALL, ["+12125550101", "+12125550102", "+12125550103"]),
        (Folder.MINE, ["+12125550103"]),
        (Folder.UNASSIGNED, ["+12125550101", "+12125550102"]),
        (Folder.WAITING, ["+12125550102"]),
        (Folder.UNREAD, ["+12125550102"]),
        (Folder.CLOSED, ["+12125550104"]),
    ],
)
def test_folders(house: House, threads: dict[str, Conversation], folder: Folder, expected: list[str]) -> None:
    assert numbers(house.agent, folder=folder) == expected


@pytest.mark.parametrize(
    ("person", "expected"),
    [
        ("agent", 3),
        ("supervisor", 3),
        ("second_agent", 1),
        ("owner", 4),
        ("compliance_admin", 4),
        ("dialer_admin", 0),
    ],
)
def test_who_sees_how_many(house: House, threads: dict[str, Conversation], person: str, expected: int) -> None:
    assert len(inbox_page(getattr(house, person)).rows) == expected


def test_a_foreign_owner_sees_nothing_of_it(threads: dict[str, Conversation], other_house: House) -> None:
    assert numbers(other_house.owner) == []


def test_where_agents_see_only_their_own(house: House, threads: dict[str, Conversation]) -> None:
    house.sales.own_threads_only = True
    house.sales.save()
    assert numbers(house.agent) == ["+12125550103"]
    assert len(numbers(house.supervisor)) == 3


def test_unread_is_each_persons_own(house: House, threads: dict[str, Conversation]) -> None:
    def unread(who: Membership) -> dict[str, int]:
        return {row.number: row.unread for row in inbox_page(who).rows}

    assert unread(house.agent) == {"+12125550101": 0, "+12125550102": 2, "+12125550103": 0}
    mark_read(conversation=threads["waiting"], by=house.agent)
    assert unread(house.agent)["+12125550102"] == 0
    assert unread(house.supervisor)["+12125550102"] == 2
    hear(threads["waiting"], "Three")
    assert unread(house.agent)["+12125550102"] == 1
    assert unread(house.supervisor)["+12125550102"] == 3


def test_an_answer_makes_it_read_for_everybody(house: House, threads: dict[str, Conversation]) -> None:
    say(threads["waiting"], "Here I am", by=house.agent)
    assert numbers(house.supervisor, folder=Folder.UNREAD) == []


def test_a_did_narrows_the_list(house: House, threads: dict[str, Conversation]) -> None:
    assert numbers(house.owner, did_id=threads["support"].did_id) == ["+12125550105"]


@pytest.mark.parametrize(
    ("q", "expected"),
    [
        ("harbor", ["+12125550101"]),
        ("(212) 555-0104", ["+12125550104"]),  # closed ones are found too
        ("0102", ["+12125550102"]),
        ("nobody", []),
        ("%", []),
    ],
)
def test_search(house: House, threads: dict[str, Conversation], q: str, expected: list[str]) -> None:
    assert numbers(house.agent, q=q) == expected


def test_counts(house: House, threads: dict[str, Conversation]) -> None:
    counts = {one.folder: (one.count, one.shown) for one in queries.folder_counts(house.agent)}
    assert counts == {
        Folder.ALL: (None, ""),
        Folder.UNREAD: (1, "1"),
        Folder.WAITING: (1, "1"),
        Folder.MINE: (1, "1"),
        Folder.UNASSIGNED: (2, "2"),
        Folder.CLOSED: (None, ""),
    }


def test_a_count_stops_at_ninety_nine(house: House) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    contact = make_thread(did).contact
    Conversation.objects.bulk_create(
        Conversation(organization=house.organization, did=did, team=house.sales, contact=contact, number=f"+1212555{n}")
        for n in range(2000, 2120)
    )
    unassigned = next(one for one in queries.folder_counts(house.agent) if one.folder == Folder.UNASSIGNED)
    assert (unassigned.count, unassigned.shown) == (100, "99+")


def test_pages_hold_fifty_and_neither_repeat_nor_skip(house: House) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    for n in range(120):
        make_thread(did, last_at=NOON - timedelta(minutes=n // 7))  # seven share each minute
    seen: list[int] = []
    cursor = ""
    sizes = []
    while True:
        page = inbox_page(house.agent, cursor=cursor)
        sizes.append(len(page.rows))
        seen += [row.pk for row in page.rows]
        if page.next_cursor is None:
            break
        cursor = str(page.next_cursor)
    assert sizes == [50, 50, 20]
    assert seen == list(Conversation.objects.order_by("-last_at", "-id").values_list("pk", flat=True))


@pytest.mark.parametrize("text", ["", "x", "1", "1.", ".1", "1.x", "-1.5", "9" * 39 + ".1", "9" * 30 + ".1"])
def test_what_is_no_cursor_starts_at_the_top(text: str) -> None:
    assert Cursor.read(text) is None


def test_a_cursor_reads_what_it_wrote() -> None:
    cursor = Cursor(datetime(2026, 3, 2, 18, 0, 0, 123457, tzinfo=UTC), 7)
    assert str(cursor) == "1772474400123457.7"
    assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize("rows", [1, 30])
def test_the_list_costs_the_same_for_one_row_and_for_thirty(
    house: House, django_assert_num_queries: object, rows: int
) -> None:
    did = make_did(house.organization, "+13125550001", house.sales)
    for n in range(rows):
        thread = make_thread(did, name=f"Customer {n}", assignee=house.agent)
        hear(thread, "Hello")
    with django_assert_num_queries(2):  # type: ignore[operator] # own teams, the list
        for row in inbox_page(house.agent).rows:
            assert (row.did_number, row.assignee, row.unread) == ("+13125550001", "agent@north.example", 1)


# --- The thread ---


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
def test_a_thread_costs_four_queries(thread: Conversation, django_assert_num_queries: object, size: int) -> None:
    account = make_account(thread.organization)
    for n in range(size):
        message = say(thread, f"text {n}", state="failed", has_media=True)
        Attempt.objects.create(message=message, number=1, account=account, code="40001")
        Attachment.objects.create(
            organization=thread.organization, message=message, position=0, state=Attachment.State.STORED
        )
    with django_assert_num_queries(4):  # type: ignore[operator]
        for entry in thread_page(thread).entries:
            assert [attempt.code for attempt in entry.attempts] == ["40001"]
            assert len(entry.pictures) == 1


def test_sisters_are_the_visible_threads_of_the_same_person(house: House, thread: Conversation) -> None:
    second = make_thread(make_did(house.organization, "+13125550003", house.sales), thread.number)
    hidden = make_thread(make_did(house.organization, "+13125550004", house.support), thread.number)
    assert queries.sister_threads(house.agent, thread) == [second]
    assert set(queries.sister_threads(house.owner, thread)) == {second, hidden}


def test_a_thread_goes_to_people_of_its_team_who_text_and_to_owners(house: House, thread: Conversation) -> None:
    assert [str(one) for one in queries.assignable(thread)] == [
        "agent@north.example",
        "owner@north.example",
        "supervisor@north.example",
    ]


def test_the_customers_clock_is_guessed_from_the_number_or_known(thread: Conversation) -> None:
    now = datetime(2026, 3, 3, 3, 0, tzinfo=UTC)
    guessed = queries.local_time(thread, now)
    assert guessed is not None
    assert (f"{guessed.at:%H:%M}", guessed.is_guess, guessed.is_night) == ("22:00", True, True)
    thread.contact.time_zone = "America/Los_Angeles"
    known = queries.local_time(thread, now)
    assert known is not None
    assert (f"{known.at:%H:%M}", known.is_guess, known.is_night) == ("19:00", False, False)


def test_a_number_that_tells_no_place_tells_no_time(house: House, thread: Conversation) -> None:
    thread.number = "+18005550142"
    assert queries.local_time(thread, NOON) is None


def test_every_state_has_a_look() -> None:
    assert set(queries.LOOKS) == set(queries.MessageState)
