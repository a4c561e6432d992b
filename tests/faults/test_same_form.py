"""One form posted twenty times at once: one text."""

from concurrent.futures import ThreadPoolExecutor

from messaging.models import Message, State
from tests.faults.browser import Browser
from tests.faults.house import Site

TIMES = 20


def test_the_same_form_posted_twenty_times_at_once(portal: Site) -> None:
    portal.start_all()
    thread = portal.threads(portal.did(), 1)[0]
    agent = Browser(portal, portal.house.agent)
    form = agent.form(thread.pk)
    with ThreadPoolExecutor(TIMES) as pool:
        answers = list(pool.map(lambda _: agent.reply(thread.pk, "Your order is ready.", form), range(TIMES)))
    assert answers == [302] * TIMES
    assert Message.objects.count() == 1
    portal.wait_final()
    assert portal.states() == {State.DELIVERED: 1}
    portal.each_once(1)
