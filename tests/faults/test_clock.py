"""Processes whose clock is wrong, or set back in mid-flight: leases, slots and validity are the database's."""

import json
from datetime import timedelta
from pathlib import Path

import pytest

from compliance.models import Suppression
from messaging import health
from messaging.models import Attachment, Attempt, Conversation, Delivery, Heartbeat, Lane, Message, Purpose, State
from portal.clock import database_now
from tests.faults import bulk
from tests.faults.browser import Browser
from tests.faults.clock import Clock
from tests.faults.house import Site, inbound_text
from tests.faults.processes import until
from tests.faults.wire import Fault
from trunks.models import CarrierAccount, Did

pytestmark = [pytest.mark.postgres, pytest.mark.faketime]
HOUR = 3_600
TEXTS, RATE = 120, 20


@pytest.fixture
def clock(tmp_path: Path) -> Clock:
    return Clock(tmp_path)


@pytest.mark.parametrize(
    ("at_first", "then"), [(-HOUR, -HOUR), (HOUR, -HOUR)], ids=["an hour back", "set back in mid-flight"]
)
@pytest.mark.parametrize("portal", [("--latency-ms", "50-250")], indirect=True)
def test_a_worker_and_a_beat_with_a_wrong_clock(portal: Site, clock: Clock, at_first: int, then: int) -> None:
    clock.set(at_first)
    portal.start_web()
    portal.start_beat(clock=clock)
    portal.start_worker(clock=clock)
    CarrierAccount.objects.filter(pk=portal.account.pk).update(texts_a_second=RATE)
    did = portal.did()
    texts = bulk.queue((thread, "Your order is ready.") for thread in bulk.threads(portal, did, TEXTS))
    doubted = [portal.customer("0004") for _ in range(4)]  # no receipt: only a look-up tells
    for number, fault in zip(doubted, (Fault.CLOSED_AFTER, Fault.CLOSED_BEFORE) * 2, strict=True):
        portal.wire.faults[number].append(fault)
        texts.append(portal.text(portal.threads_with(number, did)))
    until(lambda: portal.counts()["accepted"] >= TEXTS / 3, what=portal.logs)
    began = database_now()
    customer, sender = portal.threads(did, 2)
    assert portal.customer_texts(customer, "STOP") == 200
    assert portal.hook(with_a_picture(portal, sender)) == 200
    until(portal.messages().filter(purpose=Purpose.COMPLIANCE).exists, what=portal.logs)
    clock.set(then)
    stepped = database_now()
    until(lambda: at_rest(portal, doubted), what=portal.logs)

    seen = CarrierAccount.objects.get(pk=portal.account.pk).last_sent_at
    assert seen is not None
    assert abs((seen - database_now()).total_seconds() - at_first) < 300  # that clock is truly wrong
    portal.each_once(TEXTS + len(doubted) + 1)
    assert Attempt.objects.filter(number__gt=1).count() == 2  # those that never arrived
    confirmation = portal.messages().get(purpose=Purpose.COMPLIANCE)
    assert confirmation.valid_until - confirmation.due_at == timedelta(minutes=5)
    wish = customer.messages.get(direction="in")
    for moment in (wish.created_at, confirmation.created_at, confirmation.due_at):
        assert began < moment <= database_now()
    until(lambda: Heartbeat.objects.get(task=health.TICK).at > stepped + timedelta(seconds=3), what=portal.logs)
    until(Attachment.objects.filter(message__conversation=sender, tries__gte=2).exists, what=portal.logs)
    keeps_the_lanes_pace(portal)
    keeps_what_a_text_is_worth(portal, did)


def with_a_picture(portal: Site, thread: Conversation) -> bytes:
    """A customer's text whose picture the carrier does not have, so that it is asked for again and again."""
    body = inbound_text("in-picture", did=thread.did.number, customer=thread.number, text="Look!")
    content = json.loads(body)
    link = {"url": f"{portal.account.base_url}/media/none", "content_type": "image/png"}
    content["events"][0]["data"]["media"] = [link]
    return json.dumps(content).encode()


def at_rest(portal: Site, doubted: list[str]) -> bool:
    """All is told: of the doubted, that the carrier has them; the others are delivered, the confirmation too."""
    settled = (State.DELIVERED, State.ACCEPTED, State.SENT)
    ours = portal.messages()
    others = ours.exclude(number__in=doubted).exclude(state=State.DELIVERED)
    left = ours.filter(number__in=doubted).exclude(state__in=settled)
    return ours.filter(purpose=Purpose.COMPLIANCE).exists() and not left.exists() and not others.exists()


def keeps_the_lanes_pace(portal: Site) -> None:
    times = [one["received_us"] / 1_000_000 for one in portal.accepted()]
    print(f"{len(times)} texts in {times[-1] - times[0]:.1f} s at {RATE} a second")
    assert times[-1] - times[0] > (len(times) - 1) / RATE * 0.9


def keeps_what_a_text_is_worth(portal: Site, did: Did) -> None:
    """Two texts in a lane that is closed for five seconds: one is worth two, the other an hour."""
    Lane.objects.update(paused_until=database_now() + timedelta(seconds=5))
    short, long = bulk.queue((thread, "Your table is free.") for thread in bulk.threads(portal, did, 2))
    for message, seconds in ((short, 2), (long, HOUR)):
        Message.objects.filter(pk=message.pk).update(valid_until=database_now() + timedelta(seconds=seconds))
    both = Message.objects.filter(pk__in=[short.pk, long.pk]).order_by("pk")
    ends = [State.EXPIRED, State.DELIVERED]
    until(lambda: list(both.values_list("state", flat=True)) == ends, what=portal.logs)
    assert short.number not in {one["to"] for one in portal.accepted()}


@pytest.mark.parametrize("portal", [("--no-callbacks",)], indirect=True)
def test_a_web_server_whose_clock_is_set_back(portal: Site, clock: Clock) -> None:
    """Webhooks are refused cleanly while the clocks differ and heard when they agree again; texts keep their worth."""
    portal.start_web(clock=clock)
    portal.start_beat()
    portal.start_worker()
    thread = portal.threads(portal.did(), 1)[0]
    agent = Browser(portal, portal.house.agent)
    did, customer = thread.did.number, thread.number
    hello, stop = (inbound_text(f"in-{word}", did=did, customer=customer, text=word) for word in ("Hello", "STOP"))
    clock.set(-200)  # within what a signature is good for
    assert portal.hook(hello) == 200
    clock.set(-HOUR)
    before = Delivery.objects.count()
    assert [portal.hook(stop), portal.hook(hello)] == [401, 401]
    assert (Delivery.objects.count(), Suppression.objects.count()) == (before, 0)
    assert agent.reply(thread.pk, "We are here.") == 302
    until(lambda: portal.counts()["accepted"] == 1, what=portal.logs)
    left = portal.messages().get().valid_until - database_now()
    assert 0 <= portal.house.organization.reply_valid_seconds - left.total_seconds() < 60
    clock.set(0)
    assert portal.hook(stop) == 200
    assert Suppression.objects.get().number == thread.number
    assert agent.reply(thread.pk, "Still there?") == 200  # the page that says why not
    assert not portal.messages().filter(body="Still there?").exists()
    assert portal.counts()["sent_twice"] == []
