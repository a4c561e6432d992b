"""The shipped rules, and what an organization may change."""

from datetime import date, time

import pytest

from compliance import places, rulebook
from compliance.places import Place

MONDAY, SATURDAY, SUNDAY = date(2026, 11, 30), date(2026, 11, 28), date(2026, 11, 29)
RI = Place("America/New_York", "RI", "US", "")
TX = Place("America/Chicago", "TX", "US", "")


def test_every_state_of_the_rulebook_is_a_region() -> None:
    book = rulebook.shipped()
    assert set(book.states) <= set(places.regions())
    assert book.version == "2026-11-30"
    for rule in [*book.countries.values(), *book.profiles.values(), *book.states.values()]:
        assert rule.source
        assert rule.confidence in ("primary", "secondary")


def test_rhode_island_is_the_tightest() -> None:
    rule = rulebook.shipped().states["RI"]
    assert rulebook.words(rule.days) == "Mon–Fri 09:00–18:00, Sat 10:00–17:00, Sun closed"
    assert rule.span(date(2026, 8, 10), is_holiday=True) is None  # Victory Day, which only Rhode Island keeps


def test_the_strictest_profile_lies_inside_every_window_but_those_that_close_for_holidays_of_their_own() -> None:
    book = rulebook.shipped()
    strictest = book.profiles[rulebook.STRICTEST]
    for rule in [*book.states.values(), *book.countries.values()]:
        for ours, theirs in zip(strictest.days, rule.days, strict=True):
            assert ours is None or (theirs is not None and theirs[0] <= ours[0] and ours[1] <= theirs[1]), rule.name


def test_a_rule_counts_from_its_day() -> None:
    book = rulebook.shipped()
    names = lambda day: [rule.name for rule in book.rules(TX, day, promotional=False)]  # noqa: E731
    assert names(date(2025, 8, 31)) == ["US federal hours"]
    assert names(date(2025, 9, 1)) == ["US federal hours", "TX hours"]


def test_promotions_keep_the_national_profile_until_an_owner_attests_otherwise() -> None:
    book = rulebook.shipped()
    assert [rule.name for rule in book.rules(RI, MONDAY, promotional=True)] == [
        "US federal hours",
        "RI hours",
        "Safe nearly everywhere",
    ]
    wide = book.with_own({}, wide=True)
    assert [rule.name for rule in wide.rules(RI, MONDAY, promotional=True)] == ["US federal hours", "RI hours"]


def test_an_own_rule_takes_the_place_of_the_states_and_never_of_the_countrys() -> None:
    own = rulebook.Rule(name="ours", days=rulebook.week("07:00-22:00", "", ""), holidays_closed=False, source="")
    book = rulebook.shipped().with_own({"RI": own})
    assert [rule.name for rule in book.rules(RI, MONDAY, promotional=False)] == ["US federal hours", "ours"]
    assert [rule.name for rule in book.rules(TX, MONDAY, promotional=False)] == ["US federal hours", "TX hours"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("9 to 5", "“9 to 5” is no window: write it like 09:00-18:00, or leave it empty for closed."),
        ("18:00-09:00", "“18:00-09:00” ends before it begins."),
        ("09:00-25:00", "“09:00-25:00” is no window: write it like 09:00-18:00, or leave it empty for closed."),
    ],
)
def test_a_window_that_cannot_be_read_is_refused_with_a_sentence(text: str, sentence: str) -> None:
    with pytest.raises(rulebook.BadRule, match=sentence):
        rulebook.span(text)


def test_windows_are_read() -> None:
    assert rulebook.span(" 09:00 - 18:30 ") == (time(9), time(18, 30))
    assert rulebook.span("closed") is rulebook.span("") is None
