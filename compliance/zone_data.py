"""Whether this process knows the clocks of 2026. Old zone data texts people at the wrong hour without any error."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

# Provinces that left their old clocks in 2026; source: the IANA tz database, release 2026f.
NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
HOURS = {"America/Vancouver": -7, "America/Edmonton": -6, "America/Winnipeg": -5}


def trouble() -> str:
    """A sentence for the operator, or "" when the data is new enough."""
    old = [
        name for name, hours in HOURS.items() if NOON.astimezone(ZoneInfo(name)).utcoffset() != timedelta(hours=hours)
    ]
    if not old:
        return ""
    return f"The time-zone data is too old (wrong for {', '.join(old)}): install the tzdata package of constraints.txt."
