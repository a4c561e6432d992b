"""A person's wish, heard twice at once."""

import threading
from typing import Any

import pytest
from django.db import connection, transaction

from compliance import optout
from compliance.models import OptOut, Suppression
from tests.people import House
from tests.portal.sandbox.process import until

NUMBER = "+12125550142"


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
