"""Load on a web server: as much as it takes, or so many requests a second whatever it does. Kept connections.

The requests are made beforehand, so that this side costs little and the same for server and ceiling.
"""

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass

LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Outcome:
    """`delays`: seconds of each request, from due to answered whole; `refused`: those not answered 200."""

    seconds: float
    delays: list[float]
    refused: int

    @property
    def rate(self) -> float:
        return len(self.delays) / self.seconds


def post(path: str, body: bytes, headers: dict[str, str]) -> bytes:
    """The bytes of one POST."""
    lines = [f"POST {path} HTTP/1.1", f"Host: {HOST}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def saturate(port: int, requests: Sequence[bytes], *, connections: int = 16) -> Outcome:
    """Send them all as fast as they are answered, one at a time on each connection."""
    return asyncio.run(_saturate(port, requests, connections))


def pace(port: int, requests: Sequence[bytes], *, rate: float, connections: int = 64) -> Outcome:
    """Send `rate` a second on schedule (open loop): a slow answer holds up nobody, and waiting counts as delay."""
    return asyncio.run(_pace(port, requests, rate, connections))


class _Line:
    """One kept connection."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.reader: asyncio.StreamReader | None = None
        self.writer: asyncio.StreamWriter | None = None

    async def ask(self, request: bytes) -> bool:
        """Whether the answer was 200."""
        if self.writer is None or self.reader is None or self.reader.at_eof():
            self.close()
            self.reader, self.writer = await asyncio.open_connection(HOST, self.port)
        self.writer.write(request)
        head = await self.reader.readuntil(b"\r\n\r\n")
        if length := LENGTH.search(head):
            await self.reader.readexactly(int(length[1]))
        else:
            await self.reader.readuntil(b"0\r\n\r\n")  # chunks, the last of which is empty
        if b"connection: close" in head.lower():
            self.close()
        return head.startswith(b"HTTP/1.1 200")

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()
        self.reader = self.writer = None


async def _saturate(port: int, requests: Sequence[bytes], connections: int) -> Outcome:
    loop = asyncio.get_running_loop()
    delays: list[float] = []
    refused = 0

    async def work(turns: Iterator[bytes]) -> None:
        nonlocal refused
        line = _Line(port)
        for request in turns:
            started = loop.time()
            refused += not await line.ask(request)
            delays.append(loop.time() - started)
        line.close()

    turns = iter(requests)
    started = time.perf_counter()
    await asyncio.gather(*(work(turns) for _ in range(connections)))
    return Outcome(time.perf_counter() - started, delays, refused)


async def _pace(port: int, requests: Sequence[bytes], rate: float, connections: int) -> Outcome:
    loop = asyncio.get_running_loop()
    free: asyncio.Queue[_Line] = asyncio.Queue()
    for _ in range(connections):
        free.put_nowait(_Line(port))
    delays: list[float] = []
    refused = 0

    async def one(request: bytes, due: float) -> None:
        nonlocal refused
        line = await free.get()
        refused += not await line.ask(request)
        delays.append(loop.time() - due)
        free.put_nowait(line)

    started = loop.time()
    await _on_schedule(requests, one, started, 1 / rate)
    while not free.empty():
        free.get_nowait().close()
    return Outcome(loop.time() - started, delays, refused)


async def _on_schedule(
    requests: Sequence[bytes], one: Callable[[bytes, float], Awaitable[None]], started: float, gap: float
) -> None:
    loop = asyncio.get_running_loop()
    async with asyncio.TaskGroup() as tasks:
        for index, request in enumerate(requests):
            due = started + index * gap
            if (wait := due - loop.time()) > 0:
                await asyncio.sleep(wait)
            tasks.create_task(_as_coroutine(one(request, due)))


async def _as_coroutine(work: Awaitable[None]) -> None:
    await work
