"""The event stream: a bare ASGI function beside Django, which would hold a thread for every open screen.

`/live/<slug>/` checks host, session, user and membership through Django's own engine, then only listens. The hub looks
again every minute; news of `access` (sign-out, another role or team, a closed door) ends the stream at once.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user
from django.http import HttpRequest, parse_cookie
from django.http.request import split_domain_port, validate_host

from portal import access, live
from portal.live_hub import Hub, Seat, Send, Stream, in_thread
from portal.metrics import open_streams

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[Mapping[str, Any]]]

ADDRESS = re.compile(r"/live/([-\w]+)/")
HEADERS = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"x-accel-buffering", b"no"),  # nginx would keep the lines back
]
END = {"type": "http.response.body", "body": b"", "more_body": False}

_hubs: dict[asyncio.AbstractEventLoop, Hub] = {}


def _hub() -> Hub:
    return _hubs.setdefault(asyncio.get_running_loop(), Hub())


def close() -> None:
    """The server of this loop stops."""
    hub = _hubs.pop(asyncio.get_running_loop(), None)
    if hub is not None:
        hub.close()


def application(scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
    """No coroutine of its own: its frame would stay for as long as the stream does."""
    status, key, slug = _read(scope)
    # The server keeps the scope as long: kilobytes of what the browser says of itself.
    scope["headers"].clear()
    return _admit(key, slug, receive, send) if status == 200 else _refuse(send, status)


def _read(scope: Scope) -> tuple[int, str, str]:
    """What of the request can be judged without the database: the status so far, the session's key and the slug."""
    headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
    address = ADDRESS.fullmatch(scope["path"])
    if not _host_is_ours(headers.get(b"host", "")):
        return 403, "", ""
    if address is None:
        return 404, "", ""
    key = parse_cookie(headers.get(b"cookie", "")).get(settings.SESSION_COOKIE_NAME, "")
    return (200 if scope["method"] == "GET" else 405), key, address[1]


def _host_is_ours(host: str) -> bool:
    domain, _ = split_domain_port(host)
    return bool(domain) and validate_host(domain, settings.ALLOWED_HOSTS)


async def _refuse(send: Send, status: int) -> None:
    headers = [(b"content-length", b"0"), (b"cache-control", b"no-store")]
    if status == 405:
        headers.append((b"allow", b"GET"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send(END)


async def _admit(key: str, slug: str, receive: Receive, send: Send) -> None:
    seat = await in_thread(find_seat, key, slug)
    if isinstance(seat, int):
        await _refuse(send, seat)
        return
    task = asyncio.current_task()
    assert task is not None
    stream, hub = Stream(seat, send=send, look=partial(in_thread, find_seat, key, slug), reader=task), _hub()
    open_streams().inc()
    try:
        await hub.join(stream)
        await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
        stream.open()
        while (await receive())["type"] != "http.disconnect":
            pass
    except asyncio.CancelledError:
        await send(END)  # only a server that stops, or the hub, cancels: the answer ends in order
    finally:
        open_streams().dec()
        hub.leave(stream)


def find_seat(key: str, slug: str) -> Seat | int:
    """The seat of a session in an organization, or the status that refuses it: 403 nobody, 404 not a member."""
    request = HttpRequest()
    request.session = import_module(settings.SESSION_ENGINE).SessionStore(key or None)
    user = get_user(request)
    if not user.is_authenticated:
        return 403
    membership = access.member_of(slug, user)
    if membership is None:
        return 404
    return Seat(membership.organization_id, user.pk, live.session_mark(key), access.audiences(membership))
