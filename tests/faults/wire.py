"""The wire between portal and carrier: a small proxy that loses, delays, breaks and refuses as it is told."""

import asyncio
import json
import math
import threading
import time
from collections import defaultdict, deque
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from email.utils import formatdate
from enum import Enum
from typing import Any, TypeVar

import aiohttp
from aiohttp import web

T = TypeVar("T")
HELD_SECONDS = 60.0  # longer than every deadline of the portal
ASKED_FOR_SECONDS = 3  # by Retry-After: more than the first back-off


class Fault(Enum):
    """What becomes of one POST of a text. BEFORE: the carrier never sees it. AFTER: the carrier has taken it."""

    BUSY = "429 with Retry-After in seconds, not taken"
    BUSY_UNTIL = "429 with Retry-After as a date, not taken"
    BUSY_WITHOUT_TIME = "429 without Retry-After, not taken"
    BROKEN = "500, not taken"
    CLOSED_BEFORE = "closed, not taken"
    SILENT_BEFORE = "silence, not taken"
    GARBAGE_AFTER = "an answer nobody can read, taken"
    CLOSED_AFTER = "closed, taken"
    SILENT_AFTER = "silence, taken"


TOO_FAST = {"error": {"code": "too_fast", "message": "Slower, please."}}
TAKEN = {Fault.GARBAGE_AFTER, Fault.CLOSED_AFTER, Fault.SILENT_AFTER}


class Wire:
    """`faults[number]`: what becomes of the next texts to it, in order; `fault`: of every other text.

    `seen[number]`: when each POST came. `not_before[number]`: the moment that Retry-After named.
    `deaf`: what becomes of everything that is no text, look-ups above all.
    """

    def __init__(self, carrier: str) -> None:
        self.carrier = carrier
        self.delay = 0.0  # seconds before a text is passed on
        self.answer_delay = 0.0  # seconds before the carrier's answer is passed back
        self.faults: dict[str, deque[Fault]] = defaultdict(deque)
        self.seen: dict[str, list[float]] = defaultdict(list)
        self.not_before: dict[str, float] = {}
        self.fault: Fault | None = None
        self.deaf: Fault | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="wire", daemon=True)
        self._thread.start()
        self._port = 0
        self._do(self._open())
        self.up()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def up(self) -> None:
        self._do(self._listen())

    def down(self) -> None:
        """Nobody listens: connections are refused and open ones closed."""
        self._do(self._runner.cleanup())

    def close(self) -> None:
        self._do(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _do(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(20)

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        self._ended = asyncio.Event()

    async def _shut(self) -> None:
        self._ended.set()
        await self._runner.cleanup()
        await self._session.close()

    async def _listen(self) -> None:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._carry)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True).start()
        self._port = self._runner.addresses[0][1]

    async def _carry(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        if request.method != "POST" or request.path != "/v1/messages":
            return await self._break(self.deaf, request, body) if self.deaf else await self._forward(request, body)
        number = json.loads(body)["to"]
        self.seen[number].append(time.time())
        await asyncio.sleep(self.delay)
        fault = self.faults[number].popleft() if self.faults[number] else self.fault
        if fault in (Fault.BUSY, Fault.BUSY_UNTIL):
            return self._busy(fault, number)
        if fault is not None:
            return await self._break(fault, request, body)
        answer = await self._forward(request, body)
        await asyncio.sleep(self.answer_delay)
        return answer

    def _busy(self, fault: Fault, number: str) -> web.Response:
        self.not_before[number] = time.time() + ASKED_FOR_SECONDS
        value = str(ASKED_FOR_SECONDS)
        if fault == Fault.BUSY_UNTIL:  # whole seconds, and not sooner
            self.not_before[number] = math.ceil(self.not_before[number])
            value = formatdate(self.not_before[number], usegmt=True)
        return web.json_response(TOO_FAST, status=429, headers={"retry-after": value})

    async def _break(self, fault: Fault, request: web.Request, body: bytes) -> web.StreamResponse:
        if fault in TAKEN:
            assert (await self._forward(request, body)).status == 202
        match fault:
            case Fault.BUSY_WITHOUT_TIME:
                return web.json_response(TOO_FAST, status=429)
            case Fault.BROKEN:
                return web.Response(status=500, text="<h1>Oops</h1>")
            case Fault.GARBAGE_AFTER:
                return web.Response(text="<html>ok?</html>", content_type="text/html")
            case Fault.SILENT_BEFORE | Fault.SILENT_AFTER:
                await asyncio.wait([asyncio.ensure_future(self._ended.wait())], timeout=HELD_SECONDS)
        if request.transport is not None:  # None: the portal has hung up already
            request.transport.abort()
        return web.Response()

    async def _forward(self, request: web.Request, body: bytes) -> web.Response:
        headers = {name: request.headers[name] for name in ("authorization", "content-type") if name in request.headers}
        async with self._session.request(
            request.method, self.carrier + request.path_qs, data=body or None, headers=headers
        ) as answer:
            kind = answer.headers.get("content-type", "text/plain").partition(";")[0]
            return web.Response(status=answer.status, body=await answer.read(), content_type=kind)


@contextmanager
def wire(carrier: str) -> Iterator[Wire]:
    between = Wire(carrier)
    try:
        yield between
    finally:
        between.close()
