"""Two workers and two clocks on one lane: its rate, its order and the brand's day hold."""

from collections import defaultdict

from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState
from messaging.models import DailyUse, Message, State
from tests.faults.house import Site
from trunks.models import CarrierAccount, Did

RATE, TEXTS, THREADS = 5, 60, 12


def test_two_workers_and_two_beats_on_a_lane_of_five_a_second(portal: Site) -> None:
    portal.start_web()
    for _ in range(2):
        portal.start_beat()
        portal.start_worker()
    CarrierAccount.objects.filter(pk=portal.account.pk).update(texts_a_second=RATE)
    portal.queue(portal.threads(portal.did(), 6))  # what a process does once is not the lane's
    portal.wait_final()
    threads = portal.threads(portal.did(), THREADS)
    queued = portal.queue(threads, TEXTS // THREADS)
    portal.wait_final()
    portal.each_once(TEXTS + 6)
    accepted = portal.accepted()[6:]
    times = [one["received_us"] / 1_000_000 for one in accepted]
    windows = [sum(start <= each < start + 10 for each in times) for start in times]
    print(f"{TEXTS} texts in {times[-1] - times[0]:.2f} s; most in a window of 10 s: {max(windows)}")
    assert max(windows) <= 10 * RATE + 1
    assert times[-1] - times[0] < (TEXTS - 1) / RATE * 1.25  # and the lane is used
    wanted, arrived = defaultdict(list), defaultdict(list)
    for message in queued:
        wanted[message.number].append(message.body)
    for one in accepted:
        arrived[one["to"]].append(one["text"])
    assert arrived == wanted


def test_the_daily_cap_holds_to_the_segment_over_two_lanes(portal: Site) -> None:
    """Texts of two segments and a cap that is no multiple of the batch: not one segment more leaves."""
    brand = Brand.objects.create(organization=portal.house.organization, name="North", daily_cap=41)
    threads = [thread for _ in range(2) for thread in portal.threads(campaign_did(portal, brand), 30)]
    portal.start_web()
    for _ in range(2):
        portal.start_beat()
        portal.start_worker()
    for thread in threads:
        portal.text(thread, "Two segments. " * 12)
    portal.wait_leaving_over()
    use = DailyUse.objects.get()
    segments = sum(one["segments"] for one in portal.accepted())
    print(f"cap 41, counted {use.segments}, taken by the carrier {segments}, {portal.states()}")
    assert (use.segments, segments) == (40, 40)
    held = Message.objects.filter(reason="daily_limit")
    assert held.count() == 40
    assert set(held.values_list("state", flat=True)) <= {State.FAILED, State.QUEUED}
    assert portal.counts()["sent_twice"] == []


def campaign_did(portal: Site, brand: Brand) -> Did:
    did = portal.did()
    campaign = Campaign.objects.create(
        organization=brand.organization,
        brand=brand,
        account=portal.account,
        name=f"Care {did.number}",
        state=CampaignState.LIVE,
        texts_a_second=50,
    )
    CampaignDid.objects.create(campaign=campaign, did=did, state=CampaignDidState.ASSIGNED)
    return did
