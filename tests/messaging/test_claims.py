"""What a claim takes, and what it leaves."""

from datetime import timedelta

import pytest
from django.utils import timezone

from compliance import optout
from compliance.models import Brand, Campaign, CampaignDid, CampaignDidState, CampaignState, OptOut
from messaging import claims, outcomes
from messaging.models import Attempt, DailyUse, Lane, Message, State
from tests.messaging.desk import Desk
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


def states() -> list[str]:
    return list(Message.objects.order_by("pk").values_list("state", flat=True))


def test_one_text_of_a_thread_at_a_time(desk: Desk) -> None:
    thread = desk.thread()
    first = desk.queue(thread, "one")
    desk.queue(thread, "two")
    assert [text.id for text in take(desk).texts] == [first.pk]
    assert take(desk).texts == []
    assert states() == [State.CLAIMED, State.QUEUED]


def test_a_text_for_later_blocks_nobody(desk: Desk) -> None:
    thread = desk.thread()
    desk.queue(thread, "tomorrow", not_before=timezone.now() + timedelta(hours=1))
    now = desk.queue(thread, "now")
    assert [text.id for text in take(desk).texts] == [now.pk]


def test_the_daily_cap_holds_to_the_segment(desk: Desk, campaign: Campaign) -> None:
    for _ in range(5):
        desk.queue(desk.thread())
    assert len(take(desk).texts) == 3
    assert DailyUse.objects.get().segments == 3
    assert take(desk).texts == []
    assert sorted(states()) == [State.CLAIMED] * 3 + [State.FAILED] * 2
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


def test_a_stop_between_claim_and_mark_is_heard(desk: Desk) -> None:
    thread = desk.thread()
    desk.queue(thread)
    claim = take(desk)
    optout.record_opt_out(organization=desk.house.organization, number=thread.number, source=OptOut.Source.TEXT)
    assert claims.mark(claim) == []
    assert states() == [State.CANCELED]
    assert not Attempt.objects.exists()


def test_a_claim_whose_lease_ran_out_is_not_marked(desk: Desk) -> None:
    desk.queue(desk.thread())
    claim = take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    assert claims.mark(claim) == []
    assert states() == [State.QUEUED]


def test_a_text_claimed_anew_is_not_marked_by_the_old_claim(desk: Desk) -> None:
    desk.queue(desk.thread())
    old = take(desk)
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    new = take(desk)
    assert claims.mark(old) == []
    assert [text.id for text, _ in claims.mark(new)] == [Message.objects.get().pk]


def test_a_lost_mark_becomes_unconfirmed_and_is_not_queued(desk: Desk) -> None:
    desk.queue(desk.thread())
    claims.mark(take(desk))
    Message.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    outcomes.sweep(timezone.now())
    assert states() == [State.UNCONFIRMED]
    assert Attempt.objects.get().state == State.UNCONFIRMED


def test_a_paused_lane_says_how_long(desk: Desk) -> None:
    desk.queue(desk.thread())
    Lane.objects.update(paused_until=timezone.now() + timedelta(seconds=30))
    claim = claims.claim(only_lane().pk, limit=200)
    assert claim.texts == []
    assert claim.wait == pytest.approx(30, abs=1)


def test_a_road_that_was_closed_is_tried_with_one_text(desk: Desk) -> None:
    texts = [desk.queue(desk.thread()) for _ in range(3)]
    Lane.objects.update(failures=1)
    assert [text.id for text in take(desk).texts] == [texts[0].pk]
    Lane.objects.update(failures=0)
    assert [text.id for text in take(desk).texts] == [text.pk for text in texts[1:]]
