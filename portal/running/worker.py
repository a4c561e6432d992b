"""The Celery worker and beat as threads of this process."""

import logging
import os
import threading
from collections.abc import Callable

from celery import Celery
from celery.beat import EmbeddedService
from celery.platforms import EX_OK
from celery.worker import state

from portal import garbage

SECONDS_TO_DRAIN = 10.0


class EmbeddedWorker:
    """Takes tasks of every queue. `on_end` gets a sentence when the worker ends before `stop`."""

    def __init__(self, app: Celery, *, on_end: Callable[[str], None]) -> None:
        self._app = app
        self._on_end = on_end
        self._stopping = False
        self._ready = threading.Event()
        app.set_default()  # the pool's threads look tasks up in the default application
        os.environ.setdefault("CELERY_SKIP_CHECKS", "1")  # Django's checks are for those who change the code
        self._worker = app.WorkController(
            pool_cls="threads",
            queues=sorted(queue_names(app)),
            ready_callback=self._is_ready,
            loglevel="WARNING",
            without_mingle=True,
            without_gossip=True,
            without_heartbeat=True,
        )
        self._beat = EmbeddedService(app, thread=True, scheduler_cls=app.conf.beat_scheduler)
        self._thread = threading.Thread(target=self._run, name="worker", daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._beat.start()

    def wait_ready(self, seconds: float = 20.0) -> bool:
        return self._ready.wait(seconds)

    def stop(self) -> bool:
        """Let running tasks end. False when some still ran after SECONDS_TO_DRAIN; their claims have leases."""
        self._stopping = True
        self._beat.service.stop()
        state.should_stop = EX_OK  # the worker's loop looks at it every two seconds
        if self._app.connection_for_write().transport_cls == "memory":
            # And twice at that, when nothing comes. A message in this process wakes it now; it would warn of it.
            logging.getLogger("celery.worker.control").setLevel(logging.ERROR)
            self._app.control.broadcast("shutdown", destination=[self._worker.hostname])
        self._thread.join(SECONDS_TO_DRAIN)
        return not self._thread.is_alive()

    def _is_ready(self, consumer: object) -> None:
        garbage.settle()
        self._ready.set()

    def _run(self) -> None:
        self._worker.start()
        if not self._stopping:
            self._on_end("The worker ended by itself; its log says why.")


def queue_names(app: Celery) -> set[str]:
    """Every queue a task may be put into: the default, the declared ones, those of routes and of the schedule."""
    names = {app.conf.task_default_queue}
    names |= {queue.name for queue in app.conf.task_queues or ()}
    options = [entry.get("options", {}) for entry in app.conf.beat_schedule.values()]
    return names | {each["queue"] for each in [*(app.conf.task_routes or {}).values(), *options] if "queue" in each}
