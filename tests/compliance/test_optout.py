"""A person's wish, heard twice at once, late, or out of order."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from compliance import optout
from compliance.models import OptOut, Suppression
from tests.people import House
from tests.portal.sandbox.process import until

NUMBER = "+12125550142"
TEN, MINUTE = datetime(2026, 3, 2, 10, tzinfo=UTC), timedelta(minutes=1)


def waits_for_a_lock() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
        return bool(cursor.fetchone()[0])


@pytest.mark.postgres
@pytest.mark.django_db(transaction=True)
def test_a_stop_that_meets_a_start_is_not_lost(house: House) -> None:
    wish: Any = {"organization": house.organization, "number": NUMBER, "source": OptOut.Source.TEXT}
    optout.record_opt_out(**wish)

    def stop() -> None:
        try:
            optout.record_opt_out(**wish)
        finally:
            connection.close()

    stopping = threading.Thread(target=stop)
    with transaction.atomic():
        assert optout.lift(**wish) is True
        stopping.start()
        until(lambda: waits_for_a_lock() or not stopping.is_alive())
    stopping.join()
    assert Suppression.objects.get().number == NUMBER
    assert list(OptOut.objects.order_by("pk").values_list("kind", flat=True)) == ["opted_out", "opted_in", "opted_out"]


def wish(house: House, *, at: datetime | None = None, **more: Any) -> dict[str, Any]:
    facts = {"organization": house.organization, "number": NUMBER, "source": OptOut.Source.TEXT, "carrier_at": at}
    return facts | more


def is_suppressed() -> bool:
    return Suppression.objects.filter(number=NUMBER).exists()


@pytest.mark.django_db
def test_a_start_said_before_the_newest_stop_lifts_nothing(house: House) -> None:
    """Carriers repeat and overtake: what counts is when the person said it, not when we were told."""
    optout.record_opt_out(**wish(house, at=TEN))
    optout.record_opt_out(**wish(house, at=TEN + 5 * MINUTE))
    assert optout.lift(**wish(house, at=TEN + 2 * MINUTE)) is False
    assert is_suppressed()
    assert list(OptOut.objects.values_list("kind", flat=True)) == ["opted_out", "opted_out"]
    assert optout.lift(**wish(house, at=TEN + 5 * MINUTE)) is True  # a carrier that tells whole minutes
    assert not is_suppressed()
    assert OptOut.objects.latest("pk").carrier_at == TEN + 5 * MINUTE


@pytest.mark.django_db
def test_a_start_is_measured_against_any_opt_out(house: House) -> None:
    """Without a carrier's time, when we heard it stands in; no opt-out is from the future, whatever a carrier says."""
    optout.record_opt_out(**wish(house, source=OptOut.Source.STAFF, why="Said so on the telephone."))
    assert optout.lift(**wish(house, at=timezone.now() - MINUTE)) is False
    assert optout.lift(**wish(house, at=timezone.now() + MINUTE)) is True
    optout.record_opt_out(**wish(house, at=timezone.now() + 60 * MINUTE))
    assert optout.lift(**wish(house, at=timezone.now() + MINUTE)) is True
    optout.record_opt_out(**wish(house, at=TEN))
    assert optout.lift(**wish(house)) is True  # a carrier without a clock is believed when it speaks


@pytest.mark.django_db
def test_a_stop_counts_however_late_it_comes(house: House) -> None:
    """Who said START later says it once more: in doubt nobody is texted."""
    optout.record_opt_out(**wish(house, at=TEN))
    assert optout.lift(**wish(house, at=TEN + 2 * MINUTE)) is True
    optout.record_opt_out(**wish(house, at=TEN + MINUTE))
    assert is_suppressed()


@pytest.mark.django_db
def test_staff_lift_whatever_the_carriers_clock_says(house: House) -> None:
    optout.record_opt_out(**wish(house, at=timezone.now() + 60 * MINUTE))
    fresh = "Agreed again on the telephone, call 4711."
    assert optout.lift(**wish(house, source=OptOut.Source.STAFF, why=fresh)) is True
