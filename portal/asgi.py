"""Event streams first, then Django: one door for embedded mode; in production only /live/ is led here."""

import os
from collections.abc import AsyncIterator, Iterator
from typing import Any

import django
from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIHandler
from django.http import HttpResponseBase

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
django.setup(set_prefix=False)

# Not earlier: models need the applications that the line above has loaded.
from portal import live_asgi  # noqa: E402
from portal.live_asgi import Receive, Scope  # noqa: E402
from portal.live_hub import Send  # noqa: E402


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
    else:
        await pages(scope, receive, send)


async def _live_and_let_go(receive: Receive, send: Send) -> None:
    while True:
        message = await receive()
        if message["type"] == "lifespan.startup":
            await send({"type": "lifespan.startup.complete"})
        elif message["type"] == "lifespan.shutdown":
            live_asgi.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
