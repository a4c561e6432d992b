"""The hub of the event streams: one a process, while somebody streams. It hears of news in three ways and passes each
piece on once: from this process at once, from Redis where there is one, and from new rows each second.
"""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
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
Send = Callable[[Mapping[str, Any]], Awaitable[None]]
Task = asyncio.Task[Any]

KEEP_ALIVE_SECONDS = 15.0  # proxies drop silent connections, and a page gives up one that says nothing for long
CHECK_SECONDS = 60.0
PACE_SECONDS = 0.1  # news that comes faster is told together
STUCK_SECONDS = 30.0  # a reader that takes nothing for so long is gone
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


@dataclass(frozen=True, slots=True)
class Seat:
    """Who listens, and to what. When a later look finds another seat, the stream ends and its page starts anew."""

    organization_id: int
    user_id: int
    session: str  # a mark of the session, see live.session_mark
    heard: frozenset[str]


class Stream:
    """One open screen: what it may hear and what it has not been told yet. Equal news melts into one line.

    A quiet stream costs one sleeping task, its reader's; it gets another for the moment in which it is told something.
    """

    __slots__ = ("alive_at", "check_at", "is_open", "last_id", "look", "reader", "seat", "send", "waiting", "writer")

    def __init__(self, seat: Seat, *, send: Send, look: Callable[[], Awaitable[Seat | int]], reader: Task) -> None:
        self.seat = seat
        self.send = send
        self.look = look  # finds the seat of this session now
        self.reader = reader
        self.waiting: dict[str, dict[Any, None]] = {"resync": {}}
        self.last_id = 0
        self.is_open = False
        self.writer: Task | None = None
        now = time.monotonic()
        self.alive_at, self.check_at = now + KEEP_ALIVE_SECONDS, now + CHECK_SECONDS

    def open(self) -> None:
        """The head of the answer is written: tell what waits, and from now on whatever is heard."""
        self.is_open = True
        self._tell()

    def hear(self, news: News) -> None:
        if self._may_hear(news):
            self.last_id = max(self.last_id, news.id)
            self.add(news.kind, news.refs)

    def add(self, kind: str, refs: Iterable[Any] = ()) -> None:
        waiting = self.waiting.setdefault(kind, {})
        waiting.update(dict.fromkeys(refs))
        if len(waiting) > REFS_KEPT:  # too much to tell one by one: the page fetches what it shows
            self.waiting = {each: {} for each in ("resync", "access") if each == "resync" or each in self.waiting}
        self._tell()

    def take(self) -> bytes:
        """Everything that waits, as lines of the stream."""
        waiting, self.waiting = self.waiting, {}
        return b"".join(event(kind, tuple(refs), self.last_id) for kind, refs in waiting.items())

    def _may_hear(self, news: News) -> bool:
        if news.kind == "access" and news.refs and self.seat.session not in news.refs:
            return False
        if news.audience.startswith("team:") and "team:*" in self.seat.heard:
            return True
        return news.audience in self.seat.heard

    def _tell(self) -> None:
        if self.is_open and self.writer is None:
            self.writer = asyncio.create_task(self._write())

    async def _write(self) -> None:
        try:
            while self.is_open and self.waiting:
                await self._write_waiting()
                await asyncio.sleep(PACE_SECONDS)
        except TimeoutError:
            log.info("live.reader_stuck", organization=self.seat.organization_id)
            self.reader.cancel()
        finally:
            self.writer = None

    async def _write_waiting(self) -> None:
        self.is_open = "access" not in self.waiting
        async with asyncio.timeout(STUCK_SECONDS):
            await self.send({"type": "http.response.body", "body": self.take(), "more_body": True})
            if not self.is_open:
                await self.send({"type": "http.response.body", "body": b"", "more_body": False})


@lru_cache(maxsize=256)  # the same news goes to hundreds of streams
def event(kind: str, refs: tuple[Any, ...] = (), last_id: int = 0) -> bytes:
    data = json.dumps({"refs": refs}, separators=(",", ":"))
    return f"id: {last_id}\nevent: {kind}\ndata: {data}\n\n".encode()


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
        self.streams.setdefault(stream.seat.organization_id, set()).add(stream)
        async with self._starting:
            if not self._tasks:
                await self._start()

    def leave(self, stream: Stream) -> None:
        stream.is_open = False
        mates = self.streams.get(stream.seat.organization_id, set())
        mates.discard(stream)
        if not mates:
            self.streams.pop(stream.seat.organization_id, None)
        if not self.streams:
            self._stop()

    def close(self) -> None:
        """The server stops: every stream ends."""
        for stream in self._all():
            stream.reader.cancel()

    def _all(self) -> list[Stream]:
        return [stream for mates in self.streams.values() for stream in mates]

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
                await self._tend(time.monotonic())
            except DatabaseError as error:
                log.warning("live.read_failed", error=type(error).__name__)

    async def _tend(self, now: float) -> None:
        """Keep quiet streams alive, and look again whether their people may still listen."""
        for stream in self._all():
            if now >= stream.alive_at:
                stream.alive_at = now + KEEP_ALIVE_SECONDS
                stream.add("alive")
            if now >= stream.check_at and await stream.look() != stream.seat:
                stream.add("access")
            elif now >= stream.check_at:
                stream.check_at = now + CHECK_SECONDS

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
