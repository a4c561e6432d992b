"""Event streams first, then Django: one door for embedded mode; in production only /live/ is led here."""

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
pages = get_asgi_application()

# Not earlier: models need the applications that the line above has loaded.
from portal import live_asgi  # noqa: E402
from portal.live_asgi import Receive, Scope, Send  # noqa: E402


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
