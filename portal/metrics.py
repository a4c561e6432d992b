"""What each process measures by itself for Prometheus: how the webhook door answers, and how many screens listen.

Everything else that `/metrics` tells is counted from rows when it is asked for (portal/views/metrics.py). These two are
known to the process alone; with several processes on a machine, prometheus-client keeps them in files of a common
folder (PROMETHEUS_MULTIPROC_DIR, set by `settings` when metrics are on), and whichever process is asked adds them up.
"""

import os
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from prometheus_client import CollectorRegistry, Gauge, Histogram, multiprocess
from prometheus_client.registry import Collector

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]
BUCKETS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.5, 5.0)
OUTCOMES = {200: "stored", 400: "refused", 401: "refused", 404: "unknown", 405: "not_posted", 413: "too_large"}

_own = CollectorRegistry()
_webhooks = Histogram(
    "portal_webhook_seconds",
    "How long the door took to answer a carrier, by what it answered.",
    ["outcome"],
    buckets=BUCKETS,
    registry=_own,
)


@cache
def open_streams() -> Gauge:
    """Made when first used, so that only processes that hold streams keep a file for it."""
    return Gauge("portal_open_streams", "Screens that listen.", registry=_own, multiprocess_mode="livesum")


def timed(view: View[P]) -> View[P]:
    """Measure a view of the webhook door."""

    @wraps(view)
    def measured(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        start, outcome = time.perf_counter(), "error"
        try:
            response = view(request, *args, **kwargs)
            outcome = OUTCOMES.get(response.status_code, "error")
            return response
        finally:
            _webhooks.labels(outcome).observe(time.perf_counter() - start)

    return measured


def of_processes() -> Collector:
    """What this process measured, or all of this machine where they share a folder."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return _own
    _forget_the_dead(Path(folder))
    together = CollectorRegistry()
    multiprocess.MultiProcessCollector(together, path=folder)  # type: ignore[no-untyped-call]
    return together


def _forget_the_dead(folder: Path) -> None:
    """A process that was killed took its streams along; what it counted stays counted."""
    for path in folder.glob("gauge_live*_*.db"):
        pid = path.stem.rpartition("_")[2]
        if pid.isdecimal() and not _is_alive(int(pid)):
            multiprocess.mark_process_dead(int(pid), path=str(folder))  # type: ignore[no-untyped-call]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:  # somebody else's, and alive
        return True
    return True
