"""A running portal, a browser, and pictures of what was on the screens when a test failed."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from tests.browser.running import Portal, running
from tests.browser.screens import Screens, chromium

HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="module")
def portal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Portal]:
    with running(tmp_path_factory.mktemp("portal")) as one:
        yield one


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as one:
        yield one


@pytest.fixture
def screens(browser: Browser, portal: Portal) -> Iterator[Screens]:
    """Who sits where. A test passes only when no screen had anything to complain of."""
    all_screens = Screens(browser, portal)
    yield all_screens
    all_screens.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """What the screens complained of fails the test, and a failure says where its pictures are."""
    screens = getattr(item, "funcargs", {}).get("screens")
    if not isinstance(screens, Screens):
        return (yield)
    try:
        result = yield
        assert screens.problems == []
    except Exception as error:
        error.add_note("Screens: " + ", ".join(map(str, screens.keep(_folder(item)))))
        error.add_note("Complaints: " + "\n  ".join(dict.fromkeys(screens.problems[:30])))
        raise
    return result


def _folder(item: pytest.Item) -> Path:
    """The test's own temporary folder, or a new one."""
    made: Path = item.funcargs.get("tmp_path") or item.config._tmp_path_factory.mktemp("screens")  # type: ignore[attr-defined]
    return made
