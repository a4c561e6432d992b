"""The ceiling of `outbound`: a bare asyncio client that does nothing but POST. Prints requests a second.

`python -m portal.benches.client URL COUNT IN_FLIGHT < request.json`, where the request is {"headers", "body"}.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator

import aiohttp

from portal.loops import new_event_loop


async def post_all(url: str, count: int, in_flight: int, headers: dict[str, str], body: bytes) -> float:
    """Requests a second, each answer read and parsed."""

    async def work(turns: Iterator[int]) -> None:
        for _ in turns:
            async with session.post(url, data=body, headers=headers) as response:
                json.loads(await response.read())

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        turns = iter(range(count))
        started = time.perf_counter()
        await asyncio.gather(*(work(turns) for _ in range(in_flight)))
        return count / (time.perf_counter() - started)


if __name__ == "__main__":
    request = json.load(sys.stdin)
    work = post_all(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), request["headers"], request["body"].encode())
    with asyncio.Runner(loop_factory=new_event_loop) as runner:  # the portal's own, or the ceiling would be too low
        rate = runner.run(work)
    sys.stdout.write(f"{rate}\n")
