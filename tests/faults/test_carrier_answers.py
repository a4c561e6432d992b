"""What carriers do instead of answering: only proven non-acceptance is tried again, doubt is settled by asking."""

from messaging.models import Attempt, Lane, Message, State
from tests.faults.house import Site
from tests.faults.processes import until
from tests.faults.wire import TAKEN, Fault

REFUSED = {Fault.BUSY, Fault.BUSY_WITHOUT_TIME}


def test_every_way_of_not_answering(portal: Site) -> None:
    """The recipients end in 0004: no receipt ever comes, so that only a look-up can settle what is in doubt."""
    portal.start_all()
    did = portal.did()
    queued: dict[Fault, Message] = {}
    for fault in Fault:
        number = portal.customer("0004")
        portal.wire.faults[number].append(fault)
        queued[fault] = portal.text(portal.threads_with(number, did))
    doubted: set[int] = set()

    def settled() -> bool:
        doubted.update(Attempt.objects.filter(state=State.UNCONFIRMED).values_list("message_id", flat=True))
        return not Message.objects.exclude(state__in=[State.ACCEPTED, State.SENT, State.DELIVERED]).exists()

    until(settled, seconds=60, what=portal.logs)
    requests = {fault: len(portal.wire.seen[message.number]) for fault, message in queued.items()}
    assert requests == {fault: 1 if fault in TAKEN else 2 for fault in Fault}
    assert {fault for fault, message in queued.items() if message.pk in doubted} == set(Fault) - REFUSED
    for fault, message in queued.items():
        attempts = list(Attempt.objects.filter(message=message).order_by("number"))
        assert len(attempts) == requests[fault], fault
        asked = [attempt.look_ups > 0 for attempt in attempts]
        assert asked == [fault not in REFUSED, False][: len(attempts)], fault
        states = [State.FAILED] * (len(attempts) - 1)
        assert [attempt.state for attempt in attempts[:-1]] == states, fault
    portal.each_once(len(Fault))
    assert Lane.objects.get().paused_until is None


def test_a_carrier_that_is_down_pauses_its_lane_only(portal: Site) -> None:
    portal.start_all()
    elsewhere = portal.open_account(name="Elsewhere", base_url=portal.carrier.url)
    here, there = portal.threads(portal.did(), 20), portal.threads(portal.did(account=elsewhere), 20)
    portal.wire.down()
    portal.queue(here)
    until(lambda: Lane.objects.filter(account=portal.account, failures__gte=1).exists(), what=portal.logs)
    lane = Lane.objects.get(account=portal.account)
    print(f"after {lane.failures} failures paused until {lane.paused_until}: {lane.paused_why}")
    assert lane.paused_why
    waiting = Message.objects.filter(lane=lane)
    assert waiting.filter(state__in=[State.QUEUED, State.CLAIMED, State.SENDING]).count() == 20
    portal.queue(there)
    until(lambda: Message.objects.filter(lane__account=elsewhere, state=State.DELIVERED).count() == 20)
    assert portal.counts()["accepted"] == 0
    portal.wire.up()
    portal.wait_final()
    lane.refresh_from_db()
    assert (lane.paused_until, lane.failures, lane.paused_why) == (None, 0, "")
    assert portal.states() == {State.DELIVERED: 40}
    assert Message.objects.exclude(why="").count() == 0
    for account in (portal.account, elsewhere):
        counts = portal.counts(account)
        assert (counts["accepted"], counts["references"], counts["sent_twice"]) == (20, 20, [])
