from datetime import UTC, datetime, timedelta

import pytest

from messaging import queries
from messaging.conversations import mark_read
from messaging.models import Conversation
from messaging.queries import Cursor, Folder, inbox_page
from portal.models import Membership
from tests.messaging.threads import NOON, hear, make_did, make_thread, say
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


def test_sisters_are_the_visible_threads_of_the_same_person(house: House, thread: Conversation) -> None:
    second = make_thread(make_did(house.organization, "+13125550003", house.sales), thread.number)
    hidden = make_thread(make_did(house.organization, "+13125550004", house.support), thread.number)

    def sisters(who: Membership) -> set[Conversation]:
        return set(queries.find_thread(who, thread.pk).sisters)  # type: ignore[attr-defined]

    assert sisters(house.agent) == {second}
    assert sisters(house.owner) == {second, hidden}


def test_a_thread_is_found_among_very_many_of_the_same_person(house: House, thread: Conversation) -> None:
    Conversation.objects.filter(pk=thread.pk).update(last_at=NOON - timedelta(days=1))
    for number in range(queries.SISTERS):
        make_thread(make_did(house.organization, f"+1312556{number:04}", house.sales), thread.number, last_at=NOON)
    found = queries.find_thread(house.agent, thread.pk)
    assert found == thread
    assert len(found.sisters) == 10  # type: ignore[attr-defined]


def test_the_filters_name_the_dids_whose_threads_a_member_sees(house: House) -> None:
    make_did(house.organization, "+13125550001", house.sales)
    make_did(house.organization, "+13125550002", house.sales, label="Front desk")
    make_did(house.organization, "+13125550003", house.support)
    links = [(one.name, one.title, one.last_digits) for one in queries.did_links(house.agent)]
    assert links == [
        ("(312) 555-0001", "(312) 555-0001", "0001"),
        ("Front desk", "(312) 555-0002 Front desk", "0002"),
    ]


def test_a_thread_goes_to_people_of_its_team_who_text_and_to_owners(house: House, thread: Conversation) -> None:
    assert [one.name for one in queries.assignable(thread)] == [
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
