"""What a claim takes, and what it leaves."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from compliance import optout
from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState, OptOut
from messaging import claims, inbound, outcomes
from messaging.models import Attempt, AttemptPart, DailyUse, Lane, Message, State
from tests.messaging.desk import Desk
from trunks.carriers.base import Accepted, AcceptedPart, CarrierError
from trunks.carriers.events import Reason
from trunks.models import Did, TextState


@pytest.fixture
def campaign(desk: Desk) -> Campaign:
    brand = Brand.objects.create(organization=desk.house.organization, name="North", daily_cap=3)
    campaign = Campaign.objects.create(
        organization=desk.house.organization,
        brand=brand,
        account=desk.account,
        name="Orders",
        state=CampaignState.LIVE,
        texts_a_second=1_000,
    )
    CampaignDid.objects.create(campaign=campaign, did=desk.did, state=CampaignDidState.ASSIGNED)
    return campaign


def only_lane() -> Lane:
    lane: Lane = Lane.objects.get()
    return lane


def take(desk: Desk) -> claims.Claim:
    Lane.objects.update(next_slot_at=timezone.now() - timedelta(seconds=1))
    return claims.claim(only_lane().pk, limit=200)


def ids(claim: claims.Claim) -> list[int]:
    return [text.id for text, _ in claim.texts]


def states() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


def test_one_text_of_a_thread_at_a_time(desk: Desk) -> None:
    thread = desk.thread()
    first = desk.queue(thread, "one")
    desk.queue(thread, "two")
    assert ids(take(desk)) == [first.pk]
    assert take(desk).texts == []
    assert states() == [State.SENDING, State.QUEUED]


def test_a_text_for_later_blocks_nobody(desk: Desk) -> None:
    thread = desk.thread()
    desk.queue(thread, "tomorrow", not_before=timezone.now() + timedelta(hours=1))
    now = desk.queue(thread, "now")
    assert ids(take(desk)) == [now.pk]


def test_the_daily_cap_holds_to_the_segment(desk: Desk, campaign: Campaign) -> None:
    for _ in range(5):
        desk.queue(desk.thread())
    assert len(take(desk).texts) == 3
    assert DailyUse.objects.get().segments == 3
    assert take(desk).texts == []
    assert sorted(states()) == [State.FAILED] * 2 + [State.SENDING] * 3
    assert Message.objects.filter(state=State.FAILED).first().reason == "daily_limit"  # type: ignore[union-attr]


def test_a_campaign_that_is_suspended_meanwhile_speaks_no_more(desk: Desk, campaign: Campaign) -> None:
    desk.queue(desk.thread())
    Campaign.objects.update(state=CampaignState.SUSPENDED, why="Too many complaints.")
    assert take(desk).texts == []
    message = Message.objects.get()
    assert (message.state, message.reason) == (State.FAILED, "not_registered")
    assert message.why.startswith("The campaign of this DID is not live (suspended). Too many complaints.")


def test_a_did_that_moved_to_a_campaign_changes_the_lane(desk: Desk, campaign: Campaign) -> None:
    CampaignDid.objects.all().delete()
    message = desk.queue(desk.thread())
    CampaignDid.objects.create(campaign=campaign, did=desk.did, state=CampaignDidState.ASSIGNED)
    assert take(desk).texts == []
    message.refresh_from_db()
    assert (message.state, message.lane) == (State.QUEUED, Lane.objects.get(campaign=campaign))


def test_what_is_no_longer_worth_sending_expires(desk: Desk) -> None:
    desk.queue(desk.thread())
    Message.objects.update(valid_until=timezone.now() - timedelta(seconds=1))
    assert take(desk).texts == []
    assert states() == [State.EXPIRED]


def test_a_did_switched_off_meanwhile_sends_nothing(desk: Desk) -> None:
    desk.queue(desk.thread())
    Did.objects.update(text_state=TextState.OFF)
    assert take(desk).texts == []
    assert Message.objects.get().why == (
        "This DID is not switched on for texts. A dialer admin can change that under DIDs."
    )


def test_a_claim_names_the_attempt_of_each_text(desk: Desk) -> None:
    first, second = desk.queue(desk.thread()), desk.queue(desk.thread())
    claim = take(desk)
    attempts = dict(Attempt.objects.values_list("message_id", "pk"))
    assert [(text.id, attempt) for text, attempt in claim.texts] == [
        (first.pk, attempts[first.pk]),
        (second.pk, attempts[second.pk]),
    ]
    assert set(Attempt.objects.values_list("number", "account", "state", "reason", "why")) == {
        (1, desk.account.pk, State.SENDING, "", "")
    }
    assert set(Message.objects.values_list("state", "token", "attempts_made")) == {(State.SENDING, claim.token, 1)}


def after_judging(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Something happens between the gate's look at a batch and its mark."""
    judge = claims._judged

    def judged(lane: Lane, texts: list[claims.Text], now: datetime) -> list[claims.Text]:
        allowed = judge(lane, texts, now)
        happens()
        return allowed

    monkeypatch.setattr(claims, "_judged", judged)


def test_a_stop_between_judgement_and_mark_is_heard(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = desk.thread()
    desk.queue(thread)
    other = desk.queue(desk.thread())
    stop = partial(
        optout.record_opt_out,
        organization=desk.house.organization,
        number=thread.number,
        source=OptOut.Source.TEXT,
    )
    after_judging(monkeypatch, stop)
    assert ids(take(desk)) == [other.pk]
    assert states() == [State.CANCELED, State.SENDING]
    assert Attempt.objects.get().message == other


def test_the_mark_itself_refuses_a_suppressed_number(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    thread = desk.thread()
    desk.queue(thread)
    monkeypatch.setattr(inbound, "cancel_waiting", lambda *_: None)
    stop = partial(
        optout.record_opt_out,
        organization=desk.house.organization,
        number=thread.number,
        source=OptOut.Source.TEXT,
    )
    after_judging(monkeypatch, stop)
    assert take(desk).texts == []
    assert states() == [State.QUEUED]
    assert not Attempt.objects.exists()
    assert take(desk).texts == []  # and the gate writes it down at the next look
    assert states() == [State.CANCELED]


def test_a_text_whose_time_ends_before_the_mark_does_not_leave(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.queue(desk.thread())
    past = timezone.now() - timedelta(seconds=1)
    after_judging(monkeypatch, lambda: Message.objects.update(valid_until=past))
    assert take(desk).texts == []
    assert states() == [State.QUEUED]
    outcomes.sweep(timezone.now())
    assert states() == [State.EXPIRED]


def test_a_marked_text_whose_worker_is_gone_is_unconfirmed_and_not_queued(desk: Desk) -> None:
    desk.queue(desk.thread())
    take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    assert states() == [State.UNCONFIRMED]
    assert Attempt.objects.get().state == State.UNCONFIRMED
    assert take(desk).texts == []


def answered(claim: claims.Claim, answer: Accepted | CarrierError | None) -> list[outcomes.Sent]:
    return [
        outcomes.Sent(
            message_id=text.id,
            attempt_id=attempt_id,
            attempts_made=1,
            number=text.to_number,
            from_number=text.from_number,
            valid_until=text.valid_until,
            answer=answer,
        )
        for text, attempt_id in claim.texts
    ]


def test_a_yes_that_comes_after_the_lease_still_counts(desk: Desk) -> None:
    desk.queue(desk.thread())
    claim = take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    yes = Accepted(parts=(AcceptedPart(carrier_id="late-1", segments=1),))
    outcomes.record(claim.lane, claim.token, answered(claim, yes))
    assert states() == [State.ACCEPTED]
    assert Attempt.objects.get().state == State.ACCEPTED
    part = AttemptPart.objects.get()
    assert (part.carrier_id, part.account, part.state, part.segments) == ("late-1", desk.account, State.ACCEPTED, 1)


def test_a_no_that_comes_after_the_lease_is_tried_again(desk: Desk) -> None:
    """The carrier proves that it has no such text, so nobody need ask it."""
    desk.queue(desk.thread())
    claim = take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    busy = CarrierError("Too many.", reason=Reason.CARRIER_DOWN, retryable=True)
    outcomes.record(claim.lane, claim.token, answered(claim, busy))
    message = Message.objects.get()
    assert (message.state, message.token, message.lease_until) == (State.QUEUED, None, None)
    assert message.due_at is not None
    assert message.due_at > timezone.now() + timedelta(seconds=1)
    assert Attempt.objects.get().state == State.FAILED


def test_a_no_to_an_old_attempt_leaves_the_new_one_alone(desk: Desk) -> None:
    desk.queue(desk.thread())
    old = take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    outcomes.try_again(Message.objects.get().pk, attempts_made=1, why="The carrier never received it.")
    new = take(desk)
    busy = CarrierError("Too many.", reason=Reason.CARRIER_DOWN, retryable=True)
    outcomes.record(old.lane, old.token, answered(old, busy))
    message = Message.objects.get()
    assert (message.state, message.token, message.attempts_made) == (State.SENDING, new.token, 2)


def test_the_time_to_write_ends_with_half_the_lease(desk: Desk, settings: Any) -> None:
    settings.MESSAGING_LEASE_SECONDS = 40
    desk.queue(desk.thread())
    before = time.monotonic()
    claim = take(desk)
    assert before + 20 <= claim.write_by <= time.monotonic() + 20


def test_a_paused_lane_says_how_long(desk: Desk) -> None:
    desk.queue(desk.thread())
    Lane.objects.update(paused_until=timezone.now() + timedelta(seconds=30))
    claim = claims.claim(only_lane().pk, limit=200)
    assert claim.texts == []
    assert claim.wait == pytest.approx(30, abs=1)


def test_a_road_that_was_closed_is_tried_with_one_text(desk: Desk) -> None:
    texts = [desk.queue(desk.thread()) for _ in range(3)]
    Lane.objects.update(failures=1)
    assert [text.id for text, _ in take(desk).texts] == [texts[0].pk]
    Lane.objects.update(failures=0)
    assert [text.id for text, _ in take(desk).texts] == [text.pk for text in texts[1:]]
