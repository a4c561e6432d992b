"""The inbox's page of 50 conversations."""

from collections.abc import Iterator

from portal.benches import pages
from portal.benches.result import Result

P95_MS = 25.0


def run(size: int | None) -> Iterator[Result]:
    yield from pages.measure({"inbox": _page}, P95_MS, size)


def _page(desk: pages.Desk, turn: int) -> tuple[str, dict[str, str]]:
    folder = ("all", "waiting", "unassigned", "unread")[turn // 2 % 4]
    return f"/{desk.house.organization.slug}/inbox/?folder={folder}", {}
