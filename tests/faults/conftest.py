"""Portals to be broken. On SQLite the suite runs its smoke alone unless PORTAL_TEST_FAULTS=all."""

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from messaging import doorbell
from tests.faults import databases
from tests.faults.house import IS_PRODUCTION, Site, site

HERE = Path(__file__).parent
_houses = itertools.count(1)
WHOLE = IS_PRODUCTION or os.environ.get("PORTAL_TEST_FAULTS") == "all"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if HERE not in item.path.parents:
            continue
        item.add_marker(pytest.mark.faults)
        if not WHOLE and not item.get_closest_marker("smoke"):
            item.add_marker(pytest.mark.skip(reason="with DATABASE_URL and REDIS_URL, or PORTAL_TEST_FAULTS=all"))


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A migrated database, and the folder of the collected static files."""
    data = tmp_path_factory.mktemp("template")
    with databases.template(data) as name:
        yield name, data / "static"


@pytest.fixture(autouse=True)
def silent_doorbell(monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts queued from here are found by the tick: this process has no broker in common with the portal."""
    monkeypatch.setattr(doorbell, "ring", lambda *args, **more: None)


@pytest.fixture
def portal(
    template: tuple[str, Path], tmp_path: Path, django_db_blocker: Any, request: pytest.FixtureRequest
) -> Iterator[Site]:
    """A portal of its own for the test; `parametrize("portal", [(flag, ...)], indirect=True)` flags its carrier."""
    flags = getattr(request, "param", ())
    with django_db_blocker.unblock(), site(*template, tmp_path, flags=flags) as one, one.opened("north"):
        yield one


@pytest.fixture(scope="module")
def running(
    template: tuple[str, Path], tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any
) -> Iterator[Site]:
    """A portal that runs for all tests of a module. Its carrier never calls back: the test does.

    Nor is it ever asked: an answer that comes late on a busy machine is waited for.
    """
    data = tmp_path_factory.mktemp("running")
    with site(*template, data, flags=("--no-callbacks",)) as one:
        one.environ |= {"MESSAGING_LEASE_SECONDS": "120", "MESSAGING_SEND_TIMEOUT_SECONDS": "50"}
        with django_db_blocker.unblock(), one.opened("first"):
            one.start_all()
        yield one


@pytest.fixture
def quiet(running: Site, django_db_blocker: Any) -> Iterator[Site]:
    """A new call center, and no other's rows, in the portal that runs for the module."""
    running.wire.answer_delay = running.wire.delay = 0.0
    with django_db_blocker.unblock(), running.opened(f"house{next(_houses)}"):
        yield running
