"""The clock of a revocation that a person must read: 47 CFR 64.1200(a)(10) gives ten business days at most."""

from datetime import date, timedelta
from functools import lru_cache

import holidays

DAYS_TO_HONOR = 10


def deadline(heard: date, days: int = DAYS_TO_HONOR) -> date:
    """The `days`th business day after `heard`: no Saturday, no Sunday, no federal holiday as it is observed."""
    day = heard
    while days:
        day += timedelta(days=1)
        days -= is_business_day(day)
    return day


def is_business_day(day: date) -> bool:
    return day.weekday() < 5 and day not in _federal_holidays(day.year)


@lru_cache(maxsize=16)
def _federal_holidays(year: int) -> frozenset[date]:
    """With the Friday before New Year's Day of the next year, when that is a Saturday."""
    return frozenset(day for day in holidays.country_holidays("US", years=(year, year + 1)) if day.year == year)
