"""Where a person may be: every state and zone that the customer's own data and the number allow for.

Numbers move with people and people move with numbers, so no source is believed alone: what is allowed must be allowed
in every place named here. The customer's own data comes first, the area code last.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path

from portal import phone

DATA = Path(__file__).parent / "data" / "places.toml"
HOME = {"US": "US", "PR": "US", "VI": "US", "GU": "US", "AS": "US", "MP": "US", "CA": "CA"}


@dataclass(frozen=True, slots=True)
class Place:
    """`zone`: an IANA name. `state`: two letters, "" when unknown. `country`: US, CA, or "" elsewhere and unknown."""

    zone: str
    state: str
    country: str
    basis: str


@dataclass(frozen=True, slots=True)
class Region:
    """A state or province, the zones of its people, and those of each of its area codes."""

    code: str
    country: str
    name: str
    zones: tuple[str, ...]
    areas: Mapping[str, tuple[str, ...]]


@cache
def regions() -> dict[str, Region]:
    """{postal code: region} of the United States, its territories and Canada."""
    countries: dict[str, dict[str, dict[str, object]]] = tomllib.loads(DATA.read_text())
    return {
        code: _region(code, country, facts) for country, codes in countries.items() for code, facts in codes.items()
    }


def _region(code: str, country: str, facts: Mapping[str, object]) -> Region:
    zones = _names(facts["zones"])
    areas = dict.fromkeys(str(facts["areas"]).split(), zones[:1])
    elsewhere = facts.get("elsewhere", {})
    assert isinstance(elsewhere, dict)
    areas |= {area: _names(names) for area, names in elsewhere.items()}
    return Region(code, country, str(facts["name"]), zones, areas)


def _names(value: object) -> tuple[str, ...]:
    assert isinstance(value, list)
    return tuple(value)


@cache
def _by_area() -> dict[str, Region]:
    return {area: region for region in regions().values() for area in region.areas}


def candidates(number: str, *, zone: str = "", state: str = "") -> tuple[Place, ...]:
    """Every place for an E.164 number of a person who has told a zone or a state (each "" when not told)."""
    own = [*_of_zone(zone), *_of_state(state)]
    return tuple(dict.fromkeys([*own, *of_number(number)]))


def _of_zone(zone: str) -> Iterable[Place]:
    if zone:
        yield Place(zone, "", "", "the time zone on the contact")


def _of_state(state: str) -> Iterable[Place]:
    region = regions().get(state)
    for zone in region.zones if region else ():
        yield Place(zone, state, region.country if region else "", "the state on the contact")


@lru_cache(maxsize=8_192)
def of_number(number: str) -> tuple[Place, ...]:
    """What the number alone says. Empty for toll-free numbers and area codes nobody knows yet: it may be anywhere."""
    region = _by_area().get(number[2:5]) if number.startswith("+1") else None
    if region is None:
        country = HOME.get(phone.country(number), "")
        return tuple(Place(zone, "", country, "the number's country") for zone in phone.time_zones(number))
    basis = f"area code {number[2:5]}"
    # The exchange may say more than the area: where the two differ, both count.
    zones = dict.fromkeys([*region.areas[number[2:5]], *phone.time_zones(number)])
    return tuple(Place(zone, region.code, region.country, basis) for zone in zones)


@cache
def everywhere() -> tuple[Place, ...]:
    """Each zone of the fifty states, for somebody who may be anywhere in them."""
    zones = dict.fromkeys(zone for region in regions().values() if region.country == "US" for zone in region.zones)
    far = ("Pacific/Guam", "Pacific/Saipan", "Pacific/Pago_Pago")  # a day apart: together with them nothing is open
    return tuple(Place(zone, "", "US", "it may be anywhere") for zone in zones if zone not in far)
