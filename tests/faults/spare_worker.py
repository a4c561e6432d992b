"""Runs a module once it is told to: `python -m tests.faults.spare_worker MODULE WORDS…`.

It loads the portal, says so, and takes no task before SIGUSR1. A worker that is killed is replaced by it at once,
although Celery takes seconds to load.
"""

import os
import runpy
import signal
import sys


def main() -> None:
    told, tell = os.pipe()
    signal.signal(signal.SIGUSR1, lambda *_: os.write(tell, b"!"))
    from portal.celery import app

    app.loader.import_default_modules()
    sys.stdout.write("Loaded\n")
    sys.stdout.flush()
    os.read(told, 1)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    sys.argv = sys.argv[1:]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
