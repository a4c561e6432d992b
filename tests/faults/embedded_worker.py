"""Worker and beat of `up` in a process of their own: `python -m tests.faults.embedded_worker`."""

import signal
import sys
import threading

import django


def main() -> None:
    django.setup()
    from portal.celery import app
    from portal.running.worker import EmbeddedWorker

    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    worker = EmbeddedWorker(app, on_end=lambda sentence: ended.set())
    worker.start()
    worker.wait_ready()
    sys.stdout.write("Ready\n")
    sys.stdout.flush()
    ended.wait()
    worker.stop()


if __name__ == "__main__":
    main()
