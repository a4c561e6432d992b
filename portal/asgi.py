"""Event streams first, then Django: one door for embedded mode; in production only /live/ is led here."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

# Not earlier: models need the applications that the line above has loaded.
from portal import live_asgi  # noqa: E402
from portal.live_asgi import Receive, Scope  # noqa: E402
from portal.live_hub import Send  # noqa: E402
from portal.middleware import HOOKS  # noqa: E402


class Pages(ASGIHandler):
    """Django's own, but files and long downloads are read in the thread of their request, a piece at a time.

    Django would read them to their end first, in the loop that all streams share.
    """

    async def send_response(self, response: HttpResponseBase, send: Any) -> None:
        content: Any = getattr(response, "streaming_content", None)
        if content is not None and not response.is_async:  # type: ignore[attr-defined]
            response.streaming_content = _pieces(iter(content))  # type: ignore[attr-defined]
        await super().send_response(response, send)


async def _pieces(content: Iterator[bytes]) -> AsyncIterator[bytes]:
    read = sync_to_async(lambda: next(content, None))
    while (piece := await read()) is not None:
        yield piece


pages = Pages()


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live_and_let_go(receive, send)
    elif scope["type"] == "http" and scope["path"].startswith("/live/"):
        await live_asgi.application(scope, receive, send)
    elif scope["type"] == "http" and scope["path"].startswith(HOOKS):
        await _hook(scope, receive, send)
    else:
        await pages(scope, receive, send)


async def _hook(scope: Scope, receive: Receive, send: Send) -> None:
    """A webhook, whose body is bounded here: Django would write all of it to the disk before its view is asked."""
    body = await _bounded_body(scope, receive)
    if body is None:
        # Closed, or the server would read the rest to keep the connection.
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"11"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": b"Too large.\n"})
        return
    first = [{"type": "http.request", "body": body, "more_body": False}]

    async def read() -> Mapping[str, Any]:
        return first.pop() if first else await receive()

    await pages(scope, read, send)


async def _bounded_body(scope: Scope, receive: Receive) -> bytes | None:
    """The whole body, or what came of it before the sender hung up; None as soon as it is too long."""
    said = dict(scope["headers"]).get(b"content-length", b"0")
    if not said.isdigit() or int(said) > settings.WEBHOOK_MAX_BYTES:
        return None
    body, is_whole = b"", False
    while not is_whole:
        message = await receive()
        body += message.get("body", b"")
        if len(body) > settings.WEBHOOK_MAX_BYTES:
            return None
        is_whole = not message.get("more_body", False)  # nor is there more after a disconnect
    return body


async def _live_and_let_go(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            live_asgi.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
