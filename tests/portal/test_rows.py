"""Rows in bulk: the same on both databases as if each had been an object."""

from datetime import timedelta

import pytest
from django.db import DataError, IntegrityError, connection, transaction
from django.utils import timezone

from messaging.models import Attempt, AttemptPart, State
from portal.rows import insert_rows
from tests.messaging.desk import Desk


@pytest.fixture
def message_ids(desk: Desk) -> list[int]:
    return [desk.queue(desk.thread()).pk for _ in range(3)]


def attempts(desk: Desk, message_ids: list[int], number: int = 1) -> list[int]:
    columns = {"message_id": message_ids, "number": [number] * len(message_ids)}
    return insert_rows(Attempt, columns, account_id=desk.account.pk)


def test_keys_come_back_in_order_and_defaults_are_kept(desk: Desk, message_ids: list[int]) -> None:
    message_ids.reverse()
    keys = attempts(desk, message_ids)
    assert list(Attempt.objects.filter(pk__in=keys).order_by("pk").values_list("pk", "message_id")) == list(
        zip(keys, message_ids, strict=True)
    )
    one = Attempt.objects.get(pk=keys[0])
    assert (one.account, one.number, one.state) == (desk.account, 1, State.SENDING)
    assert (one.reason, one.code, one.why, one.looked_up_at, one.look_ups) == ("", "", "", None, 0)
    assert abs(timezone.now() - one.started_at) < timedelta(seconds=60)


def test_nothing_asks_nothing(desk: Desk, django_assert_num_queries: object) -> None:
    with django_assert_num_queries(0):  # type: ignore[operator]
        assert attempts(desk, []) == []


def test_one_statement_for_any_number(desk: Desk, message_ids: list[int], django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        attempts(desk, message_ids)


def test_a_conflict_is_an_error_unless_it_is_ignored(desk: Desk, message_ids: list[int]) -> None:
    keys = attempts(desk, message_ids)
    with pytest.raises(IntegrityError), transaction.atomic():
        attempts(desk, message_ids)
    columns = {"attempt_id": keys, "carrier_id": ["a", "b", "a"], "segments": [1, None, 2], "cost": [None] * 3}
    insert_rows(AttemptPart, columns, ignore_conflicts=True, account_id=desk.account.pk)
    insert_rows(AttemptPart, columns, ignore_conflicts=True, account_id=desk.account.pk)
    rows = AttemptPart.objects.order_by("carrier_id").values_list("attempt_id", "carrier_id", "segments", "state")
    assert list(rows) == [(keys[0], "a", 1, State.ACCEPTED), (keys[1], "b", None, State.ACCEPTED)]


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite bounds no text")
def test_what_is_too_long_is_refused_and_not_cut(desk: Desk, message_ids: list[int]) -> None:
    keys = attempts(desk, message_ids)
    with pytest.raises(DataError), transaction.atomic():
        insert_rows(AttemptPart, {"attempt_id": keys[:1], "carrier_id": ["a" * 101]}, account_id=desk.account.pk)
