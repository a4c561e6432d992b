"""A worker that stands still past its lease and wakes: it writes over nothing and sends nothing again."""

import time

import pytest
from django.db.models import Max

from messaging.models import Attempt, Message, State
from tests.faults.house import LEASE_SECONDS, Site
from tests.faults.processes import until


@pytest.mark.parametrize("portal", [("--latency-ms", "300-600")], indirect=True)
def test_a_worker_paused_past_its_lease(portal: Site) -> None:
    first = portal.start_all()
    portal.queue(portal.threads(portal.did(), 120))
    until(lambda: portal.in_state(State.SENDING), what=portal.logs)
    first.pause()
    held = portal.in_state(State.SENDING, State.CLAIMED)
    latest = Message.objects.aggregate(latest=Max("lease_until"))["latest"]
    assert held
    second = portal.start_worker()
    portal.wait_final(35)
    until(lambda: time.time() > latest.timestamp(), seconds=LEASE_SECONDS + 1)
    print(f"{held} texts in the paused worker's hands")
    portal.each_once(120)
    before = picture()
    second.stop()
    first.resume()
    extra = portal.text(portal.threads(portal.did(), 1)[0])
    portal.wait_final()  # by the first alone
    first.stop()  # it ends when what it held is worked off
    assert first.process.returncode == 0
    assert picture(before=extra.pk) == before
    portal.each_once(121)


def picture(before: int = 10**9) -> list[object]:
    """Everything that is known of the texts queued earlier."""
    messages = Message.objects.filter(pk__lt=before).order_by("pk")
    attempts = Attempt.objects.filter(message__in=messages).order_by("pk")
    return [
        list(messages.values("pk", "state", "token", "attempts_made", "settled_at", "why", "due_at")),
        list(attempts.values("pk", "number", "state", "why", "look_ups")),
    ]
