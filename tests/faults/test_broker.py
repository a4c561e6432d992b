"""The broker emptied, or down: rows are the queue, so nothing is lost and no page waits."""

import time

import pytest

from messaging.models import State
from tests.faults.browser import Browser
from tests.faults.house import Site
from tests.faults.processes import until


@pytest.mark.postgres
def test_texts_queued_into_a_broker_that_is_emptied(portal: Site) -> None:
    portal.start_web()
    threads = portal.threads(portal.did(), 10)
    agent = Browser(portal, portal.house.agent)
    for thread in threads:
        assert agent.reply(thread.pk, "Your order is ready.") == 302
    until(lambda: portal.rings_waiting("dispatch") > 0, what=portal.logs)
    portal.empty_broker()
    assert portal.rings_waiting("dispatch") == 0
    portal.start_worker()
    portal.start_beat()
    portal.wait_final()
    assert portal.states() == {State.DELIVERED: 10}
    portal.each_once(10)


@pytest.mark.postgres
def test_pages_and_webhooks_while_the_broker_is_down(portal: Site) -> None:
    worker = portal.start_all()
    thread = portal.threads(portal.did(), 1)[0]
    agent = Browser(portal, portal.house.agent)
    assert portal.broker is not None
    portal.broker.kill()
    started = time.monotonic()
    assert agent.reply(thread.pk, "Your order is ready.") == 302
    assert portal.customer_texts(thread, "Thank you!") == 200
    took = time.monotonic() - started
    print(f"two posts without a broker took {took:.2f} s")
    assert took < 5
    assert portal.in_state(State.QUEUED) == 1
    portal.start_broker()
    portal.wait_final(40)
    until(lambda: thread.messages.filter(direction="in", body="Thank you!").exists(), what=portal.logs)
    assert worker.process.poll() is None
    portal.each_once(1)


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
