"""What carriers do instead of answering: only proven non-acceptance is tried again, doubt is settled by asking."""

import html
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from django.db import transaction
from django.utils import timezone

from messaging import health
from messaging.models import Attempt, Lane, Message, State
from portal.doctor import Look, rows
from tests.faults.browser import Browser
from tests.faults.house import Site
from tests.faults.processes import until
from tests.faults.wire import ASKED_FOR_SECONDS, TAKEN, Fault
from tests.portal.peers import opened_peer
from trunks.models import CarrierAccount

REFUSED = {Fault.BUSY, Fault.BUSY_UNTIL, Fault.BUSY_WITHOUT_TIME}
FIRST_BACK_OFF_SECONDS = 2


@pytest.fixture(autouse=True)
def unhurried(portal: Site) -> None:
    """On a busy machine a worker is slow to write: its own lateness is not what is asked here."""
    portal.environ |= {"MESSAGING_LEASE_SECONDS": "30", "MESSAGING_SEND_TIMEOUT_SECONDS": "4"}


def one_text_a_fault(
    portal: Site, faults: Iterable[Fault], unheard_of: Iterable[Fault]
) -> tuple[dict[Fault, Message], dict[Fault, Message]]:
    """A text for each fault, which meets its first request. To those in `unheard_of` no receipt ever comes.

    All leave together: one fault after the other, with nothing taken between them, closes a lane for longer each time.
    """
    did = portal.did()
    numbers = [{fault: portal.customer() for fault in faults}, {fault: portal.customer("0004") for fault in unheard_of}]
    for some in numbers:
        for fault, number in some.items():
            portal.wire.faults[number].append(fault)
    with transaction.atomic():
        heard, unheard = (
            {fault: portal.text(portal.threads_with(number, did)) for fault, number in some.items()} for some in numbers
        )
    return heard, unheard


def test_every_way_of_not_answering(portal: Site) -> None:
    """No receipt ever comes, so that only a look-up can settle what is in doubt."""
    portal.start_all()
    _, queued = one_text_a_fault(portal, [], Fault)
    doubted: set[int] = set()

    def settled() -> bool:
        doubted.update(Attempt.objects.filter(state=State.UNCONFIRMED).values_list("message_id", flat=True))
        return not Message.objects.exclude(state__in=[State.ACCEPTED, State.SENT, State.DELIVERED]).exists()

    until(settled, seconds=90, what=portal.logs)
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
    for fault in REFUSED:
        first, second = portal.wire.seen[queued[fault].number]
        named = portal.wire.not_before.get(queued[fault].number, first + FIRST_BACK_OFF_SECONDS)
        print(f"{fault.value}: again {second - first:.2f} s later, {second - named:.2f} s after it was allowed")
        assert second >= named, fault
        assert (fault == Fault.BUSY_WITHOUT_TIME) or named - first >= ASKED_FOR_SECONDS
    portal.each_once(len(Fault))
    lane = Lane.objects.get()
    assert (lane.paused_until, lane.failures, lane.paused_why) == (None, 0, "")


def test_doubt_is_settled_by_receipt_or_stays(portal: Site) -> None:
    """Look-ups get no answer. What the carrier took is known by its receipt; of the rest nobody knows, nor guesses."""
    portal.start_all()
    portal.wire.deaf = Fault.CLOSED_BEFORE
    heard_of, unheard = one_text_a_fault(portal, TAKEN, set(Fault) - REFUSED)
    in_doubt = Attempt.objects.filter(message__in=[message.pk for message in unheard.values()])
    lasting = in_doubt.filter(state=State.UNCONFIRMED, look_ups__gte=2)
    delivered = portal.messages().filter(pk__in=[one.pk for one in heard_of.values()], state=State.DELIVERED)
    until(lambda: (lasting.count(), delivered.count()) == (len(unheard), len(heard_of)), seconds=90, what=portal.logs)
    assert {fault: len(portal.wire.seen[one.number]) for fault, one in heard_of.items()} == dict.fromkeys(heard_of, 1)
    assert {fault: len(portal.wire.seen[one.number]) for fault, one in unheard.items()} == dict.fromkeys(unheard, 1)
    assert portal.states() == {State.DELIVERED: len(heard_of), State.UNCONFIRMED: len(unheard)}
    assert health.unconfirmed()[portal.account.pk].count == len(unheard)
    taken = len(heard_of) + len(TAKEN)
    counts = portal.counts()
    assert (counts["accepted"], counts["references"], counts["sent_twice"]) == (taken, taken, [])

    portal.wire.deaf = None  # the carrier can be asked again: what it has is found, what it never had is sent
    wanted = [State.ACCEPTED, State.SENT, State.DELIVERED]
    until(lambda: portal.in_state(*wanted) == len(heard_of) + len(unheard), seconds=90, what=portal.logs)
    portal.each_once(len(heard_of) + len(unheard))


@contextmanager
def slammed(portal: Site) -> Iterator[CarrierAccount]:
    """An account whose carrier closes every connection as soon as it is made, before a word is written."""
    with opened_peer(lambda peer, conn: None) as peer:
        portal.allow(peer.entry)
        yield portal.open_account(name="Slammed", base_url=peer.url)


def test_a_connection_that_is_closed_before_the_request_is_written(portal: Site) -> None:
    """The carrier may have read what we wrote into it: doubt, until the carrier can be asked."""
    with slammed(portal) as account:
        portal.start_all()
        message = portal.text(portal.threads(portal.did(account=account), 1)[0])
        until(lambda: portal.in_state(State.UNCONFIRMED) == 1, what=portal.logs)
        asked = Attempt.objects.filter(message=message, look_ups__gte=1)
        until(asked.exists, what=portal.logs)
        assert (portal.in_state(State.UNCONFIRMED), Attempt.objects.count()) == (1, 1)
        assert portal.counts(account)["accepted"] == 0
        CarrierAccount.objects.filter(pk=account.pk).update(base_url=portal.wire.url)
        portal.wait_final()
        assert portal.states() == {State.DELIVERED: 1}
        assert [attempt.state for attempt in Attempt.objects.order_by("number")] == [State.FAILED, State.DELIVERED]
        counts = portal.counts(account)
        assert (counts["accepted"], counts["references"], counts["sent_twice"]) == (1, 1, [])


@contextmanager
def nobody_listens(portal: Site) -> Iterator[None]:
    portal.wire.down()
    yield
    portal.wire.up()


@contextmanager
def broken(portal: Site, fault: Fault) -> Iterator[None]:
    """The same for every request, look-ups too."""
    portal.wire.fault = portal.wire.deaf = fault
    yield
    portal.wire.fault = portal.wire.deaf = None


UNREACHED = "The carrier could not be reached. We keep trying while the text is worth sending."
SILENT = "The carrier does not answer. We keep trying while the texts are worth sending."
TROUBLED = "The sandbox had trouble of its own, and may have taken the text. Look it up before sending it again."
TEXTS = 20


@pytest.mark.parametrize(
    ("fault", "why"),
    [(None, UNREACHED), (Fault.SILENT_BEFORE, SILENT), (Fault.BROKEN, TROUBLED)],
    ids=["nobody listens", "silence", "500"],
)
def test_a_carrier_that_is_down_pauses_its_lanes_only(portal: Site, fault: Fault | None, why: str) -> None:
    """The other account's texts go on; health, doctor and the carriers' page say so; the lane opens by itself."""
    portal.start_all()
    elsewhere = portal.open_account(name="Elsewhere", base_url=portal.carrier.url)
    here, there = portal.threads(portal.did(), TEXTS), portal.threads(portal.did(account=elsewhere), TEXTS)
    admin = Browser(portal, portal.house.owner)

    def page(path: str) -> str:
        return html.unescape(admin.ask("GET", f"/{admin.slug}/carriers/{path}")[1])

    def closed() -> list[health.Road]:
        now = timezone.now()
        return [road for road in health.roads(now) if road.is_closed(now)]

    with broken(portal, fault) if fault else nobody_listens(portal):
        portal.queue(here)
        (road,) = until(closed, what=portal.logs)
        lane = road.lane
        assert (lane.account, lane.paused_why) == (portal.account, why)
        said = until(lambda: list(rows.lanes(Look(timezone.now()))), what=portal.logs)
        assert {finding.subject for finding in said} == {"lane Sandbox of north"}
        until(lambda: why in page("health/"), what=portal.logs)
        assert why in page("")
        assert page("").count("Texts are held up") == 1
        portal.queue(there)
        arrived = portal.messages().filter(lane__account=elsewhere, state=State.DELIVERED)
        until(lambda: arrived.count() == TEXTS, what=portal.logs)
        assert portal.counts()["accepted"] == 0
        assert Lane.objects.get(account=elsewhere).failures == 0
        assert {account.name for account in CarrierAccount.objects.exclude(trouble="")} == {"Sandbox"}
        lane.refresh_from_db()
        assert lane.failures >= 1
        leaving = portal.messages().filter(lane=lane)
        assert not leaving.filter(state__in=[State.DELIVERED, State.ACCEPTED, State.SENT, State.FAILED]).exists()
    portal.wait_final(90)
    lane.refresh_from_db()
    print(f"{Attempt.objects.filter(account=portal.account).count()} attempts for {TEXTS} texts")
    assert (lane.paused_until, lane.failures, lane.paused_why) == (None, 0, "")
    assert "Texts are held up" not in page("")
    assert why not in page("health/")
    assert portal.states() == {State.DELIVERED: 2 * TEXTS}
    assert Message.objects.exclude(why="").count() == 0
    for account in (portal.account, elsewhere):
        counts = portal.counts(account)
        assert (counts["accepted"], counts["references"], counts["sent_twice"]) == (TEXTS, TEXTS, [])
