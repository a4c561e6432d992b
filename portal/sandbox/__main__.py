import asyncio
import signal
import sys

from portal.sandbox.app import serve
from portal.sandbox.config import settings_from


async def _until_signalled() -> None:
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    if task is not None:
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
    await serve(settings_from(sys.argv[1:]))


def main() -> int:
    try:
        asyncio.run(_until_signalled())
    except asyncio.CancelledError:
        return 0
    except OSError as error:
        sys.stderr.write(f"The sandbox cannot start: {error.strerror or error}.\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
