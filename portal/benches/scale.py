"""Two web processes and three workers on one PostgreSQL and one Redis: texts go out while webhooks come in.

Not a race against one process (two cores are shared by all of them), but the proof that nothing needs a leader: each
text leaves once, each webhook is stored once whichever process took it, and all are worked off.
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

from django.conf import settings

from messaging.models import Delivery
from portal.benches import load, outbound, processes
from portal.benches.result import Result, at_least_share, at_most, percentile
from portal.benches.webhooks import Customers

TEXTS, WORKERS = 10_000, 3
WEBHOOKS, PACE = 1_000, 100  # of each web process; together nine times the busiest hour of 5 million texts a month
SHARE, P99_MS = 0.3, 250.0
ELSEWHERE = 50_000  # numbers apart from those of the texts


def run(size: int | None) -> Iterator[Result]:
    if not settings.REDIS_URL:
        return  # embedded, everything is one process
    texts = size or TEXTS
    with processes.program("peer", "portal.benches.peer", str(processes.port("peer"))):
        processes.until(lambda: processes.answers(processes.port("peer"), "/stats"), "the start of the carrier")
        stage = outbound.make_stage(texts)
        customers = Customers(stage.house, WEBHOOKS, first=ELSEWHERE)
        ceiling = outbound.measure_ceiling(stage, texts)
        yield from _measure(stage, customers, texts, ceiling)


def _measure(stage: outbound.Stage, customers: Customers, texts: int, ceiling: float) -> Iterator[Result]:
    outbound.queue(stage, run="scale")
    ports = [processes.port("web"), processes.port("stream")]
    requests = [customers.webhooks(f"web{place}", WEBHOOKS, start=place * WEBHOOKS) for place in range(len(ports))]
    before = outbound.peer_stats()
    with (
        processes.wsgi("portal.wsgi", number=ports[0], workers=1, threads=8),
        processes.wsgi("portal.wsgi", number=ports[1], workers=1, threads=8),
        processes.workers(WORKERS) as pids,
        ThreadPoolExecutor(len(ports)) as pool,
    ):
        cpu = processes.cpu_seconds(pids)
        told = [pool.submit(load.pace, port, mine, rate=PACE) for port, mine in zip(ports, requests, strict=True)]
        seconds = outbound.send_all(stage)
        cpu = processes.cpu_seconds(pids) - cpu
        outcomes = [one.result() for one in told]
        waiting = Delivery.objects.filter(processed_at=None)
        processes.until(lambda: not waiting.exists(), "the end of the webhooks", seconds=60)
    after = outbound.peer_stats()
    distinct = len({one for mine in requests for one in mine})
    yield at_least_share(
        SHARE,
        name="scale",
        value=texts / seconds,
        ceiling=ceiling,
        unit="texts/s",
        usual_ceiling=outbound.USUAL_CEILING,
        detail={
            "database": processes.database_name(),
            "workers": WORKERS,
            "web_processes": len(ports),
            "worker_cpu_ms_per_text": cpu / texts * 1_000,
            "taken_by_carrier": after["count"] - before["count"],
            "sent_twice": after["twice"] - before["twice"],
        },
    )
    delays = [delay for outcome in outcomes for delay in outcome.delays]
    yield at_most(
        P99_MS,
        name="scale.webhooks",
        value=percentile(delays, 0.99) * 1_000,
        unit="ms",
        detail={
            "requests_a_second": PACE * len(ports),
            "p50_ms": percentile(delays, 0.5) * 1_000,
            "refused": sum(outcome.refused for outcome in outcomes),
            "told": distinct,
            "stored_once": Delivery.objects.filter(key__startswith="web").count(),
            "failed": Delivery.objects.exclude(error="").count(),
        },
    )
