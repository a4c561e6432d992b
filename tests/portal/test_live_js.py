"""One stream a browser: tabs that share it, lose it and find it again, in a real browser."""

import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from django.conf import settings
from django.db import connections
from playwright.sync_api import BrowserContext, Page, expect, sync_playwright

from portal import live, live_asgi
from tests.components import chromium_path
from tests.people import House
from tests.portal.screens import Door, opened, session_key

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

LISTEN = """
window.heard = [];
document.addEventListener("DOMContentLoaded", () => {
  for (const name of ["live:resync", "live:dids", "live:dids:7"]) {
    document.body.addEventListener(name, (event) => window.heard.push([name, event.detail.refs]));
  }
});
"""


@pytest.fixture
def door(monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    # The browser's driver runs a loop in this thread, in which Django would refuse to read its own database.
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    with opened() as door:
        yield door


@pytest.fixture
def context(door: Door, house: House) -> Iterator[BrowserContext]:
    """A browser in which the owner is signed in and pages note what they hear."""
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=chromium_path())
        context = browser.new_context(base_url=f"http://127.0.0.1:{door.port}")
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": session_key(house.owner), "url": context_url(door)}
        context.add_cookies([cookie])  # type: ignore[list-item]
        context.add_init_script(LISTEN)
        yield context
        connections.close_all()  # the driver's loop gives the test a connection of its own
        browser.close()


def context_url(door: Door) -> str:
    return f"http://127.0.0.1:{door.port}"


def tab(context: BrowserContext) -> Page:
    page = context.new_page()
    page.goto("/north/audit/")
    until(lambda: heard(page, "live:resync"), page)
    return page


def streams() -> int:
    return sum(len(mates) for hub in live_asgi._hubs.values() for mates in hub.streams.values())


def until(met: Callable[[], Any], page: Page) -> None:
    deadline = time.monotonic() + 10
    while not met():
        assert time.monotonic() < deadline
        page.wait_for_timeout(50)


def heard(page: Page, name: str) -> list[Any]:
    return list(page.evaluate("name => window.heard.filter(([each]) => each === name).map(([, refs]) => refs)", name))


def test_tabs_share_one_stream_and_all_hear(context: BrowserContext, house: House) -> None:
    tabs = [tab(context) for _ in range(3)]
    assert streams() == 1
    live.publish(house.organization.pk, "org", "dids", [7, 8])
    for page in tabs:
        until(partial(heard, page, "live:dids"), page)
        assert heard(page, "live:dids") == [[7, 8]]
        assert heard(page, "live:dids:7") == [[7, 8]]


def test_when_the_leading_tab_closes_another_takes_the_stream(context: BrowserContext, house: House) -> None:
    first, second = tab(context), tab(context)
    before = len(heard(second, "live:resync"))
    first.close()
    until(lambda: len(heard(second, "live:resync")) > before, second)  # nothing that came in between is missed
    until(lambda: streams() == 1, second)
    live.publish(house.organization.pk, "org", "dids", [7])
    until(lambda: heard(second, "live:dids"), second)


def test_signing_out_in_one_tab_empties_the_others(context: BrowserContext) -> None:
    first, second = tab(context), tab(context)
    second.evaluate("document.querySelector('form[action$=\"/logout/\"]').submit()")
    first.wait_for_url("**/accounts/login/**")
    until(lambda: streams() == 0, first)


def test_a_lost_stream_is_said_and_found_again(context: BrowserContext, door: Door, house: House) -> None:
    page = context.new_page()
    page.clock.install()
    page.goto("/north/audit/")
    until(lambda: heard(page, "live:resync"), page)
    banner = page.locator("#connection")
    expect(banner).to_be_hidden()
    door.stop()
    page.wait_for_timeout(300)  # the browser notices the closed socket in its own time
    page.clock.run_for(6_000)
    expect(banner).to_be_visible()
    before = len(heard(page, "live:resync"))
    page.clock.run_for(20_000)
    assert len(heard(page, "live:resync")) == before + 1  # it asks slowly
    with opened(door.port):

        def seconds_pass() -> bool:
            page.clock.run_for(1_000)
            return banner.is_hidden()

        until(seconds_pass, page)
        live.publish(house.organization.pk, "org", "dids", [7])
        until(lambda: heard(page, "live:dids"), page)
        page.close()
