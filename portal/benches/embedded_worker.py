"""The worker and beat of embedded mode in a process without pages: `python -m portal.benches.embedded_worker`."""

import os
import signal
import sys
import threading

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from portal.celery import app
    from portal.running.worker import EmbeddedWorker

    asked = threading.Event()
    signal.signal(signal.SIGTERM, lambda number, frame: asked.set())
    worker = EmbeddedWorker(app, on_end=lambda sentence: asked.set())
    worker.start()
    asked.wait()
    worker.stop()
    sys.stdout.flush()
    os._exit(0)


if __name__ == "__main__":
    main()
