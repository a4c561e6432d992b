"""How a worker grows while it sends: its memory at a fifth of the texts against its memory at the last."""

from collections.abc import Iterator

from messaging.models import Message, State
from portal.benches import outbound, processes
from portal.benches.result import Result, at_most

TEXTS, FIRST_SHARE, GROWTH = 100_000, 5, 0.10


def run(size: int | None) -> Iterator[Result]:
    texts = size or TEXTS
    with processes.program("peer", "portal.benches.peer", str(processes.port("peer"))):
        processes.until(lambda: processes.answers(processes.port("peer"), "/stats"), "the start of the carrier")
        stage = outbound.make_stage(texts)
        outbound.queue(stage, "memory")
        with processes.workers(1) as pids:
            outbound.let_go()
            _until_accepted(texts // FIRST_SHARE)
            first = processes.resident_kilobytes(pids)
            _until_accepted(texts)
            last = processes.resident_kilobytes(pids)
    yield at_most(
        GROWTH * 100,
        name="memory",
        value=(last - first) / first * 100,
        unit=f"% from text {texts // FIRST_SHARE} to {texts}",
        detail={"kilobytes_first": first, "kilobytes_last": last, "database": processes.database_name()},
    )


def _until_accepted(count: int) -> None:
    taken = Message.objects.filter(state=State.ACCEPTED)
    processes.until(lambda: taken.count() >= count, f"text {count}", seconds=1_200, pause=0.5)
