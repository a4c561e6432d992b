"""Rings for workers: a nudge that work is there. Losing one costs a second, so nobody waits for the broker.

One thread a process hands rings to Celery; equal rings that come together are one. It also keeps the appointments of
lanes: when the next text of a shaped lane may leave.
"""

import os
import threading
import time

import structlog
from django.db import transaction
from kombu.exceptions import OperationalError

from portal.celery import app

log = structlog.get_logger(__name__)
Ring = tuple[str, tuple[tuple[str, int], ...]]
GATHER_SECONDS = 0.01


class _Bell:
    def __init__(self) -> None:
        self._due: dict[Ring, float] = {}
        self._changed = threading.Condition()
        threading.Thread(target=self._work, name="doorbell", daemon=True).start()

    def ring(self, ring: Ring, at: float) -> None:
        with self._changed:
            if at < self._due.get(ring, float("inf")):
                self._due[ring] = at
                self._changed.notify()

    def _work(self) -> None:
        while True:
            for task, arguments in self._wait():
                _publish(task, dict(arguments))

    def _wait(self) -> list[Ring]:
        """The rings whose time has come, once there is one."""
        with self._changed:
            while True:
                now = time.monotonic()
                ready = [ring for ring, at in self._due.items() if at <= now]
                if ready:
                    for ring in ready:
                        del self._due[ring]
                    return ready
                self._changed.wait(min(self._due.values()) - now if self._due else None)


_bell: _Bell | None = None
_lock = threading.Lock()


def _forget() -> None:
    global _bell, _lock
    _bell, _lock = None, threading.Lock()


os.register_at_fork(after_in_child=_forget)


def ring(task: str, *, after: float = GATHER_SECONDS, **arguments: int) -> None:
    """Have Celery run `task` in `after` seconds; at once in the eyes of a person."""
    global _bell
    with _lock:
        if _bell is None:
            _bell = _Bell()
    _bell.ring((task, tuple(sorted(arguments.items()))), time.monotonic() + after)


def ring_on_commit(task: str, **arguments: int) -> None:
    transaction.on_commit(lambda: ring(task, after=GATHER_SECONDS, **arguments))


def _publish(task: str, arguments: dict[str, int]) -> None:
    try:
        app.send_task(task, kwargs=arguments)
    except (OperationalError, OSError) as error:
        log.warning("doorbell.unheard", task=task, error=type(error).__name__)
