"""The hub of the event streams: one a process, while somebody streams. It hears of news in three ways and passes each
piece on once: from this process at once, from Redis where there is one, and from new rows each second.
"""

import asyncio
import json
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, TypeVar

import redis.asyncio as redis
import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import DatabaseError, connections
from django.db.models import Max, Q

from portal import live
from portal.live import News
from portal.models import LiveEvent

T = TypeVar("T")
READ_SECONDS = 1.0
# Ids are given before a transaction commits, so a lower one may appear after a higher one. A gap is watched this long.
GAP_SECONDS = 120.0
GAPS_KEPT = 1_000
START_BELOW = 200
ROWS_A_READ = 5_000
REFS_KEPT = 200  # of one kind, waiting for one slow reader
REDIS_RETRY_SECONDS = 2.0

log = structlog.get_logger()
_threads = ThreadPoolExecutor(max_workers=2, thread_name_prefix="live")


async def in_thread(work: Callable[..., T], *args: Any) -> T:
    """Run a function that uses the database, and give its connection back before anything is awaited again.

    A stream that kept a connection would hold it for as long as the screen is open.
    """

    def run() -> T:
        try:
            return work(*args)
        finally:
            connections.close_all()

    return await sync_to_async(run, thread_sensitive=False, executor=_threads)()


class Stream:
    """One open screen: what it may hear and what it has not been told yet. Equal news melts into one line."""

    __slots__ = ("ended", "heard", "last_id", "organization_id", "session", "user_id", "waiting", "wake")

    def __init__(self, *, organization_id: int, user_id: int, session: str, heard: frozenset[str]) -> None:
        self.organization_id = organization_id
        self.user_id = user_id
        self.session = session  # a mark of the session, see live.session_mark
        self.heard = heard
        self.waiting: dict[str, dict[Any, None]] = {"resync": {}}
        self.last_id = 0
        self.ended = False
        self.wake = asyncio.Event()
        self.wake.set()

    def hear(self, news: News) -> None:
        if self.ended or not self._may_hear(news):
            return
        self.last_id = max(self.last_id, news.id)
        refs = self.waiting.setdefault(news.kind, {})
        refs.update(dict.fromkeys(news.refs))
        if len(refs) > REFS_KEPT:
            self.resync()
        self.wake.set()

    def resync(self) -> None:
        """Too much to tell one by one: the page fetches what it shows. News of lost access is never dropped."""
        kept = [kind for kind in ("resync", "access") if kind == "resync" or kind in self.waiting]
        self.waiting = {kind: {} for kind in kept}
        self.wake.set()

    def end(self) -> None:
        self.ended = True
        self.wake.set()

    def take(self) -> str:
        """Everything that waits, as lines of the stream; empty when nothing does."""
        self.wake.clear()
        waiting, self.waiting = self.waiting, {}
        return "".join(event(kind, refs, self.last_id) for kind, refs in waiting.items())

    def _may_hear(self, news: News) -> bool:
        if news.kind == "access" and news.refs and self.session not in news.refs:
            return False
        if news.audience.startswith("team:") and "team:*" in self.heard:
            return True
        return news.audience in self.heard


def event(kind: str, refs: Iterable[Any] = (), last_id: int = 0) -> str:
    return f"id: {last_id}\nevent: {kind}\ndata: {json.dumps({'refs': list(refs)}, separators=(',', ':'))}\n\n"


class Ledger:
    """Which rows were passed on: exact, by the highest id read, the gaps below it, and the news heard elsewhere."""

    def __init__(self) -> None:
        self.high = 0
        self.gaps: dict[int, float] = {}  # id -> when it was missed
        self.heard: set[int] = set()  # above `high` or in a gap, passed on before the row was read

    def is_new(self, id: int) -> bool:
        """Whether news heard elsewhere is to be passed on; if so it counts as passed on."""
        if id in self.heard or (id <= self.high and id not in self.gaps):
            return False
        self.heard.add(id)
        return True

    def read(self, ids: list[int], now: float) -> set[int]:
        """Note rows that were read, in order; returns those nobody has been told of."""
        untold = set(ids) - self.heard
        self.heard -= set(ids)
        for id in ids:
            self.gaps.pop(id, None)
            if id > self.high:
                self.gaps.update(dict.fromkeys(range(max(self.high + 1, id - GAPS_KEPT), id), now))
                self.high = id
        self._forget(now)
        return untold

    def _forget(self, now: float) -> None:
        excess = len(self.gaps) - GAPS_KEPT
        old = [id for place, (id, since) in enumerate(self.gaps.items()) if place < excess or now - since > GAP_SECONDS]
        for id in old:
            del self.gaps[id]


def read_rows(high: int, gaps: list[int]) -> list[News]:
    """Rows above `high` and rows that have filled a gap, by id."""
    rows = LiveEvent.objects.filter(Q(id__gt=high) | Q(id__in=gaps)).order_by("id")
    fields = rows.values_list("id", "organization_id", "audience", "kind", "refs")
    return [News(*row) for row in fields[:ROWS_A_READ]]


def newest_id() -> int:
    return LiveEvent.objects.aggregate(newest=Max("id"))["newest"] or 0


class Hub:
    """Joins the streams of this process to the news. Lives on the loop of the server that holds the streams."""

    def __init__(self) -> None:
        self.streams: dict[int, set[Stream]] = {}  # organization -> streams
        self._ledger = Ledger()
        self._tasks: list[asyncio.Task[None]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._starting = asyncio.Lock()

    async def join(self, stream: Stream) -> None:
        """From here on the stream hears; what came before, its first `resync` covers."""
        self.streams.setdefault(stream.organization_id, set()).add(stream)
        async with self._starting:
            if not self._tasks:
                await self._start()

    def leave(self, stream: Stream) -> None:
        stream.end()
        mates = self.streams.get(stream.organization_id, set())
        mates.discard(stream)
        if not mates:
            self.streams.pop(stream.organization_id, None)
        if not self.streams:
            self._stop()

    def close(self) -> None:
        """The server stops: every stream ends."""
        for stream in [stream for mates in self.streams.values() for stream in mates]:
            stream.end()

    async def _start(self) -> None:
        self._ledger, self._loop = Ledger(), asyncio.get_running_loop()
        live.listen(self._hear_from_any_thread)
        try:
            # Begin a little below the newest row, so that a transaction still open now is seen as a gap and waited for.
            self._ledger.high = max(0, await in_thread(newest_id) - START_BELOW)
            await self._read(tell=False)
        except BaseException:
            live.unlisten(self._hear_from_any_thread)
            raise
        self._tasks = [asyncio.create_task(self._read_on())]
        if settings.REDIS_URL:
            self._tasks.append(asyncio.create_task(self._hear_redis()))

    def _stop(self) -> None:
        if self._tasks:
            live.unlisten(self._hear_from_any_thread)
        for task in self._tasks:
            task.cancel()
        self._tasks = []

    def _hear_from_any_thread(self, news: News) -> None:
        with suppress(RuntimeError):  # the server's loop has just closed; its streams are gone
            assert self._loop is not None
            self._loop.call_soon_threadsafe(self._hear, news)

    def _hear(self, news: News) -> None:
        if self._ledger.is_new(news.id):
            self._tell(news)

    def _tell(self, news: News) -> None:
        for stream in self.streams.get(news.organization_id, ()):
            stream.hear(news)

    async def _read(self, *, tell: bool = True) -> None:
        rows = await in_thread(read_rows, self._ledger.high, list(self._ledger.gaps))
        untold = self._ledger.read([news.id for news in rows], time.monotonic())
        for news in rows:
            if tell and news.id in untold:
                self._tell(news)

    async def _read_on(self) -> None:
        while True:
            await asyncio.sleep(READ_SECONDS)
            try:
                await self._read()
            except DatabaseError as error:
                log.warning("live.read_failed", error=type(error).__name__)

    async def _hear_redis(self) -> None:
        """Losing Redis costs a second an event: the rows are read all the same."""
        while True:
            try:
                await self._hear_redis_once()
            except (redis.RedisError, OSError) as error:
                log.warning("live.redis_lost", error=type(error).__name__)
            await asyncio.sleep(REDIS_RETRY_SECONDS)

    async def _hear_redis_once(self) -> None:
        client = redis.Redis.from_url(settings.REDIS_URL, socket_connect_timeout=2, health_check_interval=15)
        async with client, client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(live.CHANNEL)
            async for message in channel.listen():
                for news in json.loads(message["data"]):
                    self._hear(News(**news))
