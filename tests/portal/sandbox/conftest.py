from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.portal.sandbox.process import CUSTOMER, DID, Listener, Running, listener, sandbox


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """One program for a whole file of tests; each makes an account of its own."""
    with sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def heard() -> Iterator[Listener]:
    with listener() as listening:
        yield listening


@pytest.fixture
def send(shared: Running) -> Callable[..., tuple[int, Any, dict[str, str]]]:
    """POST one text to the shared program: (status, answer, headers)."""

    def post(key: str, *, to: str = CUSTOMER, reference: str = "", **more: Any) -> tuple[int, Any, dict[str, str]]:
        content = {"from": DID, "to": to, "text": "Hello", "client_reference": reference, **more}
        return shared.ask("POST", "/v1/messages", content, key=key)

    return post


@pytest.fixture
def account(shared: Running, request: pytest.FixtureRequest) -> Iterator[dict[str, Any]]:
    made = shared.account(name=request.node.name, numbers=[{"number": DID, "enabled": True, "campaign": "C1"}])
    yield made
    shared.account(id=made["id"], numbers=[])  # the next test may own the number
