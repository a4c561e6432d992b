"""Texts a second from queued to recorded as accepted, through worker, gate, lanes and a carrier that takes 50 ms.

Judged against a bare client with 200 in flight. A lane of 5 a second runs beside the free ones and is judged alone.
"""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from http.client import HTTPConnection
from typing import Any

from django.conf import settings
from django.utils import timezone

from messaging import doorbell, references
from messaging.models import Conversation, Lane, Message, State
from portal.benches import processes, seed
from portal.benches.result import Result, at_least_share
from trunks import accounts, carriers
from trunks.carriers.base import OutboundText
from trunks.models import Did

TEXTS = 10_000
LANES = 7
SLOW_TEXTS, SLOW_RATE, SLOW_SECONDS = 100, 5, (19.0, 22.0)
IN_FLIGHT = 200
BEST_OF = 3
USUAL_CEILING = 3_400.0  # 200 in flight at 50 ms could be 4,000
TARGETS = {1: 0.5, 2: 0.7}  # workers -> share of the bare client


@dataclass(frozen=True, slots=True)
class Stage:
    """The carrier account, free lanes with their threads, and the slow one."""

    house: seed.House
    free: list[tuple[Lane, list[Conversation]]]
    slow: tuple[Lane, list[Conversation]]


def run(size: int | None) -> Iterator[Result]:
    texts = size or TEXTS
    with processes.program("peer", "portal.benches.peer", str(processes.port("peer"))):
        processes.until(lambda: processes.answers(processes.port("peer"), "/stats"), "the start of the carrier")
        stage = make_stage(texts)
        ceiling = measure_ceiling(stage, texts)
        for workers in (1, 2) if settings.REDIS_URL else (1,):
            yield measure(stage, texts, workers, ceiling)


def make_stage(texts: int) -> Stage:
    house = seed.house(f"http://127.0.0.1:{processes.port('peer')}")
    free = [_lane(house, number, texts // LANES + (number < texts % LANES)) for number in range(LANES)]
    return Stage(house, free, _lane(house, LANES, SLOW_TEXTS, SLOW_RATE))


def _lane(house: seed.House, number: int, texts: int, rate: float = seed.FREE_RATE) -> tuple[Lane, list[Conversation]]:
    lane = seed.lane(house, f"Campaign {number}", texts_a_second=rate, dids=20, first=number * 100)
    dids = list(Did.objects.filter(campaign_did__campaign=lane.campaign_id))
    return lane, seed.threads(house, dids, texts, first=number * 100_000)


# --- The ceiling ---


def measure_ceiling(stage: Stage, texts: int) -> float:
    """Requests a second of the bare client with the very request that the portal makes; best of three."""
    text = OutboundText(
        from_number=seed.number(415, 0), to_number=seed.number(646, 0), body=seed.BODY, reference=references.make(10**6)
    )
    account = stage.house.account
    call = carriers.get(account.kind).send_call(accounts.as_carrier_account(account), text)
    request = json.dumps({"headers": dict(call.headers), "body": call.body.decode()})
    words = [sys.executable, "-m", "portal.benches.client", call.url, str(texts), str(IN_FLIGHT)]
    runs = [subprocess.run(words, input=request, capture_output=True, text=True, check=True) for _ in range(BEST_OF)]  # noqa: S603
    return max(float(one.stdout) for one in runs)


# --- The portal ---


def measure(stage: Stage, texts: int, workers: int, ceiling: float) -> Result:
    """Queue, start the clock, let go, and wait for the last free text to be recorded."""
    queue(stage, run=f"{workers}")
    before = peer_stats()
    with processes.workers(workers) as pids:
        cpu = processes.cpu_seconds(pids)
        wall = timezone.now()
        seconds = send_all(stage)
        cpu = processes.cpu_seconds(pids) - cpu
        processes.until(lambda: not _left([stage.slow]), "the end of the slow lane", seconds=60)
    after = peer_stats()
    slow = _slow_lane(stage, after, wall.timestamp())
    accepted = Message.objects.filter(key__startswith=f"{workers}-", state=State.ACCEPTED).count()
    return at_least_share(
        TARGETS[workers],
        name="outbound",
        value=texts / seconds,
        ceiling=ceiling,
        unit="texts/s",
        usual_ceiling=USUAL_CEILING,
        detail={
            "database": processes.database_name(),
            "workers": workers,
            "texts": texts,
            "seconds": seconds,
            "worker_cpu_ms_per_text": cpu / texts * 1_000,
            "accepted": accepted,
            "taken_by_carrier": after["count"] - before["count"],
            "sent_twice": after["twice"] - before["twice"],
            **slow,
        },
    )


def queue(stage: Stage, run: str) -> None:
    for lane, threads in [*stage.free, stage.slow]:
        seed.queue(lane, threads, run)
    seed.analyze()


def send_all(stage: Stage) -> float:
    """Let the texts go, and wait for the last of the free lanes to be recorded; in seconds."""
    started = time.perf_counter()
    let_go()
    processes.until(lambda: not _left(stage.free), "the end of the free lanes", seconds=600, pause=0.02)
    return time.perf_counter() - started


def let_go() -> None:
    seed.release()
    for lane_id in Lane.objects.values_list("pk", flat=True):
        doorbell.ring("messaging.dispatch_lane", lane_id=lane_id)


def _left(lanes: list[tuple[Lane, list[Conversation]]]) -> bool:
    going = (State.QUEUED, State.CLAIMED, State.SENDING)
    return Message.objects.filter(lane__in=[lane.pk for lane, _ in lanes], state__in=going).exists()


def _slow_lane(stage: Stage, stats: dict[str, Any], started: float) -> dict[str, Any]:
    """From the first to the last text of the slow lane, by the carrier's clock."""
    numbers = Did.objects.filter(campaign_did__campaign=stage.slow[0].campaign_id).values_list("number", flat=True)
    rows = [row for number in numbers if (row := stats["texts"].get(number)) and row[2] >= started]
    seconds = max(row[2] for row in rows) - started
    return {"slow_lane_seconds": seconds, "slow_lane_met": SLOW_SECONDS[0] <= seconds <= SLOW_SECONDS[1]}


def peer_stats() -> dict[str, Any]:
    connection = HTTPConnection(processes.HOST, processes.port("peer"), timeout=10)
    connection.request("GET", "/stats")
    stats: dict[str, Any] = json.loads(connection.getresponse().read())
    connection.close()
    return stats
