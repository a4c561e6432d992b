"""Where a person may be."""

from zoneinfo import ZoneInfo

import pytest

from compliance import places

EAST, CENTRAL, MOUNTAIN, PACIFIC = "America/New_York", "America/Chicago", "America/Denver", "America/Los_Angeles"


def zones(number: str) -> set[str]:
    return {place.zone for place in places.of_number(number)}


@pytest.mark.parametrize(
    ("area", "state", "wanted"),
    [
        ("212", "NY", {EAST}),
        ("850", "FL", {EAST, CENTRAL}),
        ("448", "FL", {EAST, CENTRAL}),  # its overlay, for which number metadata knows one zone
        ("270", "KY", {EAST, CENTRAL}),
        ("364", "KY", {EAST, CENTRAL}),
        ("930", "IN", {EAST, CENTRAL}),
        ("219", "IN", {EAST, CENTRAL}),
        ("423", "TN", {EAST, CENTRAL}),
        ("865", "TN", {EAST}),
        ("615", "TN", {CENTRAL}),
        ("906", "MI", {EAST, CENTRAL}),
        ("701", "ND", {CENTRAL, MOUNTAIN}),
        ("605", "SD", {CENTRAL, MOUNTAIN}),
        ("308", "NE", {CENTRAL, MOUNTAIN}),
        ("785", "KS", {CENTRAL, MOUNTAIN}),
        ("915", "TX", {CENTRAL, MOUNTAIN}),
        ("458", "OR", {MOUNTAIN, PACIFIC}),
        ("928", "AZ", {"America/Phoenix", MOUNTAIN}),
        ("602", "AZ", {"America/Phoenix"}),
        ("808", "HI", {"Pacific/Honolulu"}),
        ("778", "BC", {"America/Vancouver", "America/Edmonton"}),
        ("604", "BC", {"America/Vancouver"}),
        ("367", "QC", {"America/Toronto", "America/Halifax"}),
        ("807", "ON", {"America/Toronto", "America/Winnipeg"}),
    ],
)
def test_an_area_code_gives_its_state_and_every_zone_of_its_people(area: str, state: str, wanted: set[str]) -> None:
    number = f"+1{area}5550100"
    assert wanted <= zones(number)
    # What the number's own metadata adds lies at the same hours: Detroit is New York's time, Boise is Denver's.
    offsets = {places_offset(zone) for zone in zones(number)}
    assert offsets == {places_offset(zone) for zone in wanted}
    assert {place.state for place in places.of_number(number)} == {state}


def places_offset(zone: str) -> float:
    from datetime import UTC, datetime

    offset = datetime(2026, 7, 1, tzinfo=UTC).astimezone(ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset.total_seconds()


@pytest.mark.parametrize("number", ["+18005550199", "+18335550199", "+17295550100"])
def test_a_number_of_no_place_may_be_anywhere(number: str) -> None:
    assert places.of_number(number) == ()
    assert {"America/New_York", "Pacific/Honolulu"} <= {place.zone for place in places.everywhere()}


def test_a_number_abroad_has_its_countrys_zones_and_no_state() -> None:
    (place,) = places.of_number("+442079460958")
    assert (place.zone, place.state, place.country) == ("Europe/London", "", "")


def test_the_customers_own_data_comes_first_and_does_not_replace_the_number() -> None:
    found = places.candidates("+12125550100", zone="America/Denver", state="RI")
    assert [(place.zone, place.state) for place in found][:2] == [("America/Denver", ""), (EAST, "RI")]
    assert (EAST, "NY") in {(place.zone, place.state) for place in found}


def test_a_split_state_on_the_contact_counts_with_all_its_zones() -> None:
    found = places.candidates("+18005550199", state="TN")
    assert {place.zone for place in found} == {CENTRAL, EAST}


def test_no_area_code_stands_twice_and_every_zone_exists() -> None:
    regions = places.regions().values()
    areas = [area for region in regions for area in region.areas]
    assert len(areas) == len(set(areas)) > 400
    assert len(regions) == 50 + 1 + 5 + 10  # states, the District, territories, Canada
    for region in regions:
        for zone in {*region.zones, *(zone for names in region.areas.values() for zone in names)}:
            assert ZoneInfo(zone).key == zone
