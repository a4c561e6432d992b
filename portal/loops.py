"""The event loop of everything that calls out."""

import asyncio
import sys


def new_event_loop() -> asyncio.AbstractEventLoop:
    """uvloop where there is one: a kept connection costs a tenth less a call with it, a new one less than half."""
    if sys.platform == "win32":
        return asyncio.new_event_loop()
    import uvloop

    return uvloop.new_event_loop()
