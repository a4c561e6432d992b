"""The program: puts the parts together and listens."""

import asyncio
import sys
from collections.abc import AsyncIterator

import aiohttp
from aiohttp import web

from portal.sandbox import api, handset, operator
from portal.sandbox.api import SANDBOX, Sandbox
from portal.sandbox.callbacks import Outbox
from portal.sandbox.config import Settings
from portal.sandbox.store import Store, Text

LARGEST_REQUEST = 6_000_000


def build(settings: Settings) -> web.Application:
    app = web.Application(client_max_size=LARGEST_REQUEST)
    store = Store(settings.data)

    async def life(app: web.Application) -> AsyncIterator[None]:
        store.open()
        if settings.accounts:
            operator.load_file(store, settings.accounts)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64)) as session:
            sandbox = Sandbox(settings, store, session, Outbox(settings, store, session))
            app[SANDBOX] = sandbox
            sandbox.outbox.start()
            yield
            for job in list(sandbox.jobs):
                job.cancel()
            await asyncio.gather(*sandbox.jobs, return_exceptions=True)
            await sandbox.outbox.stop()
        store.close()

    app.cleanup_ctx.append(life)
    _add_doors(app)
    return app


def _add_doors(app: web.Application) -> None:
    app.add_routes(
        [
            web.post("/v1/messages", api.send),
            web.get("/v1/messages", api.messages),
            web.get("/v1/messages/{id}", api.message),
            web.get("/v1/numbers", api.numbers),
            web.post("/v1/numbers/enable", api.enable),
            web.get("/v1/accepted", api.accepted),
            web.get("/v1/account", api.show_account),
            web.put("/v1/account", api.change_account),
            web.get("/media/{id}", api.download),
            web.post("/accounts", operator.put_account),
            web.get("/stats", operator.stats),
            web.get("/health", health),
            *handset.DOORS,
        ]
    )


async def health(request: web.Request) -> web.StreamResponse:
    return api.reply({"ok": True})


async def serve(settings: Settings) -> None:
    """Listen until cancelled. Prints `Ready: http://host:port` once it does."""
    runner = web.AppRunner(build(settings), access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    sandbox = runner.app[SANDBOX]
    earlier = list(sandbox.store.texts.values())
    try:
        await web.TCPSite(runner, settings.host, settings.port, backlog=1024).start()
        host, port = runner.addresses[0][:2]
        sandbox.base = f"http://{f'[{host}]' if ':' in host else host}:{port}"
        sys.stdout.write(f"Ready: {sandbox.base}\n")
        sys.stdout.flush()
        await _resume(sandbox, earlier)
        await asyncio.Event().wait()
    finally:
        await runner.cleanup()


async def _resume(sandbox: Sandbox, texts: list[Text]) -> None:
    """Tell what was not told before the last stop, a few hundred at a time so that new texts are not kept waiting."""
    for count, text in enumerate(texts):
        sandbox.resume(text)
        if count % 200 == 0:
            await asyncio.sleep(0)
