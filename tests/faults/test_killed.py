"""Workers killed in mid-send, over and over: nothing twice, nothing lost, every row final.

The moments come from a seed that is printed; PORTAL_TEST_SEED gives the same ones again.
"""

import operator
import os
import random
import time
from functools import partial

import pytest

from compliance.models import Brand
from messaging.models import Attempt, Delivery, Message, Receipt, State
from tests.faults import bulk
from tests.faults.house import Site
from tests.faults.processes import until

TEXTS, KILLS, SPARES, LANES = 2_000, 20, 3, 4
IN_FLIGHT = 200  # settings.MESSAGING_IN_FLIGHT
STOPPED = "The worker that sent it stopped."


@pytest.mark.parametrize("portal", [("--latency-ms", "50-250")], indirect=True)
def test_workers_killed_twenty_times_while_2000_texts_go_out(portal: Site) -> None:
    seed = int(os.environ.get("PORTAL_TEST_SEED") or time.time_ns() % 100_000)
    print(f"PORTAL_TEST_SEED={seed}")
    chance = random.Random(seed)
    worker = portal.start_all()
    spares = [portal.spare_worker() for _ in range(SPARES)]
    brand = Brand.objects.create(organization=portal.house.organization, name="North")
    lanes = [bulk.threads(portal, portal.campaign_did(brand, rate=200), TEXTS // LANES) for _ in range(LANES)]
    bulk.queue((thread, "Your order is ready.") for turn in zip(*lanes, strict=True) for thread in turn)
    started = time.monotonic()
    in_hand: list[set[int]] = []  # what each killed worker had marked as leaving
    lost: set[int] = set()
    most_lost = 0

    def watch() -> None:
        nonlocal most_lost
        now = portal.messages().filter(state=State.UNCONFIRMED, why__startswith=STOPPED).values_list("pk", flat=True)
        lost.update(found := set(now))
        most_lost = max(most_lost, len(found))

    def taken(least: int) -> bool:
        watch()
        return bool(portal.counts()["accepted"] >= least)

    moments = [0, *sorted(chance.sample(range(1, TEXTS // 2), KILLS))]
    for more in map(operator.sub, moments[1:], moments):
        until(partial(taken, min(portal.counts()["accepted"] + more, TEXTS - IN_FLIGHT)), what=portal.logs)
        time.sleep(chance.uniform(0, 0.1))
        worker.kill()
        in_hand.append(set(portal.messages().filter(state=State.SENDING).values_list("pk", flat=True)))
        worker = portal.engage(spares.pop(0))
        if len(in_hand) + len(spares) < KILLS:
            spares.append(portal.spare_worker())
    killing = time.monotonic() - started
    portal.wait_final(60, watch)
    until(lambda: not Delivery.objects.filter(processed_at=None).exists(), what=portal.logs)

    again = Attempt.objects.filter(number__gt=1).count()
    print(f"{KILLS} kills in {killing:.1f} s, all final after {time.monotonic() - started:.1f} s")
    print(
        f"in hand at the kills {[len(held) for held in in_hand]}, most unconfirmed at once {most_lost}, again {again}"
    )
    portal.each_once(TEXTS)
    assert portal.states() == {State.DELIVERED: TEXTS}
    assert any(in_hand)
    assert max(map(len, in_hand)) <= IN_FLIGHT * LANES
    assert lost <= set.union(*in_hand)  # only what was leaving is ever in doubt
    assert Message.objects.exclude(token=None, lease_until=None).count() == 0
    attempts = Attempt.objects.exclude(state=State.FAILED)
    assert set(attempts.values_list("state", flat=True)) == {State.DELIVERED}
    told = Receipt.objects.filter(status="delivered", part__attempt__in=attempts)
    assert told.values("part__attempt").distinct().count() == attempts.count() == TEXTS
    assert Receipt.objects.filter(part=None).count() == 0
    assert Attempt.objects.filter(state=State.FAILED, look_ups__lt=2).count() == 0  # believed absent when said twice
