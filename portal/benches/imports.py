"""A carrier's list of DIDs, from the bytes of the file to the last row."""

import time
from collections.abc import Iterator

from portal.benches import processes, seed
from portal.benches.result import Result, at_most
from trunks import exports, imports
from trunks.models import Did

DIDS, SECONDS = 50_000, 15.0


def run(size: int | None) -> Iterator[Result]:
    house, count = seed.house("http://127.0.0.1:1"), size or DIDS
    data = _file(count)
    started = time.perf_counter()
    plan = imports.plan_import(
        exports.read_export(data), organization=house.organization, account=house.account, trunk=None
    )
    planned = time.perf_counter() - started
    imports.apply_import(plan, by=None, source="bench.csv")
    seconds = time.perf_counter() - started
    yield at_most(
        SECONDS * count / DIDS,
        name="import",
        value=seconds,
        unit="s",
        detail={
            "database": processes.database_name(),
            "dids": Did.objects.count(),
            "refused": len(plan.refused),
            "plan_seconds": planned,
        },
    )


def _file(count: int) -> bytes:
    rows = (f"{seed.number(312, index)},Main,Desk {index % 100},sales" for index in range(count))
    return "\n".join(["Number,Trunk,Label,Tags", *rows]).encode()
