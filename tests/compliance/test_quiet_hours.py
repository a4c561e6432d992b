"""When a text may leave, against an oracle that looks at every minute and every rule by itself."""

import tomllib
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import holidays
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from compliance import places, quiet_hours, rulebook
from compliance.purposes import Purpose
from compliance.quiet_hours import judge

BOOK = rulebook.shipped()
FACTS = tomllib.loads(rulebook.DATA.read_text())
NUMBERS = [f"+1{area}5550100" for region in places.regions().values() for area in region.areas] + ["+18005550199"]
PURPOSES = [Purpose.INFORMATIONAL, Purpose.FOLLOW_UP, Purpose.PROMOTIONAL, Purpose.REPLY]


def at(text: str, zone: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)


def hours(number: str, purpose: str, now: datetime) -> quiet_hours.Hours:
    return judge(BOOK, places.of_number(number), purpose, now)


# --- The oracle: slow, and written from the data file alone ---


def oracle(number: str, purpose: str, moment: datetime) -> bool:
    where = places.of_number(number) or places.everywhere()
    return all(open_there(place, purpose, moment) for place in where)


def open_there(place: places.Place, purpose: str, moment: datetime) -> bool:
    local = moment.astimezone(ZoneInfo(place.zone))
    wanted = [FACTS["country"].get(place.country, FACTS["country"]["US"])]
    if purpose in ("follow_up", "promotional"):
        if place.country == "US" and not place.state:
            wanted.append(FACTS["profile"]["strictest"])
        elif place.state in FACTS["state"]:
            wanted.append(FACTS["state"][place.state])
        if purpose == "promotional":
            wanted.append(FACTS["profile"]["national"])
    return all(lets(row, place.state, local) for row in wanted if row.get("from", date.min) <= local.date())


def lets(row: dict[str, str], state: str, local: datetime) -> bool:
    if row["holidays"] == "closed" and is_holiday(state, local.date()):
        return False
    word = row[{5: "saturday", 6: "sunday"}.get(local.weekday(), "weekdays")]
    if not word:
        return False
    opens, closes = (60 * int(each[:2]) + int(each[3:]) for each in word.split("-"))
    seconds = local.hour * 3600 + local.minute * 60 + local.second + local.microsecond / 1e6
    return opens * 60 <= seconds <= (closes - 1) * 60


def is_holiday(state: str, day: date) -> bool:
    for country in (holidays.US, holidays.CA):
        if state in country.subdivisions:
            return day in country(subdiv=state, years=day.year)
    return day in holidays.US(years=day.year)


INSTANTS = st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 12, 30)).map(
    lambda moment: moment.replace(tzinfo=UTC, microsecond=0)
)


@settings(max_examples=400, deadline=None)
@given(number=st.sampled_from(NUMBERS), purpose=st.sampled_from(PURPOSES), now=INSTANTS)
def test_what_is_judged_is_what_every_rule_says_of_every_minute(number: str, purpose: str, now: datetime) -> None:
    verdict = hours(number, purpose, now)
    assert verdict.is_open == oracle(number, purpose, now)
    assert verdict.opens is not None
    assert verdict.closes is not None
    assert oracle(number, purpose, verdict.opens)
    if not verdict.is_open:
        assert not oracle(number, purpose, verdict.opens - timedelta(seconds=1))
        steps = int((verdict.opens - now) / timedelta(minutes=20))
        assert not any(oracle(number, purpose, now + timedelta(minutes=20) * step) for step in range(min(steps, 300)))
    assert oracle(number, purpose, verdict.closes - quiet_hours.MARGIN)
    assert not oracle(number, purpose, verdict.closes - timedelta(seconds=30))


# --- What people can rely on ---


def test_a_follow_up_to_a_panhandle_number_waits_for_the_later_of_two_zones() -> None:
    """850 is Florida's, in two zones: 8 am Central is 9 am Eastern, and 8 pm Eastern closes it."""
    verdict = hours("+18505550100", Purpose.FOLLOW_UP, at("2026-12-01T07:30", "America/Chicago"))
    assert verdict.opens == at("2026-12-01T08:00", "America/Chicago")
    assert verdict.closes == at("2026-12-01T20:00", "America/New_York")


def test_rhode_island_on_a_friday_evening_waits_for_saturday_at_ten() -> None:
    verdict = hours("+14015550100", Purpose.FOLLOW_UP, at("2026-12-04T18:00", "America/New_York"))
    assert verdict.opens == at("2026-12-05T10:00", "America/New_York")


def test_a_promotion_on_christmas_eve_to_utah_waits_past_the_holiday() -> None:
    verdict = hours("+18015550100", Purpose.PROMOTIONAL, at("2026-12-24T21:00", "America/Denver"))
    assert verdict.opens == at("2026-12-26T09:00", "America/Denver")


def test_the_last_minute_is_not_used() -> None:
    closing = at("2026-12-01T21:00", "America/New_York")
    assert hours("+12125550100", Purpose.INFORMATIONAL, closing - timedelta(minutes=1)).is_open
    assert not hours("+12125550100", Purpose.INFORMATIONAL, closing - timedelta(seconds=59)).is_open


def test_a_toll_free_number_may_be_anywhere_so_every_zone_must_be_open() -> None:
    verdict = hours("+18005550199", Purpose.FOLLOW_UP, at("2026-12-01T09:00", "America/New_York"))
    assert verdict.opens == at("2026-12-01T10:00", "America/Adak") == at("2026-12-01T10:00", "Pacific/Honolulu")
    assert verdict.closes == at("2026-12-01T18:00", "America/St_Thomas")


@pytest.mark.parametrize(
    ("day", "zone"),
    [("2026-03-08", "America/New_York"), ("2026-11-01", "America/New_York"), ("2026-03-08", "America/Denver")],
)
def test_on_the_days_that_clocks_change_eight_is_eight(day: str, zone: str) -> None:
    number = {"America/New_York": "+12125550100", "America/Denver": "+13035550100"}[zone]
    verdict = hours(number, Purpose.INFORMATIONAL, at(f"{day}T00:30", zone))
    assert verdict.opens == at(f"{day}T08:00", zone)
    assert verdict.closes == at(f"{day}T21:00", zone)


@pytest.mark.parametrize(
    ("number", "zone", "offset"),
    [
        ("+16045550100", "America/Vancouver", -7),
        ("+14035550100", "America/Edmonton", -6),
        ("+12045550100", "America/Winnipeg", -5),
    ],
)
def test_canadas_new_clocks_are_known(number: str, zone: str, offset: int) -> None:
    """The three changed in 2026, and the zone data of many systems is older."""
    verdict = hours(number, Purpose.INFORMATIONAL, datetime(2026, 11, 30, 8, tzinfo=UTC))
    assert verdict.opens == datetime(2026, 11, 30, 9 - offset, tzinfo=UTC), zone


@pytest.mark.parametrize(
    ("purpose", "ago", "free"),
    [
        (Purpose.REPLY, timedelta(hours=23, minutes=59), True),
        (Purpose.REPLY, timedelta(hours=24), False),
        (Purpose.REPLY, None, False),
        (Purpose.FOLLOW_UP, timedelta(hours=1), False),
        (Purpose.COMPLIANCE, None, True),
    ],
)
def test_an_answer_within_a_day_keeps_no_hours(purpose: str, ago: timedelta | None, free: bool) -> None:
    now = datetime(2026, 12, 1, 3, tzinfo=UTC)
    assert quiet_hours.is_free(purpose, wrote_at=now - ago if ago is not None else None, now=now) is free


def test_a_rule_that_never_opens_is_said_so() -> None:
    own = rulebook.Rule(name="ours", days=rulebook.week("", "", ""), holidays_closed=False, source="")
    book = BOOK.with_own({"*": own})
    verdict = judge(book, places.of_number("+12125550100"), Purpose.FOLLOW_UP, datetime(2026, 12, 1, tzinfo=UTC))
    assert (verdict.is_open, verdict.opens, verdict.closes) == (False, None, None)


def test_each_rule_of_each_place_is_explained() -> None:
    now = at("2026-12-01T20:30", "America/New_York")
    lines = quiet_hours.explain(BOOK, places.of_number("+18505550100"), Purpose.FOLLOW_UP, now)
    said = [(line.place.zone, line.rule.name, f"{line.local:%H:%M}", line.is_open) for line in lines]
    assert said == [
        ("America/New_York", "US federal hours", "20:30", True),
        ("America/New_York", "FL hours", "20:30", False),
        ("America/Chicago", "US federal hours", "19:30", True),
        ("America/Chicago", "FL hours", "19:30", True),
    ]
    assert time(20) == lines[1].span[1]  # type: ignore[index]
