"""STOP while a thousand texts to that person wait: by the carrier's clock nothing leaves after it was answered."""

import time
from collections import Counter

import pytest

from compliance.models import Suppression
from messaging import references
from messaging.models import Attempt, Delivery, Message, Purpose, State, ThreadNote
from tests.faults import bulk
from tests.faults.browser import Browser
from tests.faults.house import Site, inbound_text
from tests.faults.processes import until

ACCOUNTS, DIDS, EACH, OTHERS = 3, 4, 84, 30  # DIDs of an account; texts of a DID to the one; texts to others


@pytest.mark.parametrize("delay", [0.0, 0.4])
def test_stop_while_1000_texts_wait(portal: Site, delay: float) -> None:
    """From several DIDs, over the lanes of several accounts. With a slow wire some are already `sending` when STOP is
    heard: the threads name them, and no other arrives."""
    portal.start_all()
    accounts = [portal.account, *(portal.open_account(name=f"Carrier {number}") for number in range(2, ACCOUNTS + 1))]
    type(portal.account).objects.update(texts_a_second=10)
    number = portal.customer()
    dids = [portal.did(account=account) for account in accounts for _ in range(DIDS)]
    threads = [portal.threads_with(number, did) for did in dids]
    portal.wire.delay = delay
    bulk.queue((thread, f"Text {turn}.") for turn in range(EACH) for thread in threads)
    others = bulk.queue((thread, "Yours is ready.") for thread in bulk.threads(portal, dids[0], OTHERS))
    until(lambda: all(portal.counts(account)["accepted"] >= 5 for account in accounts), what=portal.logs)
    if delay:
        until(lambda: portal.in_state(State.SENDING), what=portal.logs)
    began = time.monotonic()
    assert portal.customer_texts(threads[0], "STOP") == 200
    answered = time.time()
    print(f"STOP answered after {time.monotonic() - began:.2f} s")
    confirmations = portal.messages().filter(purpose=Purpose.COMPLIANCE)
    until(confirmations.exists, what=portal.logs)
    portal.wait_final()

    requests = portal.messages().filter(number=number).exclude(purpose=Purpose.COMPLIANCE)
    attempts = Attempt.objects.filter(message__in=requests).values_list("pk", "message__conversation")
    ours = {references.make(pk): thread for pk, thread in attempts}
    taken = [one for account in accounts for one in portal.accepted(account) if one["client_reference"] in ours]
    late = [one for one in taken if one["received_us"] > answered * 1_000_000]
    after = Counter(ours[one["client_reference"]] for one in late)
    notes = ThreadNote.objects.filter(kind="left_before_stop").values_list("conversation", "text")
    named = Counter({thread: int(text.split()[0]) for thread, text in notes})
    seconds = sorted(one["received_us"] / 1_000_000 - answered for one in late)
    print(f"taken {len(taken)}, after the answer {len(late)} ({seconds[-1:]} s), named by the threads {named.total()}")
    assert after <= named
    assert named.total() or not delay
    assert [portal.counts(account)["sent_twice"] for account in accounts] == [[]] * ACCOUNTS
    canceled = requests.filter(state=State.CANCELED).count()
    assert len(taken) + canceled == requests.count() == len(dids) * EACH
    assert requests.filter(state=State.DELIVERED).count() == len(taken) < len(dids) * EACH / 2
    confirmation = confirmations.get()
    assert (confirmation.state, confirmation.conversation) == (State.DELIVERED, threads[0])
    assert Message.objects.filter(pk__in=[one.pk for one in others], state=State.DELIVERED).count() == OTHERS


def test_start_and_stop_out_of_order(portal: Site) -> None:
    """What a carrier tells late, again or the wrong way round: a START lifts no STOP that was said after it."""
    portal.start_all()
    thread = portal.threads(portal.did(), 1)[0]
    agent = Browser(portal, portal.house.agent)
    agent.form(thread.pk)  # open on the screen since before

    def tell(event: str, text: str, said: float) -> bool:
        """Whether the person may be texted once that is heard; the webhook comes twice."""
        body = inbound_text(event, did=thread.did.number, customer=thread.number, text=text, said=said)
        assert [portal.hook(body), portal.hook(body)] == [200, 200]
        until(lambda: not Delivery.objects.filter(processed_at=None).exists(), what=portal.logs)
        return not Suppression.objects.filter(number=thread.number).exists()

    assert not tell("stop-1", "STOP", -600)
    assert tell("start-1", "START", -500)
    assert not tell("stop-2", "STOP", -300)
    assert not tell("start-1-again", "START", -500)  # under another name
    assert not tell("start-2", "START", -400)
    bulk.queue([(thread, "Are you there?")] * 5)  # whatever got into the queue
    portal.wait_final()
    assert agent.reply(thread.pk, "Hello?") == 200
    assert tell("start-3", "START", -200)
    assert not tell("stop-3", "STOP", -250)  # said before it, and yet: in doubt nobody is texted
    assert tell("start-4", "START", 0)
    assert agent.reply(thread.pk, "Welcome back!") == 302
    until(lambda: portal.messages().filter(body="Welcome back!").exists() and portal.all_final(), what=portal.logs)
    sent = [one["text"] for one in portal.accepted()]
    assert "Welcome back!" in sent
    assert not {"Are you there?", "Hello?"} & set(sent)
    assert ThreadNote.objects.filter(kind="start_too_old").count() == 2
    assert portal.counts()["sent_twice"] == []
