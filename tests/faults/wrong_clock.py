"""Runs a module under libfaketime: `python -m tests.faults.wrong_clock MODULE WORDS…`.

libfaketime 0.9 mistakes the absolute time on the monotonic clock that time.sleep() hands the kernel for a wall clock's,
and fails the call. Waiting for an event that never comes asks for no such time.
"""

import runpy
import sys
import threading
import time


def main() -> None:
    never = threading.Event()
    time.sleep = lambda seconds: never.wait(seconds) and None  # type: ignore[assignment,misc]
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
