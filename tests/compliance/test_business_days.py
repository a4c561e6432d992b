"""Ten business days, counted as the federal calendar does."""

from datetime import date

import pytest

from compliance.business_days import deadline, is_business_day


@pytest.mark.parametrize(
    ("heard", "due"),
    [
        (date(2026, 3, 2), date(2026, 3, 16)),  # a Monday, two plain weeks
        (date(2026, 3, 7), date(2026, 3, 20)),  # a Saturday: the Monday after is the first day
        (date(2026, 11, 20), date(2026, 12, 7)),  # Thanksgiving between
        (date(2026, 6, 26), date(2026, 7, 13)),  # July 4 is a Saturday: the Friday before is kept
        (date(2026, 12, 18), date(2027, 1, 5)),  # Christmas and New Year
        (date(2021, 12, 24), date(2022, 1, 10)),  # Christmas observed on 24, New Year's Day on 31 December
    ],
)
def test_the_deadline_is_the_tenth_business_day(heard: date, due: date) -> None:
    assert deadline(heard) == due


def test_weekends_and_federal_holidays_are_no_business_days() -> None:
    days = [date(2026, 1, day) for day in (1, 2, 3, 4, 5, 19)]
    assert [is_business_day(day) for day in days] == [False, True, False, False, True, False]
    assert not is_business_day(date(2021, 12, 31))  # New Year's Day of 2022, observed
