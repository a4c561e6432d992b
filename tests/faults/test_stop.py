"""STOP while a hundred texts to that person wait: by the carrier's clock nothing leaves after it was answered."""

import time

import pytest

from messaging import references
from messaging.models import Attempt, Message, Purpose, State, ThreadNote
from tests.faults.house import Site
from tests.faults.processes import until
from trunks.models import CarrierAccount

DIDS, EACH = 4, 25


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_stop_while_100_texts_wait(portal: Site, delay: float) -> None:
    """With a slow wire some are already `sending` when STOP is heard: the threads name them, and no other arrives."""
    portal.start_all()
    CarrierAccount.objects.filter(pk=portal.account.pk).update(texts_a_second=10)
    number = portal.customer()
    threads = [portal.threads_with(number, portal.did()) for _ in range(DIDS)]
    portal.wire.delay = delay
    portal.queue(threads, EACH)
    until(lambda: portal.counts()["accepted"] >= 12, what=portal.logs)
    if delay:
        until(lambda: portal.in_state(State.SENDING), what=portal.logs)
    assert portal.customer_texts(threads[0], "STOP") == 200
    answered = time.time()
    confirmations = portal.messages().filter(purpose=Purpose.COMPLIANCE)
    until(confirmations.exists, what=portal.logs)
    portal.wait_final()

    requests = Message.objects.exclude(purpose=Purpose.COMPLIANCE).filter(direction="out")
    ours = {references.make(pk) for pk in Attempt.objects.filter(message__in=requests).values_list("pk", flat=True)}
    taken = [one for one in portal.accepted() if one["client_reference"] in ours]
    after = [one["received_us"] / 1_000_000 - answered for one in taken if one["received_us"] > answered * 1_000_000]
    notes = ThreadNote.objects.filter(kind="left_before_stop")
    named = sum(int(text.split()[0]) for text in notes.values_list("text", flat=True))
    print(f"taken {len(taken)}, after the answer {after}, named by the threads {named}")
    assert len(after) <= named
    assert (named > 0) or not delay
    assert portal.counts()["sent_twice"] == []
    canceled = requests.filter(state=State.CANCELED).count()
    assert len(taken) + canceled == requests.count() == DIDS * EACH
    assert requests.filter(state=State.DELIVERED).count() == len(taken) < DIDS * EACH / 2
    confirmation = confirmations.get()
    assert (confirmation.state, confirmation.conversation) == (State.DELIVERED, threads[0])
