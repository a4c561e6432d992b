"""The broker emptied, or down: rows are the queue, so nothing is lost and no page waits."""

import time
from statistics import median

import pytest

from messaging.models import Message, State
from tests.faults import load
from tests.faults.browser import Browser
from tests.faults.house import Site
from tests.faults.processes import until

DOWN_SECONDS = 20.0


@pytest.mark.postgres
def test_texts_queued_into_a_broker_that_is_emptied(portal: Site) -> None:
    web = portal.start_web()
    threads = portal.threads(portal.did(), 10)
    agent = Browser(portal, portal.house.agent)
    for thread in threads:
        assert agent.reply(thread.pk, "Your order is ready.") == 302
    until(lambda: portal.rings_waiting("dispatch") > 0, what=portal.logs)
    web.stop()  # or a last ring might come after
    portal.empty_broker()
    assert portal.rings_waiting("dispatch") == 0
    portal.start_all()
    portal.wait_final()
    assert portal.states() == {State.DELIVERED: 10}
    portal.each_once(10)


@pytest.mark.postgres
def test_twenty_seconds_without_a_broker_under_load(portal: Site) -> None:
    """Emptied, stopped, and back with nothing in it: nobody waits for it, and all that was taken goes out by itself."""
    portal.start_all()
    did = portal.did()
    agent = Browser(portal, portal.house.agent)
    callers = load.everything(portal, agent, portal.threads(did, 1)[0], portal.threads(did, 1)[0])
    assert portal.broker is not None
    with load.calling(*(caller.call_until for caller in callers)):
        until(lambda: all(len(caller.seconds) >= 10 for caller in callers), what=portal.logs)
        usual = [median(list(caller.seconds)) for caller in callers]
        portal.empty_broker()
        portal.broker.stop()
        stopped = time.monotonic()
        first = [len(caller.seconds) for caller in callers]
        until(lambda: time.monotonic() > stopped + DOWN_SECONDS)
        without = [caller.seconds[place:] for caller, place in zip(callers, first, strict=True)]
        waiting = portal.in_state(State.QUEUED)
        portal.start_broker()
    print(load.summary(callers))
    print(f"median before {usual}, without a broker {[median(each) for each in without]}, left waiting {waiting}")
    assert [caller.failed for caller in callers] == [0, 0, 0]
    for before, seconds in zip(usual, without, strict=True):
        assert median(seconds) < 3 * before + 0.5
    assert waiting > 0
    _, replies, texts = callers
    portal.wait_final(60)
    arrived = Message.objects.filter(direction="in")
    until(lambda: arrived.count() == len(texts.answers), what=portal.logs)
    assert sorted(arrived.values_list("body", flat=True)) == sorted(texts.answers)
    portal.each_once(len(replies.answers))
    assert portal.states() == {State.DELIVERED: len(replies.answers)}
    assert [program.name for program in portal.programs if program.process.poll() is not None] == ["redis"]


def test_a_restart_finds_what_was_queued(portal: Site) -> None:
    """Embedded, the broker dies with its process: the next one finds the rows."""
    worker = portal.start_worker()
    worker.kill()
    portal.start_web()
    threads = portal.threads(portal.did(), 10)
    agent = Browser(portal, portal.house.agent)
    for thread in threads:
        assert agent.reply(thread.pk, "Your order is ready.") == 302
    assert portal.states() == {State.QUEUED: 10}
    portal.start_beat()
    portal.start_worker()
    portal.wait_final()
    assert portal.states() == {State.DELIVERED: 10}
    portal.each_once(10)
