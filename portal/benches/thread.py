"""The newest 50 texts of a thread, as a click in the list brings them."""

from collections.abc import Iterator

from portal.benches import pages
from portal.benches.result import Result

P95_MS = 20.0
CLICK = {"HX-Request": "true", "HX-Target": "thread"}


def run(size: int | None) -> Iterator[Result]:
    yield from pages.measure("thread", P95_MS, _click, size)


def _click(desk: pages.Desk, turn: int) -> tuple[str, dict[str, str]]:
    """A long thread that both readers see: those of the first team, every tenth DID's."""
    thread = desk.long_threads[turn % len(desk.long_threads)]
    return f"/{desk.house.organization.slug}/inbox/{thread}/", CLICK
