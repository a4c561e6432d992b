"""The event stream: a bare ASGI function beside Django, which would hold a thread for every open screen.

`/live/<slug>/` checks host, session, user and membership through Django's own engine, then only listens. It looks
again every minute, and ends at once on news of `access` (sign-out, another role or team, a closed door).
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import structlog
from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from portal import access, live
from portal.live_hub import Hub, Stream, in_thread
from portal.models import Membership

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]

KEEP_ALIVE_SECONDS = 15.0  # proxies drop silent connections
CHECK_SECONDS = 60.0
PACE_SECONDS = 0.1  # news that comes faster is told together
ALIVE = ":\nevent: alive\ndata: {}\n\n"  # an event, for a browser does not show comments to the page
STUCK_SECONDS = 30.0  # a reader that takes nothing for so long is gone
ADDRESS = re.compile(r"/live/([-\w]+)/")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the lines back
]
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Seat:
    """Who listens, and to what. When a later look finds another seat, the stream ends and the page starts anew."""

    organization_id: int
    user_id: int
    session: str
    heard: frozenset[str]


_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def _hub() -> Hub:
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def close() -> None:
    """The server of this loop stops."""
    hub = _hubs.pop(asyncio.get_running_loop(), None)
    if hub is not None:
        hub.close()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    address = ADDRESS.fullmatch(scope["path"])
    if not _host_is_ours(headers.get(b"host", "")):
        await _refuse(send, 403)
    elif address is None:
        await _refuse(send, 404)
    elif scope["method"] != "GET":
        await _refuse(send, 405)
    else:
        key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
        await _admit(key, address[1], receive, send)


def _host_is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    if status == 405:
        headers.append((b"allow", b"GET"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b""})


async def _admit(key: str, slug: str, receive: Receive, send: Send) -> None:
    seat = await in_thread(find_seat, key, slug)
    if isinstance(seat, int):
        await _refuse(send, seat)
        return
    stream = Stream(organization_id=seat.organization_id, user_id=seat.user_id, session=seat.session, heard=seat.heard)
    hub = _hub()
    gone = asyncio.create_task(_until_gone(receive, stream))
    try:
        await hub.join(stream)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        await _tell(stream, lambda: in_thread(find_seat, key, slug), seat, send)
    except TimeoutError:
        log.info("live.reader_stuck", organization=seat.organization_id)
        return
    except asyncio.CancelledError:
        log.info("live.server_stops", organization=seat.organization_id)  # nobody else cancels: end the answer in order
    finally:
        hub.leave(stream)
        gone.cancel()
    await send({"type": "http.response.body", "body": b"", "more_body": False})


def find_seat(key: str, slug: str) -> Seat | int:
    """The seat of a session in an organization, or the status that refuses it: 403 nobody, 404 not a member."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key or None)
    user = get_user(request)
    if not user.is_authenticated:
        return 403
    membership = Membership.objects.filter(user_id=user.pk, organization__slug=slug, is_active=True).first()
    if membership is None:
        return 404
    return Seat(membership.organization_id, user.pk, live.session_mark(key), access.audiences(membership))


async def _until_gone(receive: Receive, stream: Stream) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    stream.end()


async def _tell(stream: Stream, look: Callable[[], Awaitable[Seat | int]], seat: Seat, send: Send) -> None:
    """Tell the screen what waits, until the screen is gone or its seat is another's."""
    loop = asyncio.get_running_loop()
    check_at = loop.time() + CHECK_SECONDS
    while not stream.ended:
        if not await _woken(stream, min(KEEP_ALIVE_SECONDS, check_at - loop.time())):
            await _write(send, ALIVE)
        if loop.time() >= check_at:
            check_at = loop.time() + CHECK_SECONDS
            if await look() != seat:
                stream.waiting["access"] = {}
        last = "access" in stream.waiting
        lines = stream.take()
        if lines and not stream.ended:
            await _write(send, lines)
        if last:
            break
        await asyncio.sleep(PACE_SECONDS if lines else 0)


async def _woken(stream: Stream, seconds: float) -> bool:
    # Not wait_for: on Python 3.11 it may swallow a cancellation that falls together with an event.
    try:
        async with asyncio.timeout(seconds):
            await stream.wake.wait()
    except TimeoutError:
        return False
    return True


async def _write(send: Send, text: str) -> None:
    async with asyncio.timeout(STUCK_SECONDS):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
