"""Signed receipts and texts, mixed, at the webhook door: at saturation, at a steady pace, and as a backlog.

Four of five are receipts, the others texts, one text in twenty a STOP; one request in fifty comes twice.
"""

import hashlib
import hmac
import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db.models import QuerySet

from compliance.models import Suppression
from messaging import references
from messaging.models import Attempt, AttemptPart, Conversation, Delivery, Message, State
from portal.benches import load, processes, seed
from portal.benches.result import Result, at_least, at_least_share, at_most, percentile
from trunks import accounts
from trunks.models import Did

BACKLOG = 20_000
PACE, PACE_SECONDS, P99_SECONDS = 500, 20, 0.05
DRAIN_RATE = 1_000
SHARE = 0.3
BEST_OF = 3
BARE_REQUESTS = 10_000
USUAL_CEILING = 2_150.0  # gunicorn, two processes of four threads, on two cores; up to 6,000 when nothing else runs


class Customers:
    """Threads with a text each that the carrier took, and what it tells of them."""

    def __init__(self, house: seed.House, count: int, *, first: int = 0) -> None:
        self.account = house.account
        lane = seed.lane(house, "Campaign", dids=100, first=first)
        dids = list(Did.objects.filter(campaign_did__campaign=lane.campaign_id).order_by("pk"))
        threads = seed.threads(house, dids, count, first=first)
        self.numbers = {did.pk: did.number for did in dids}
        self.threads = threads
        self.attempts = _sent(house, seed.queue(lane, threads, "sent"))

    def webhooks(self, run: str, count: int, start: int = 0) -> list[bytes]:
        """`count` requests; those of another `run` or `start` are other events."""
        made = [self._webhook(f"{run}-{index}", start + index) for index in range(count)]
        return [made[index - 1] if index % 50 == 24 else one for index, one in enumerate(made)]

    def text(self, name: str, index: int) -> bytes:
        """A request that tells of a text from customer `index`."""
        return self._request(name, self._text(name, index))

    def store(self, run: str, count: int) -> None:
        """Webhooks as the door leaves them."""
        names = [f"{run}-{index}" for index in range(count)]
        url = accounts.webhook_url(self.account)
        seed.in_bulk(
            Delivery(account=self.account, key=name, url=url, body=self._body(name, self._event(name, index)))
            for index, name in enumerate(names)
        )

    def _webhook(self, name: str, index: int) -> bytes:
        return self._request(name, self._event(name, index))

    def _event(self, name: str, index: int) -> dict[str, Any]:
        return self._text(name, index) if index % 5 == 4 else self._receipt(index)

    def _request(self, name: str, event: dict[str, Any]) -> bytes:
        body = self._body(name, event)
        return load.post(accounts.webhook_path(self.account), body, self._signed(body))

    def _body(self, name: str, event: dict[str, Any]) -> bytes:
        return json.dumps({"id": name, "events": [{"id": f"e-{name}", "at": _now(), **event}]}).encode()

    def _receipt(self, index: int) -> dict[str, Any]:
        attempt = self.attempts[index // 2 % len(self.attempts)]
        word = ("sent", "delivered")[index % 2]
        data = {
            "id": f"part-{attempt}",
            "status": word,
            "client_reference": references.make(attempt),
            "final": index % 2,
        }
        return {"type": "message.status", "data": data | {"segments": 1, "final": word == "delivered"}}

    def _text(self, name: str, index: int) -> dict[str, Any]:
        thread: Conversation = self.threads[index % len(self.threads)]
        body = "STOP" if index % 100 == 99 else "Thank you, that works for me."
        facts = {"id": f"in-{name}", "from": thread.number, "to": self.numbers[thread.did_id], "text": body}
        return {"type": "message.received", "data": facts}

    def _signed(self, body: bytes) -> dict[str, str]:
        stamp = str(int(time.time()))
        secret = self.account.values["signing_secret"].encode()
        signature = hmac.new(secret, f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
        return {
            "Content-Type": "application/json",
            "x-sandbox-timestamp": stamp,
            "x-sandbox-signature": signature,
        }


def _now() -> str:
    return datetime.now(UTC).isoformat()


def _sent(house: seed.House, messages: Sequence[Message]) -> list[int]:
    """Mark the texts as taken by the carrier, a part each; the ids of their attempts."""
    Message.objects.filter(pk__in=[message.pk for message in messages]).update(state=State.ACCEPTED, attempts_made=1)
    attempts = seed.in_bulk(
        Attempt(message=message, number=1, account=house.account, state=State.ACCEPTED) for message in messages
    )
    seed.in_bulk(
        AttemptPart(attempt=attempt, account=house.account, carrier_id=f"part-{attempt.pk}") for attempt in attempts
    )
    return [attempt.pk for attempt in attempts]


def run(size: int | None) -> Iterator[Result]:
    backlog = size or BACKLOG
    customers = Customers(seed.house("http://127.0.0.1:1"), backlog // 2)
    seed.analyze()
    yield from (in_production if settings.REDIS_URL else embedded)(customers, processes.port("web"), backlog)


def in_production(customers: Customers, web: int, backlog: int) -> Iterator[Result]:
    ceiling = measure_ceiling(customers, web)
    with processes.wsgi("portal.wsgi", number=web):
        load.saturate(web, customers.webhooks("warm", 500))
        yield saturation(customers, web, backlog, ceiling, usual_ceiling=USUAL_CEILING)
        yield drain()
        with processes.workers(1):
            yield steady(customers, web)


def embedded(customers: Customers, web: int, backlog: int) -> Iterator[Result]:
    """Web and worker are one process, so that the worker is at work beside each of the first two."""
    with uvicorn(web):
        ceiling = best(customers, web)
    with processes.program("up", "django", "up", "--no-demo", "--port", str(web)):
        processes.until(lambda: processes.answers(web, "/healthz"), "the start of `up`")
        load.saturate(web, customers.webhooks("warm", 500))
        yield saturation(customers, web, backlog, ceiling)
        processes.until(lambda: not waiting().exists(), "the end of the backlog", seconds=600)
        yield steady(customers, web)
    customers.store("backlog", backlog)
    yield drain()


def measure_ceiling(customers: Customers, web: int) -> float:
    with processes.wsgi("portal.benches.bare:application", number=web, DJANGO_SETTINGS_MODULE="portal.benches.bare"):
        return best(customers, web)


@contextmanager
def uvicorn(web: int) -> Iterator[None]:
    """A bare view in the server of embedded mode."""
    words = ["portal.benches.bare:embedded", "--port", str(web), "--log-level", "warning", "--no-access-log"]
    with processes.program("bare", "uvicorn", *words, DJANGO_SETTINGS_MODULE="portal.benches.bare"):
        processes.until(lambda: processes.answers(web, "/healthz"), "the start of the bare view")
        yield


def best(customers: Customers, web: int) -> float:
    """Requests a second of a bare view with the same server, bodies and connections; best of three."""
    requests = customers.webhooks("bare", BARE_REQUESTS)
    load.saturate(web, requests[:500])
    return max(load.saturate(web, requests).rate for _ in range(BEST_OF))


def waiting() -> "QuerySet[Delivery]":
    return Delivery.objects.filter(processed_at=None)


def saturation(
    customers: Customers, web: int, count: int, ceiling: float, *, usual_ceiling: float | None = None
) -> Result:
    """The door alone: verified, stored, deduplicated, STOP applied. What it stores is the backlog of `drain`."""
    stored, stopped = Delivery.objects.count(), Suppression.objects.count()
    outcome = load.saturate(web, customers.webhooks("full", count))
    return at_least_share(
        SHARE,
        name="webhooks",
        value=outcome.rate,
        unit="requests/s",
        ceiling=ceiling,
        usual_ceiling=usual_ceiling,
        detail={
            "database": processes.database_name(),
            "requests": count,
            "refused": outcome.refused,
            "stored": Delivery.objects.count() - stored,
            "stopped": Suppression.objects.count() - stopped,
            "p99_ms": percentile(outcome.delays, 0.99) * 1_000,
        },
    )


def drain() -> Result:
    """How fast one worker works the backlog off."""
    count = waiting().count()
    texts = Message.objects.filter(direction="in").count()
    with processes.workers(1) as pids:
        cpu = processes.cpu_seconds(pids)
        before = waiting().count()
        started = time.perf_counter()
        processes.until(lambda: not waiting().exists(), "the end of the backlog", seconds=600, pause=0.05)
        seconds = time.perf_counter() - started
        cpu = processes.cpu_seconds(pids) - cpu
    return at_least(
        DRAIN_RATE,
        name="webhooks.backlog",
        value=before / seconds,
        unit="webhooks/s",
        detail={
            "backlog": count,
            "seconds": seconds,
            "worker_cpu_ms_per_webhook": cpu / before * 1_000,
            "texts": Message.objects.filter(direction="in").count() - texts,
            "failed": Delivery.objects.exclude(error="").count(),
        },
    )


def steady(customers: Customers, web: int) -> Result:
    """Delay at a steady pace, with a worker at work beside it."""
    requests = customers.webhooks("pace", PACE * PACE_SECONDS)
    outcome = load.pace(web, requests, rate=PACE)
    return at_most(
        P99_SECONDS * 1_000,
        name="webhooks.p99",
        value=percentile(outcome.delays, 0.99) * 1_000,
        unit="ms",
        detail={
            "requests_a_second": PACE,
            "p50_ms": percentile(outcome.delays, 0.5) * 1_000,
            "refused": outcome.refused,
            "seconds": outcome.seconds,
        },
    )
