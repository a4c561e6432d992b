"""How fast a lane lets texts go."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from messaging import lanes
from messaging.models import Lane
from trunks.models import CarrierAccount

NOW = datetime(2026, 3, 2, 18, 0, tzinfo=UTC)


def lane(rate: str, next_slot_at: datetime = NOW) -> Lane:
    account = CarrierAccount(kind="sandbox", texts_a_second=Decimal(rate))
    return Lane(account=account, next_slot_at=next_slot_at)


def seconds(value: float) -> timedelta:
    return timedelta(seconds=value)


@pytest.mark.parametrize(
    ("rate", "behind", "slots"),
    [
        ("5", -0.1, 0),  # the next text's time has not come
        ("5", 0, 1),
        ("5", 0.19, 1),  # a little late
        ("5", 3_600, 1),  # an idle hour saves nothing up
        ("1000", 0, 1),
        ("1000", 0.05, 51),
        ("1000", 3_600, 100),  # a fast lane catches up a tenth of a second
        ("0.25", 3_600, 1),
    ],
)
def test_free_slots(rate: str, behind: float, slots: int) -> None:
    assert lanes.free_slots(lane(rate, NOW - seconds(behind)), NOW) == slots


@pytest.mark.parametrize(("late", "next_slot"), [(0.0, 0.2), (0.04, 0.16), (0.1, 0.1), (0.15, 0.1), (3_600, 0.1)])
def test_a_text_makes_up_for_half_a_slot_of_lateness(late: float, next_slot: float) -> None:
    shaped = lane("5", NOW - seconds(late))
    lanes.take_slots(shaped, NOW, 1)
    assert shaped.next_slot_at == NOW + seconds(next_slot)


@pytest.mark.parametrize(("late", "least"), [(0.0, 150), (0.03, 150), (0.1, 150), (0.19, 100)])
def test_ten_seconds_hold_ten_times_the_rate_and_one(late: float, least: int) -> None:
    shaped, now, left = lane("5"), NOW, []
    while now < NOW + seconds(30):
        slots = lanes.free_slots(shaped, now)
        if slots:
            lanes.take_slots(shaped, now, slots)
            left += [now] * slots
        now = max(now, shaped.next_slot_at) + seconds(late)
    most = max(sum(start <= at < start + seconds(10) for at in left) for start in left)
    assert most <= 51
    assert len(left) >= least


def test_the_road_of_a_carrier_that_is_down_closes_for_longer_each_time(db: None, house: object) -> None:
    account = CarrierAccount.objects.create(
        organization=house.organization,  # type: ignore[attr-defined]
        kind="sandbox",
        name="Sandbox",
        base_url="http://127.0.0.1:1",
    )
    shaped = Lane.objects.create(account=account)
    waits = []
    for _ in range(6):
        lanes.pause(shaped.pk, now=NOW, why="The carrier could not be reached.")
        shaped.refresh_from_db()
        assert shaped.paused_until is not None
        waits.append((shaped.paused_until - NOW).total_seconds())
    assert waits == [2, 5, 15, 30, 60, 60]
    assert CarrierAccount.objects.get().trouble == "The carrier could not be reached."
    lanes.reopen(shaped)
    assert (CarrierAccount.objects.get().trouble, CarrierAccount.objects.get().trouble_since) == ("", None)
    shaped.refresh_from_db()
    assert (shaped.paused_until, shaped.paused_why, shaped.failures) == (None, "", 0)
