"""`up` killed in mid-send and started again: nothing twice, nothing lost."""

from urllib.parse import urlsplit

import pytest

from messaging.models import State
from tests.faults.house import IS_PRODUCTION, Site
from tests.faults.processes import Program, kept, until

TEXTS = 100

pytestmark = pytest.mark.skipif(IS_PRODUCTION, reason="`up` is the embedded portal")


def start_up(portal: Site) -> Program:
    """It takes the port that the carrier's webhooks come to."""
    port = str(urlsplit(portal.url).port)
    before = portal.data / "up.log"
    before.unlink(missing_ok=True)
    program = portal.start("up", kept("django", "up", "--no-demo", "--port", port))
    until(lambda: "Ready: " in program.said(), what=portal.logs)
    return program


@pytest.mark.smoke
@pytest.mark.parametrize("portal", [("--latency-ms", "50-150")], indirect=True)
def test_up_killed_in_mid_send(portal: Site) -> None:
    portal.listener.close()
    first = start_up(portal)
    portal.queue(portal.threads(portal.did(), TEXTS))
    until(lambda: portal.counts()["accepted"] >= 20, what=portal.logs)
    first.kill()
    left = portal.in_state(State.SENDING)
    start_up(portal)
    portal.wait_final()
    print(f"left in sending {left}, {portal.counts()}")
    portal.each_once(TEXTS)
    assert portal.states() == {State.DELIVERED: TEXTS}
