"""Signed webhooks to the portal: what happened to a text, and what a customer wrote.

A callback is `{"id", "events": [{"id", "type", "at", "data"}]}`, signed with HMAC-SHA256 over `<timestamp>.<body>`.
Like real ones they come more than once and out of order; give up only after TRIES.
"""

import asyncio
import hashlib
import hmac
import json
import time
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import aiohttp

from portal.sandbox import rules
from portal.sandbox.config import Settings
from portal.sandbox.store import Store, Text, now_us

TRIES = 16  # with back-off 1, 2, 4 ... 60 s: about ten minutes
LONGEST_PAUSE = 60.0
AT_ONCE = 32
PATIENCE = aiohttp.ClientTimeout(total=10)


@dataclass(frozen=True, slots=True)
class Job:
    event: str
    account: str
    url: str
    body: bytes = field(repr=False)
    tries: int = 0
    repeat: bool = False  # a deliberate second copy: sent once, never again


@dataclass(slots=True)
class Outbox:
    settings: Settings
    store: Store
    session: aiohttp.ClientSession
    counts: Counter[str] = field(default_factory=Counter)  # taken, refused, given_up
    waiting: int = 0
    _queue: asyncio.Queue[Job] = field(default_factory=asyncio.Queue)
    _workers: list[asyncio.Task[None]] = field(default_factory=list)

    def start(self) -> None:
        self._workers = [asyncio.create_task(self._work()) for _ in range(AT_ONCE)]

    async def stop(self) -> None:
        for worker in self._workers:
            worker.cancel()
        await asyncio.gather(*self._workers, return_exceptions=True)

    def tell_status(self, text: Text) -> None:
        """Call back every step of an outgoing text that was not told yet, each at its time."""
        if not text.webhook_url or not self.settings.callbacks:
            return
        steps = rules.plan(text, self.settings.receipts)
        start = text.fetched_us or text.received_us
        for after, index, repeat in rules.told(text, steps, disorder=self.settings.disorder):
            event = f"{text.id}.{index}"
            if event in self.store.told:
                continue
            at = start + int(steps[index].after * 1_000_000)
            body = envelope(event, "message.status", at, status_data(text, steps[index]))
            due = start / 1_000_000 + after
            self._schedule(Job(event, text.account, text.webhook_url, body, repeat=repeat), due - time.time())

    def tell_received(self, text: Text, media: list[dict[str, Any]]) -> None:
        url = self.store.accounts[text.account].webhook_url
        if not url or not self.settings.callbacks or text.id in self.store.told:
            return
        body = envelope(text.id, "message.received", text.received_us, received_data(text, media))
        self._schedule(Job(text.id, text.account, url, body), 0.0)
        if self.settings.disorder and int(text.id[-1], 16) % 3 == 0:
            self._schedule(Job(text.id, text.account, url, body, repeat=True), 0.2)

    def _schedule(self, job: Job, delay: float) -> None:
        self.waiting += 1
        if delay <= 0:
            self._queue.put_nowait(job)
        else:
            asyncio.get_running_loop().call_later(delay, self._queue.put_nowait, job)

    async def _work(self) -> None:
        while True:
            job = await self._queue.get()
            self.waiting -= 1
            if await self._post(job):
                self.counts["taken"] += 1
                self.store.mark_told(job.event)
            elif not job.repeat:
                self._again(job)

    async def _post(self, job: Job) -> bool:
        account = self.store.accounts.get(job.account)
        if account is None:
            return True
        headers = {"content-type": "application/json", **signature(account.signing_secret, job.body)}
        try:
            async with self.session.post(
                job.url, data=job.body, headers=headers, timeout=PATIENCE, allow_redirects=False
            ) as answer:
                await answer.read()
                return 200 <= answer.status < 300
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError):  # ValueError: not an address at all
            return False

    def _again(self, job: Job) -> None:
        self.counts["refused"] += 1
        if job.tries + 1 >= TRIES:
            self.counts["given_up"] += 1
            self.store.mark_told(job.event)
            return
        pause = min(LONGEST_PAUSE, self.settings.retry_seconds * 2**job.tries)
        self._schedule(Job(job.event, job.account, job.url, job.body, job.tries + 1), pause)


def signature(secret: str, body: bytes, timestamp: int | None = None) -> dict[str, str]:
    stamp = str(int(time.time()) if timestamp is None else timestamp)
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"x-sandbox-timestamp": stamp, "x-sandbox-signature": digest}


def envelope(event: str, kind: str, at_us: int, data: dict[str, Any]) -> bytes:
    content = {"id": event, "type": kind, "at": iso(at_us), "data": data}
    return json.dumps({"id": event, "events": [content]}, separators=(",", ":")).encode()


def status_data(text: Text, step: rules.Step) -> dict[str, Any]:
    """A text as callbacks and look-ups show it."""
    return {
        "id": text.id,
        "client_reference": text.reference,
        "from": text.from_number,
        "to": text.to_number,
        "status": step.status,
        "code": step.code,
        "provisional": step.provisional,
        "final": step.final,
        "segments": text.segments,
        "cost": f"{rules.COST_A_SEGMENT * text.segments:.4f}",
    }


def received_data(text: Text, media: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "id": text.id,
        "from": text.from_number,
        "to": text.to_number,
        "text": text.text,
        "media": media,
        "answered": text.keyword,
    }


def look_up_data(text: Text, settings: Settings) -> dict[str, Any]:
    step, since = rules.current(text, settings.receipts, now_us())
    return status_data(text, step) | {"at": iso(since), "received_us": text.received_us}


def iso(at_us: int) -> str:
    return datetime.fromtimestamp(at_us / 1_000_000, UTC).isoformat(timespec="microseconds")
