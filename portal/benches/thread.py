"""The newest 50 texts of a thread, as a click in the list brings them."""

from collections.abc import Iterator

from django.db.models import F

from messaging.models import Conversation
from portal.benches import pages
from portal.benches.result import Result

P95_MS = 20.0
CLICK = {"HX-Request": "true", "HX-Target": "thread"}


def run(size: int | None) -> Iterator[Result]:
    yield from pages.measure({"thread": _click, "thread.unread": _first_click}, P95_MS, size)


def _click(desk: pages.Desk, turn: int) -> tuple[str, dict[str, str]]:
    """A long thread that both readers see and have read: those of the first team, every tenth DID's."""
    return _address(desk, desk.long_threads[::2], turn)


def _first_click(desk: pages.Desk, turn: int) -> tuple[str, dict[str, str]]:
    """Another one, to which the customer has just written: the click marks it read and tells the reader's screens."""
    threads = desk.long_threads[1::2]
    Conversation.objects.filter(pk=threads[turn % len(threads)]).update(heard=F("heard") + 1)
    return _address(desk, threads, turn)


def _address(desk: pages.Desk, threads: list[int], turn: int) -> tuple[str, dict[str, str]]:
    return f"/{desk.house.organization.slug}/inbox/{threads[turn % len(threads)]}/", CLICK
