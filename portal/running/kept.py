"""Runs a module for as long as its parent lives: `python -m portal.running.kept MODULE WORDS…`.

The parent holds the other end of standard input and writes nothing. When it ends, however it ends, the pipe closes,
and this process stops as if it had been asked to. No process is left behind, not even by a SIGKILL of the parent.
"""

import os
import runpy
import signal
import sys
import threading

SECONDS_TO_STOP = 3.0


def main() -> None:
    threading.Thread(target=_stop_with_parent, args=(sys.stdin.fileno(),), daemon=True).start()
    module = sys.argv[1]
    sys.argv = sys.argv[1:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _stop_with_parent(pipe: int) -> None:
    # os.read, not sys.stdin: the interpreter may end while this thread waits, and must not wait for a buffer's lock.
    while os.read(pipe, 1024):
        pass
    last = threading.Timer(SECONDS_TO_STOP, os._exit, (1,))
    last.daemon = True
    last.start()
    signal.raise_signal(signal.SIGTERM)


if __name__ == "__main__":
    main()
