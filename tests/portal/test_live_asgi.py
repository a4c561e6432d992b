"""The event stream, through a real server and real sockets."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection, transaction
from django.test import Client

from portal import live, live_asgi, live_hub, people
from portal.models import LiveEvent, Membership, Role, User
from tests.people import House, sign_in
from tests.portal.screens import Door, Screen, opened, session_key

pytestmark = pytest.mark.django_db(transaction=True)
Look = Callable[[Membership], Screen]
RESYNC = ("resync", [])


@pytest.fixture
def door() -> Iterator[Door]:
    with opened() as door:
        yield door


@pytest.fixture
def look(door: Door) -> Look:
    """Opens a screen of a member, past its first event."""

    def open_one(member: Membership) -> Screen:
        screen = door.open(f"/live/{member.organization.slug}/", key=session_key(member))
        assert screen.next() == RESYNC
        return screen

    return open_one


# --- The door ---


def test_the_first_event_tells_the_page_to_fetch_what_it_shows(door: Door, house: House) -> None:
    screen = door.open("/live/north/", key=session_key(house.agent))
    assert screen.status == 200
    assert screen.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert screen.headers["cache-control"] == "no-store"
    assert screen.block() == 'id: 0\nevent: resync\ndata: {"refs":[]}'


@pytest.mark.parametrize(
    ("slug", "status"), [("north", 200), ("south", 404), ("nowhere", 404), ("north/x", 404), ("", 404)]
)
def test_only_members_listen(door: Door, house: House, other_house: House, slug: str, status: int) -> None:
    screen = door.open(f"/live/{slug}/", key=session_key(house.agent))
    assert screen.status == status


def test_nobody_without_a_session_listens(door: Door, house: House, outsider: User) -> None:
    assert door.open("/live/north/").status == 403
    assert door.open("/live/north/", key="made-up").status == 403
    assert door.open("/live/north/", key=session_key(outsider)).status == 404


def test_a_deactivated_member_and_a_changed_password_do_not_listen(door: Door, house: House) -> None:
    Membership.objects.filter(pk=house.agent.pk).update(is_active=False)
    assert door.open("/live/north/", key=session_key(house.agent)).status == 404
    key = session_key(house.supervisor)
    house.supervisor.user.set_password("another one entirely")
    house.supervisor.user.save()
    assert door.open("/live/north/", key=key).status == 403


def test_a_foreign_host_and_other_methods_are_refused(door: Door, house: House) -> None:
    key = session_key(house.agent)
    assert door.open("/live/north/", key=key, host="evil.example").status == 403
    posted = door.open("/live/north/", key=key, method="POST")
    assert (posted.status, posted.headers["allow"]) == (405, "GET")


def test_every_other_address_is_django_s(door: Door, db: None) -> None:
    answer = door.open("/healthz")
    assert (answer.status, answer.headers["content-type"]) == (200, "text/plain")


# --- Who hears what ---

HEARD = {  # role -> which of the audiences below; the standing agent and supervisor are in sales
    Role.AGENT: ["org", "sales"],
    Role.SUPERVISOR: ["org", "sales"],
    Role.OWNER: ["org", "sales", "support", "nobody's"],
    Role.COMPLIANCE_ADMIN: ["org", "sales", "support", "nobody's"],
    Role.DIALER_ADMIN: ["org"],
}


@pytest.mark.parametrize("role", Role)
def test_a_screen_hears_what_its_member_may_know(look: Look, house: House, other_house: House, role: Role) -> None:
    screen = look(house.member(role))
    audiences = {
        "org": "org",
        "sales": live.team(house.sales.pk),
        "support": live.team(house.support.pk),
        "nobody's": live.team(None),
        "another person": f"user:{house.second_agent.user_id}",
    }
    live.publish(other_house.organization.pk, "org", "dids", ["another house"])
    live.publish_all((house.organization.pk, audience, "thread", [name]) for name, audience in audiences.items())
    live.publish(house.organization.pk, f"user:{house.member(role).user_id}", "last", [])
    heard: list[str] = []
    while (event := screen.next()) != ("last", []):
        assert event is not None
        heard += event[1]
    assert heard == HEARD[role]


def test_equal_news_melts_into_one_event(look: Look, house: House) -> None:
    screen = look(house.agent)
    with transaction.atomic():
        for refs in ([1], [1], [2], [1, 3]):
            live.publish(house.organization.pk, "org", "thread", refs)
        live.publish(house.organization.pk, "org", "inbox", [1])
    assert screen.next() == ("thread", [1, 2, 3])
    assert screen.next() == ("inbox", [1])


def test_news_of_another_process_is_found_in_its_row_and_told_once(look: Look, house: House) -> None:
    screen = look(house.agent)
    LiveEvent.objects.create(organization=house.organization, audience="org", kind="dids", refs=[5])
    assert screen.next() == ("dids", [5])
    live.publish(house.organization.pk, "org", "dids", [6])
    assert screen.next() == ("dids", [6])
    LiveEvent.objects.create(organization=house.organization, audience="org", kind="dids", refs=[7])
    assert screen.next() == ("dids", [7])  # by then the row of 6 was read as well, and not told again


def test_news_of_a_transaction_that_fails_is_never_told(look: Look, house: House) -> None:
    screen = look(house.agent)

    def fail() -> None:
        with transaction.atomic():
            live.publish(house.organization.pk, "org", "dids", [1])
            raise LookupError

    with pytest.raises(LookupError):
        fail()
    live.publish(house.organization.pk, "org", "dids", [2])
    assert screen.next() == ("dids", [2])


@pytest.mark.postgres
def test_redis_brings_news_sooner_than_its_row(look: Look, house: House) -> None:
    screen = look(house.agent)
    far = (LiveEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0) + 100
    item = {"id": far, "organization_id": house.organization.pk, "audience": "org", "kind": "dids", "refs": [1]}
    deadline = time.monotonic() + 5
    while not live._publisher().publish(live.CHANNEL, json.dumps([item])):
        assert time.monotonic() < deadline, "nobody subscribed"
    assert screen.next() == ("dids", [1])


# --- The end of a stream ---


def test_signing_out_ends_the_streams_of_this_browser_alone(door: Door, house: House) -> None:
    browser = sign_in(house.agent)
    here = door.open("/live/north/", key=browser.cookies[settings.SESSION_COOKIE_NAME].value)
    elsewhere = door.open("/live/north/", key=session_key(house.agent))
    assert here.next() == elsewhere.next() == RESYNC
    browser.post("/accounts/logout/")
    kind, _ = here.next() or ("", [])
    assert (kind, here.next()) == ("access", None)
    live.publish(house.organization.pk, "org", "dids", [1])
    assert elsewhere.next() == ("dids", [1])


def _change_role(house: House) -> None:
    people.change(membership=house.agent, role=Role.SUPERVISOR, of=[house.sales], by=house.owner.user)


def _change_teams(house: House) -> None:
    people.change(membership=house.agent, role=Role.AGENT, of=[house.support], by=house.owner.user)


def _deactivate(house: House) -> None:
    people.deactivate(membership=house.agent, by=house.owner.user)


def _restrict_team(house: House) -> None:
    people.change_team(team=house.sales, name="Sales", own_threads_only=True, by=house.owner.user)


@pytest.mark.parametrize("act", [_change_role, _change_teams, _deactivate, _restrict_team])
def test_another_right_ends_the_stream_at_once(look: Look, house: House, act: Callable[[House], None]) -> None:
    theirs, other = look(house.agent), look(house.second_agent)
    act(house)
    event = theirs.next()
    assert event is not None
    assert event[0] == "access" or (event, theirs.next()) == (("people", []), ("access", []))
    assert theirs.next() is None
    live.publish(house.organization.pk, "org", "dids", [1])
    assert other.next() == ("people", [])
    assert other.next() == ("dids", [1])


def test_a_right_that_went_silently_is_noticed_at_the_next_look(
    look: Look, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live_hub, "CHECK_SECONDS", 0.2)
    screen, staying = look(house.agent), look(house.second_agent)
    Membership.objects.filter(pk=house.agent.pk).update(is_active=False)
    assert screen.next() == ("access", [])
    assert screen.next() is None
    live.publish(house.organization.pk, "org", "dids", [1])
    assert staying.next() == ("dids", [1])


def test_a_quiet_stream_is_kept_alive(look: Look, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live_hub, "KEEP_ALIVE_SECONDS", 0.05)
    screen = look(house.agent)
    assert screen.block() == 'id: 0\nevent: alive\ndata: {"refs":[]}'


def test_stopping_the_server_ends_the_streams_in_order(door: Door, look: Look, house: House) -> None:
    screen = look(house.agent)
    door.stop()
    assert screen.next() is None


# --- Many ---


def _database_handles() -> int:
    """Connections to the database: of the server's own count, or open files of SQLite."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()")
            return int(cursor.fetchone()[0])
    return sum(link.resolve().name.startswith("test.sqlite3") for link in Path("/proc/self/fd").iterdir())


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts open files by /proc")
def test_two_hundred_streams_hold_no_connection_and_no_thread(door: Door, house: House) -> None:
    key = session_key(house.agent)
    assert door.open("/live/north/", key=key).next() == RESYNC
    before = (_database_handles(), threading.active_count())
    screens = [door.open("/live/north/", key=key) for _ in range(200)]
    assert [screen.next() for screen in screens] == [RESYNC] * 200
    live.publish(house.organization.pk, "org", "dids", [1])
    live.publish(house.organization.pk, "org", "dids", [2])
    for screen in screens:
        told: list[int] = []
        while told != [1, 2]:
            event = screen.next()
            assert event is not None
            assert event[0] == "dids"
            told += event[1]
    handles, threads = _database_handles(), threading.active_count()
    assert handles <= before[0] + 2  # the two threads of the hub, at most
    assert threads <= before[1] + 1


def test_when_nobody_streams_nothing_is_read(door: Door, house: House) -> None:
    screen = door.open("/live/north/", key=session_key(house.agent))
    assert screen.next() == RESYNC
    (hub,) = live_asgi._hubs.values()
    assert len(live._listeners) == 1
    screen.close()
    deadline = time.monotonic() + 5
    while hub.streams or live._listeners:
        assert time.monotonic() < deadline, "the stream of a closed connection lives on"
        threading.Event().wait(0.01)
    assert hub._tasks == []


def test_a_page_through_the_same_door_still_answers(door: Door, house: House, look: Look) -> None:
    look(house.owner)
    answer = door.open("/me/", key=session_key(house.owner))
    assert answer.status == 200


def test_news_is_trimmed_after_five_minutes(house: House, client: Client) -> None:
    live.publish(house.organization.pk, "org", "dids", [1])
    assert live.trim() == 0
    LiveEvent.objects.update(at="2026-01-01T00:00:00Z")
    live.publish(house.organization.pk, "org", "dids", [2])
    assert live.trim() == 1
    assert LiveEvent.objects.get().refs == [2]
