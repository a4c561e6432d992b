"""Who may open which page: every address below an organization, for every role, a foreign house and nobody.

The sweep finds the addresses by itself. A page that needs more than a role (a thread's own scope) is tested beside it.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver

from portal.access import PERMISSIONS, Can
from portal.models import RESERVED_SLUGS, Role, User
from tests.people import House, sign_in

NOWHERE = 2_000_000_000  # an id nobody has
VALUES = {"int": str(NOWHERE), "uuid": "7d444840-9dc0-11d1-b245-5ffdce74fad2", "slug": "none", "str": "none"}


def _patterns(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, URLPattern]]:
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from _patterns(entry, route)
        else:
            yield route, entry


ALL = list(_patterns(get_resolver()))
BELOW = [(route, pattern.callback) for route, pattern in ALL if route.startswith("<slug:slug>/")]
IDS = [route for route, _ in BELOW]


def address_of(route: str, slug: str) -> str:
    """A real address of `route`, its other ids made up."""
    parts = []
    for part in route.removeprefix("<slug:slug>/").split("<"):
        converter, closed, rest = part.partition(">")
        parts.append(VALUES[converter.split(":")[0] if ":" in converter else "str"] + rest if closed else part)
    return f"/{slug}/{''.join(parts)}"


def _ask(client: Client, address: str) -> int:
    """The status of a GET, or of a POST where a page takes no GET."""
    status = client.get(address).status_code
    return client.post(address).status_code if status == 405 else status


def test_there_are_pages_to_sweep() -> None:
    assert len(BELOW) >= 10


def test_first_words_of_addresses_are_reserved() -> None:
    words = {route.split("/")[0] for route, _ in ALL} - {"", "<slug:slug>"}
    assert words | {"static", "live"} == RESERVED_SLUGS | {"static", "live"}
    assert {"static", "live"} <= RESERVED_SLUGS


@pytest.mark.parametrize(("route", "view"), BELOW, ids=IDS)
def test_every_page_of_an_organization_names_a_permission(route: str, view: Callable[..., Any]) -> None:
    assert isinstance(getattr(view, "needs", None), Can), f"{route}: wrap the view in portal.access.needs"


def test_every_role_and_permission_is_in_the_table() -> None:
    assert set(PERMISSIONS) == set(Role)
    assert PERMISSIONS[Role.OWNER] == frozenset(Can)


@pytest.mark.parametrize(("route", "view"), BELOW, ids=IDS)
def test_each_role_opens_what_it_may_and_nothing_else(route: str, view: Callable[..., Any], house: House) -> None:
    address = address_of(route, house.slug)
    for role in Role:
        status = _ask(sign_in(house.member(role)), address)
        if view.needs in PERMISSIONS[role]:  # type: ignore[attr-defined]
            assert status not in {401, 403, 405, 500}, f"{role} at {address}"
        else:
            assert status == 403, f"{role} at {address}"


@pytest.mark.parametrize("route", IDS)
def test_another_house_is_not_there(route: str, house: House, other_house: House, outsider: User) -> None:
    address = address_of(route, other_house.slug)
    for person in (*(house.member(role) for role in Role), outsider):
        assert _ask(sign_in(person), address) == 404, f"{person} at {address}"


@pytest.mark.parametrize("route", IDS)
def test_nobody_is_led_to_the_sign_in_page(route: str, house: House) -> None:
    address = address_of(route, house.slug)
    answer = Client().get(address)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/accounts/login/")
    answer = Client().post(address)
    assert (answer.status_code, answer.headers["Location"].split("?")[0]) == (302, "/accounts/login/")


@pytest.mark.parametrize("route", IDS)
def test_a_deactivated_member_is_nobody_s_colleague(route: str, house: House) -> None:
    house.owner.is_active = False
    house.owner.save()
    assert _ask(sign_in(house.owner), address_of(route, house.slug)) == 404
