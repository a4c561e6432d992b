"""Two workers and two clocks on one lane: its rate, its order and the brand's day hold."""

from collections import defaultdict

import pytest

from compliance.models import Brand
from messaging.models import DailyUse, Message, State
from tests.faults.house import Site
from trunks.models import CarrierAccount

RATE, TEXTS, THREADS = 2.5, 50, 10  # far enough apart for a window to tell a slot too many from a slow machine
CAP = 41
ONE, TWO = "One segment.", "Two segments. " * 12


def test_two_workers_and_two_beats_on_one_slow_lane(portal: Site) -> None:
    """The rate is the campaign's, in texts a second, whatever their segments; the brand's day counts those."""
    portal.start_web()
    for _ in range(2):
        portal.start_beat()
        portal.start_worker()
    CarrierAccount.objects.filter(pk=portal.account.pk).update(texts_a_second=RATE)
    portal.queue(portal.threads(portal.did(), 6))  # what a process does once is not the lane's
    portal.wait_final()
    threads = portal.threads(portal.did(), THREADS)
    turns = range(TEXTS // THREADS)
    queued = [portal.text(thread, f"{(ONE, TWO)[turn % 2]} {turn}") for turn in turns for thread in threads]
    portal.wait_final()
    portal.each_once(TEXTS + 6)
    accepted = portal.accepted()[6:]
    times = [one["received_us"] / 1_000_000 for one in accepted]
    windows = [sum(start <= each < start + 10 for each in times) for start in times]
    print(f"{TEXTS} texts in {times[-1] - times[0]:.2f} s; most in a window of 10 s: {max(windows)}")
    assert max(windows) <= 10 * RATE + 1
    assert times[-1] - times[0] < (TEXTS - 1) / RATE * 2  # and the lane is used
    wanted, arrived = defaultdict(list), defaultdict(list)
    for message in queued:
        wanted[message.number].append(message.body)
    for one in accepted:
        arrived[one["to"]].append(one["text"])
    assert arrived == wanted


@pytest.mark.parametrize("portal", [("--latency-ms", "800-1000")], indirect=True)
def test_a_carrier_that_answers_late_slows_no_lane(portal: Site) -> None:
    """The next slot of a lane does not wait for the answers to the texts of the last one."""
    portal.start_all()
    CarrierAccount.objects.filter(pk=portal.account.pk).update(texts_a_second=RATE)
    portal.queue(portal.threads(portal.did(), 40))
    portal.wait_final()
    portal.each_once(40)
    times = [one["received_us"] / 1_000_000 for one in portal.accepted()][5:]  # after what a process does once
    print(f"{len(times)} texts in {times[-1] - times[0]:.2f} s")
    assert times[-1] - times[0] < (len(times) - 1) / RATE * 1.25


@pytest.mark.parametrize("bodies", [(TWO, TWO), (ONE, TWO)], ids=["two", "one and two"])
def test_the_daily_cap_holds_to_the_segment_over_two_lanes(portal: Site, bodies: tuple[str, str]) -> None:
    """A cap that is no multiple of the texts or the batch: not one segment more leaves."""
    brand = Brand.objects.create(organization=portal.house.organization, name="North", daily_cap=CAP)
    threads = [thread for _ in range(2) for thread in portal.threads(portal.campaign_did(brand), 30)]
    portal.start_web()
    for _ in range(2):
        portal.start_beat()
        portal.start_worker()
    texts = [portal.text(thread, body) for thread, body in zip(threads, bodies * 30, strict=True)]
    portal.wait_leaving_over()
    use = DailyUse.objects.get()
    taken = portal.accepted()
    segments = sum(one["segments"] for one in taken)
    print(f"cap {CAP}, counted {use.segments}, taken by the carrier {segments}, {portal.states()}")
    assert use.segments == segments
    assert CAP - 1 <= segments <= CAP  # the last one may be free: a text of two does not fit
    held = Message.objects.filter(reason="daily_limit")
    assert held.count() == len(texts) - len(taken)
    assert set(held.values_list("state", flat=True)) <= {State.FAILED, State.QUEUED}
    assert portal.counts()["sent_twice"] == []
