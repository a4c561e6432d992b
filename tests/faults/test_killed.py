"""A worker killed in mid-send: nothing twice, nothing lost, every text final."""

import random
import time
from functools import partial

import pytest

from messaging.models import Attempt, Message, State
from tests.faults.house import Site
from tests.faults.processes import until

TEXTS = 500
IN_FLIGHT = 200  # settings.MESSAGING_IN_FLIGHT


@pytest.mark.parametrize("portal", [("--latency-ms", "50-250")], indirect=True)
def test_a_worker_killed_while_500_texts_go_out(portal: Site) -> None:
    seed = time.time_ns() % 100_000
    print(f"seed {seed}")
    chance = random.Random(seed)
    worker = portal.start_all()
    threads = portal.threads(portal.did(), TEXTS)
    portal.queue(threads)
    most_unconfirmed = most_left = 0

    def watch() -> None:
        nonlocal most_unconfirmed
        most_unconfirmed = max(most_unconfirmed, portal.in_state(State.UNCONFIRMED))

    def taken_and_watched(least: int) -> bool:
        watch()
        return bool(portal.counts()["accepted"] >= least)

    for moment in sorted(chance.sample(range(40, 420), 2)):
        until(partial(taken_and_watched, moment), what=portal.logs)
        worker.kill()
        most_left += portal.in_state(State.SENDING)
        worker = portal.start_worker()
    portal.wait_final(30, watch)

    print(f"left in sending {most_left}, most unconfirmed {most_unconfirmed}, {portal.counts()}")
    portal.each_once(TEXTS)
    assert portal.states() == {State.DELIVERED: TEXTS}
    assert most_unconfirmed <= most_left <= 2 * IN_FLIGHT
    assert Message.objects.exclude(token=None).count() == 0
    assert Attempt.objects.exclude(state__in=[State.DELIVERED, State.FAILED]).count() == 0
