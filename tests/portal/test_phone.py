"""Numbers as people write them."""

import subprocess
import sys

import pytest

from portal.phone import NotANumber, country, is_toll_free, pretty, time_zones, to_e164

ROUNDED = "The spreadsheet has rounded this number; make its column a text column and export it again."


@pytest.mark.parametrize(
    "text",
    [
        "+13125550100", "13125550100", "3125550100", "(312) 555-0100", "312.555.0100", "1-312-555-0100",
        "1 (312) 555-0100", "'+13125550100", "tel:+1-312-555-0100", "3125550100.0", "+1 312.555.0100", "٣١٢٥٥٥٠١٠٠",
        " 312 555 0100 ", "312\u00a0555\u20110100", "\u202a+1 (312) 555-0100\u202c",
    ],
)  # fmt: skip
def test_every_spelling_is_one_number(text: str) -> None:
    assert to_e164(text) == "+13125550100"


def test_a_country_is_read_from_the_plus_or_the_region() -> None:
    assert to_e164("+44 20 7946 0958") == "+442079460958"
    assert to_e164("020 7946 0958", "GB") == "+442079460958"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "This is not a telephone number."),
        ("Main line", "This is not a telephone number."),
        ("12345", "This number is too short."),
        ("5550100", "This number is too short."),
        ("312555010012345", "This number is too long."),
        ("0125550100", "No such number can exist."),
        ("3120550100", "No such number can exist."),
        ("312 555 0100 x12", "This number has an extension; leave it out."),
        ("tel:+13125550100;ext=12", "This number has an extension; leave it out."),
        ("9115550100", "No such number can exist."),
        *((text, ROUNDED) for text in ("1.31256E+10", "1,31256e+10", "1.3125550100E10", "'1.31256E+10")),
    ],
)
def test_what_is_no_number_is_refused_with_a_reason(text: str, why: str) -> None:
    with pytest.raises(NotANumber) as refused:
        to_e164(text)
    assert str(refused.value) == why


def test_countries_and_toll_free() -> None:
    assert [country(number) for number in ("+13125550100", "+14165550100", "+18765550100", "+442079460958")] == [
        "US", "CA", "JM", "GB",
    ]  # fmt: skip
    assert (is_toll_free("+18335550100"), country("+18335550100")) == (True, "")
    assert not is_toll_free("+13125550100")


def test_people_read_what_people_write() -> None:
    assert pretty("+13125550100") == "(312) 555-0100"
    assert pretty("+442079460958") == "+44 20 7946 0958"
    assert pretty("short") == "short"


def test_fiction_and_new_areas_are_numbers() -> None:
    assert to_e164("555-555-0100") == "+15555550100"
    assert to_e164("800-555-0199") == "+18005550199"


def test_time_zones_of_an_area() -> None:
    assert time_zones("+13125550100") == ("America/Chicago",)
    assert time_zones("+12085550100") == ("America/Boise", "America/Los_Angeles")
    assert time_zones("+18005550199") == ()
    assert time_zones("+15555550100") == ()
    assert time_zones("short") == ()


def test_the_heavy_tables_stay_unread() -> None:
    """The geocoder costs 199 MB in every process and the carrier table 60 MB."""
    code = "import sys, portal.phone; print(*sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(ran.stdout.split())
    assert "phonenumbers" in loaded
    assert not loaded & {"phonenumbers.geocoder", "phonenumbers.carrier"}
