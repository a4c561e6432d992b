"""A sandbox carrier for the tests of the telephone side."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.people import House
from tests.portal.sandbox.process import Running, sandbox
from tests.trunks.makers import make_account
from trunks.models import CarrierAccount


@pytest.fixture(scope="module")
def carrier(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The sandbox as a process of its own, one for a file of tests."""
    with sandbox(tmp_path_factory.mktemp("carrier")) as running:
        yield running


@pytest.fixture
def allowed(carrier: Running, settings: Any) -> Running:
    """The sandbox, and the operator's leave to call it."""
    settings.PORTAL_PRIVATE_HOSTS = frozenset({urlsplit(carrier.url).netloc})
    return carrier


@pytest.fixture
def account(house: House, allowed: Running) -> CarrierAccount:
    """An account that the sandbox knows and that owns +1 312 555 0100 to 0199."""
    made = make_account(house.organization, base_url=allowed.url)
    numbers = [{"number": f"+131255501{end:02}"} for end in range(100)]
    allowed.account(id="north", name="North", webhook_url="", numbers=numbers, **made.values)
    return made
