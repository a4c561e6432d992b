"""What a carrier that does not answer does to its lane."""

from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from django.utils import timezone

from messaging import dispatch, lanes, outcomes
from messaging.models import Attempt, Lane, Message, State
from portal.clock import database_now
from tests.messaging.desk import Desk
from tests.portal.peers import close_after_reading, opened_peer
from trunks.models import CarrierAccount

SILENT = "The carrier does not answer. We keep trying while the texts are worth sending."


@pytest.fixture
def deaf(desk: Desk, settings: object) -> Iterator[Desk]:
    """The desk's account at an address that hangs up on every request."""
    with opened_peer(close_after_reading) as peer:
        settings.PORTAL_PRIVATE_HOSTS = {*settings.PORTAL_PRIVATE_HOSTS, peer.entry}  # type: ignore[attr-defined]
        desk.account.base_url = peer.url
        desk.account.save()
        yield desk


def test_silence_closes_the_road(deaf: Desk) -> None:
    texts = [deaf.queue(deaf.thread()) for _ in range(3)]
    deaf.dispatch()
    lane = Lane.objects.get()
    assert (lane.failures, lane.paused_why) == (1, SILENT)
    assert lane.paused_until is not None
    assert set(Message.objects.values_list("state", flat=True)) == {State.UNCONFIRMED}
    assert CarrierAccount.objects.get(pk=deaf.account.pk).trouble == SILENT
    lanes.reopen(lane)
    account = CarrierAccount.objects.get(pk=deaf.account.pk)
    assert (account.trouble, account.trouble_since) == ("", None)
    assert len(texts) == Attempt.objects.count()


def test_one_lost_answer_among_others_that_came_closes_nothing(deaf: Desk) -> None:
    """A text that left later was taken: the carrier is there."""
    deaf.queue(deaf.thread())
    deaf.dispatch()
    lane, lost = Lane.objects.get(), Attempt.objects.get()
    lanes.reopen(lane)
    taken = deaf.queue(deaf.thread())
    Attempt.objects.create(message=taken, number=1, account=deaf.account, state=State.ACCEPTED)
    outcomes.judge_silence(lane, since_attempt=lost.pk)
    lane.refresh_from_db()
    assert (lane.failures, lane.paused_until) == (0, None)


def test_a_lane_leaves_half_of_a_workers_threads_to_the_others(desk: Desk) -> None:
    desk.queue(desk.thread())
    lane = Lane.objects.get()
    with ExitStack() as stack:
        assert [stack.enter_context(dispatch._hands.on(lane.pk)) for _ in range(4)] == [True] * 4
        assert dispatch.dispatch(lane.pk) == 0
        assert Message.objects.get().state == State.QUEUED
    assert dispatch.dispatch(lane.pk) == 1


def test_trouble_that_nobody_has_met_since_is_forgotten(deaf: Desk) -> None:
    deaf.queue(deaf.thread())
    deaf.dispatch()
    Message.objects.update(state=State.DELIVERED)  # by receipt: no text of the lane will say that it is open
    lane = Lane.objects.get()
    lanes.forget_old_trouble(database_now())
    assert Lane.objects.get().failures == 1
    Lane.objects.update(paused_until=timezone.now() - lanes.OLD_TROUBLE)
    waiting = deaf.queue(deaf.thread())
    lanes.forget_old_trouble(database_now())
    assert Lane.objects.get().failures == 1
    Message.objects.filter(pk=waiting.pk).update(state=State.CANCELED)
    lanes.forget_old_trouble(database_now())
    lane.refresh_from_db()
    assert (lane.failures, lane.paused_until, lane.paused_why) == (0, None, "")
    assert CarrierAccount.objects.get(pk=deaf.account.pk).trouble == ""
