"""PostgreSQL restarted, and crashed, under load: what was answered is there once, and everything goes on by itself."""

import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection

from messaging.models import Attempt, Conversation, Delivery, Message, State
from tests.faults import load
from tests.faults.browser import Browser
from tests.faults.cluster import Cluster, cluster
from tests.faults.house import Site, site
from tests.faults.load import GOOD, PAUSE_SECONDS, Caller
from tests.faults.processes import until

DOWN_SECONDS = 8.0


class Screen:
    """An open event stream, opened again when it ends, as a browser does."""

    def __init__(self, address: str, slug: str, agent: Browser) -> None:
        self.heard = 0
        self._netloc, self._path = urlsplit(address).netloc, f"/live/{slug}/"
        self._headers = {"cookie": f"sessionid={agent.cookies['sessionid']}"}

    def listen_until(self, ended: threading.Event) -> None:
        while not ended.wait(PAUSE_SECONDS):
            try:
                with closing(HTTPConnection(self._netloc, timeout=30)) as stream:
                    stream.request("GET", self._path, headers=self._headers)
                    for line in stream.getresponse():
                        self.heard += line == b"event: thread\n"
                        if ended.is_set():
                            return
            except (OSError, HTTPException):
                continue


@pytest.fixture
def own_database(template: tuple[str, Path], tmp_path: Path, django_db_blocker: Any) -> Iterator[tuple[Site, Cluster]]:
    with (
        django_db_blocker.unblock(),
        cluster() as server,
        site(*template, tmp_path, flags=("--latency-ms", "20-80"), database=server.database(tmp_path)) as portal,
        portal.opened("north"),
    ):
        yield portal, server


@pytest.mark.postgres
@pytest.mark.cluster
def test_the_database_restarted_and_crashed_under_load(own_database: tuple[Site, Cluster]) -> None:
    portal, server = own_database
    portal.start_all()
    did = portal.did()
    agent = Browser(portal, portal.house.agent)
    screen = Screen(portal.start_streams(), portal.house.slug, agent)
    callers = load.everything(portal, agent, portal.threads(did, 1)[0], portal.threads(did, 1)[0])
    connection.close()
    with load.calling(screen.listen_until, *(caller.call_until for caller in callers)):
        goes_on(portal, callers, screen)
        server.stop()
        server.start()
        print(f"restarted: all goes on after {goes_on(portal, callers, screen):.1f} s, {load.summary(callers)}")
        server.crash()
        down = time.monotonic()
        until(lambda: all(caller.in_a_row == 0 for caller in callers), what=portal.logs)
        until(lambda: time.monotonic() > down + DOWN_SECONDS)
        server.start()
        print(f"crashed: all goes on after {goes_on(portal, callers, screen):.1f} s, {load.summary(callers)}")
    assert [program.name for program in portal.programs if program.process.poll() is not None] == []
    nothing_half_written(portal, callers)
    for caller in callers:
        caller.ask_again()
    everything_once(portal, callers)


def goes_on(portal: Site, callers: Sequence[Caller], screen: Screen) -> float:
    """Wait until everything works as if nothing had been; how many seconds that took."""
    began, heard = time.monotonic(), screen.heard
    for caller in callers:
        caller.in_a_row = 0
    until(lambda: all(caller.in_a_row >= 10 for caller in callers) and screen.heard >= heard + 5, what=portal.logs)
    return time.monotonic() - began


def nothing_half_written(portal: Site, callers: Sequence[Caller]) -> None:
    """What was answered well is there, once; what was not is there whole or not at all."""
    for caller, direction in zip(callers[1:], ("out", "in"), strict=True):
        until(lambda: not Delivery.objects.filter(processed_at=None).exists(), what=portal.logs)
        rows = Counter(Message.objects.filter(direction=direction).values_list("body", flat=True))
        assert [words for words, count in rows.items() if count > 1] == []
        assert {words for words, status in caller.answers.items() if status == GOOD[caller.kind]} <= set(rows)
        assert set(rows) <= set(caller.answers)


def everything_once(portal: Site, callers: Sequence[Caller]) -> None:
    portal.wait_final()
    until(lambda: not Delivery.objects.filter(processed_at=None).exists(), what=portal.logs)
    _, replies, texts = callers
    outgoing, incoming = Message.objects.filter(direction="out"), Message.objects.filter(direction="in")
    assert sorted(outgoing.values_list("body", flat=True)) == sorted(replies.answers)
    assert sorted(incoming.values_list("body", flat=True)) == sorted(texts.answers)
    portal.each_once(len(replies.answers))
    assert portal.states() == {State.DELIVERED: len(replies.answers)}
    assert Attempt.objects.exclude(state__in=[State.DELIVERED, State.FAILED]).count() == 0
    assert Delivery.objects.exclude(error="").count() == 0
    for thread in Conversation.objects.all():
        newest = thread.messages.latest("pk")
        assert (thread.last_message_id, thread.last_state) == (newest.pk, newest.state)
        assert thread.heard == thread.messages.filter(direction="in").count()
