"""What is stuck or stale."""

from datetime import UTC, datetime, timedelta

import pytest

from messaging import health
from messaging.models import Heartbeat

TEN = datetime(2026, 3, 2, 10, tzinfo=UTC)


@pytest.mark.django_db
def test_ticks_that_piled_up_are_one() -> None:
    seconds = [0.0, 0.1, 0.4, 0.6, 0.7, 1.6]
    ran = [health.beat(health.TICK, TEN + timedelta(seconds=each)) for each in seconds]
    assert ran == [True, False, False, True, False, True]
    assert Heartbeat.objects.get().at == TEN + timedelta(seconds=1.6)


@pytest.mark.django_db
def test_a_database_whose_clock_is_set_back_goes_on_at_once() -> None:
    assert health.beat(health.TICK, TEN)
    assert health.beat(health.TICK, TEN - timedelta(hours=1))
    assert not health.beat(health.TICK, TEN - timedelta(hours=1))
