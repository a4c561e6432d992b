"""From a webhook's first byte to the event on every open stream, and what a stream costs the server."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field

from django.conf import settings
from django.test import Client

from portal.benches import load, processes, seed
from portal.benches.result import Result, at_most, percentile
from portal.benches.webhooks import Customers

STREAMS, FEW, MANY = 200, 100, 1_100
EVENTS, GAP_SECONDS, LATEST_SECONDS = 40, 0.25, 10.0
P95_MS, KILOBYTES, THREADS = 250.0, 12.0, 4
AT_ONCE = 25  # streams that are opened at the same time
SETTLE_SECONDS = 2.0


@dataclass
class Listeners:
    """Open streams of one browser's session. `heard`: thread -> the moments it was told, one a stream."""

    port: int
    cookie: str
    heard: dict[int, list[float]] = field(default_factory=dict)
    ready: int = 0
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def open_up_to(self, count: int) -> None:
        while len(self.tasks) < count:
            more = min(AT_ONCE, count - len(self.tasks))
            self.tasks += [asyncio.create_task(self._listen()) for _ in range(more)]
            await self._until_ready()
        await asyncio.sleep(SETTLE_SECONDS)  # what was only for the opening is let go

    async def _until_ready(self) -> None:
        async with asyncio.timeout(30):
            while self.ready < len(self.tasks):
                if ended := [task for task in self.tasks if task.done()]:
                    raise processes.Failed(f"A stream ended: {ended[0].exception() or 'it was closed'}.")
                await asyncio.sleep(0.01)

    async def _listen(self) -> None:
        reader, writer = await asyncio.open_connection(load.HOST, self.port)
        head = f"GET /live/bench/ HTTP/1.1\r\nHost: {load.HOST}\r\nCookie: {self.cookie}\r\n\r\n"
        writer.write(head.encode())
        status = await reader.readline()
        if b" 200 " not in status:
            raise processes.Failed(f"A stream was answered {status.decode().strip()}.")
        try:
            await self._read(reader)
        finally:
            writer.close()

    async def _read(self, reader: asyncio.StreamReader) -> None:
        event = b""
        while line := await reader.readline():
            if line.startswith(b"event: "):
                event = line[7:].strip()
                self.ready += event == b"resync"
            elif line.startswith(b"data: ") and event == b"thread":
                for thread in json.loads(line[6:])["refs"]:
                    self.heard.setdefault(thread, []).append(time.perf_counter())

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)


def run(size: int | None) -> Iterator[Result]:
    streams = size or STREAMS
    house = seed.house("http://127.0.0.1:1")
    customers = Customers(house, EVENTS + 1)
    client = Client()
    client.force_login(house.owner.user, backend="portal.accounts.Backend")
    cookie = f"{settings.SESSION_COOKIE_NAME}={client.cookies[settings.SESSION_COOKIE_NAME].value}"
    with servers() as (web, stream, pid):
        yield from asyncio.run(_measure(Listeners(stream, cookie), customers, web, pid, streams))


@contextmanager
def servers() -> Iterator[tuple[int, int, int]]:
    """Ports of webhooks and streams, and the process of the streams: apart in production, embedded all in one."""
    web, stream = processes.port("web"), processes.port("stream")
    if not settings.REDIS_URL:
        with processes.program("up", "django", "up", "--no-demo", "--port", str(web)) as pid:
            processes.until(lambda: processes.answers(web, "/healthz"), "the start of `up`")
            yield web, web, pid
        return
    words = ["portal.asgi:application", "--port", str(stream), "--log-level", "warning"]
    with (
        processes.wsgi("portal.wsgi", number=web),
        processes.program("streams", "uvicorn", *words, "--timeout-graceful-shutdown", "2") as pid,
        processes.workers(1),
    ):
        processes.until(lambda: processes.answers(stream, "/live/"), "the start of the streams")
        yield web, stream, pid


@asynccontextmanager
async def _closing(listeners: Listeners) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await listeners.close()


async def _measure(listeners: Listeners, customers: Customers, web: int, pid: int, streams: int) -> list[Result]:
    async with _closing(listeners):
        await listeners.open_up_to(FEW)
        few, few_threads = processes.resident_kilobytes([pid]), processes.threads(pid)
        await listeners.open_up_to(streams)
        delays = await _tell(listeners, customers, web, streams)
        await listeners.open_up_to(MANY)
        many, many_threads = processes.resident_kilobytes([pid]), processes.threads(pid)
    detail = {"database": processes.database_name(), "streams": streams, "p50_ms": percentile(delays, 0.5)}
    sizes = {"streams": MANY, "kilobytes": many, "kilobytes_of_few": few}
    marginal = (many - few) / (MANY - FEW)
    return [
        at_most(
            P95_MS, name="live", value=percentile(delays, 0.95), unit="ms", detail=detail | {"events": len(delays)}
        ),
        at_most(KILOBYTES, name="live.memory", value=marginal, unit="kB a stream", detail=sizes),
        at_most(THREADS, name="live.threads", value=many_threads - few_threads, unit="threads for 1,000 streams more"),
    ]


async def _tell(listeners: Listeners, customers: Customers, web: int, streams: int) -> list[float]:
    """A customer's text every quarter of a second; milliseconds until each stream has heard of each."""
    await _one(listeners, customers, web, 0, streams)  # the first one opens connections
    delays: list[float] = []
    for index in range(1, EVENTS + 1):
        delays += await _one(listeners, customers, web, index, streams)
        await asyncio.sleep(GAP_SECONDS)
    return delays


async def _one(listeners: Listeners, customers: Customers, web: int, index: int, streams: int) -> list[float]:
    thread = customers.threads[index].pk
    request = customers.text(f"live-{index}", index)
    listeners.heard.pop(thread, None)
    started = time.perf_counter()
    reader, writer = await asyncio.open_connection(load.HOST, web)
    writer.write(request)
    await reader.readline()
    writer.close()
    ends = started + LATEST_SECONDS
    while len(heard := listeners.heard.get(thread, [])) < streams and time.perf_counter() < ends:
        await asyncio.sleep(0.005)
    if len(heard) < streams:
        raise processes.Failed(f"Only {len(heard)} of {streams} streams heard of a text within {LATEST_SECONDS:g} s.")
    return [(moment - started) * 1_000 for moment in heard[:streams]]
