"""A second `up` to Ready, and what it costs while nobody does anything. Embedded, whatever the environment names."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from django.conf import settings

from portal.benches import processes
from portal.benches.result import Result, at_most

READY_SECONDS, IDLE_SHARE, MEGABYTES = 4.0, 0.03, 350
SETTLE_SECONDS, IDLE_SECONDS = 5.0, 20.0
EXTERNAL = ("DATABASE_URL", "REDIS_URL")


def run(size: int | None) -> Iterator[Result]:
    Up().stop()
    second = Up()
    try:
        yield at_most(READY_SECONDS, name="start", value=second.seconds, unit="s")
        time.sleep(SETTLE_SECONDS)
        before = processes.cpu_seconds([second.process.pid])
        time.sleep(IDLE_SECONDS)  # the measure itself: what is used while nothing happens
        used = (processes.cpu_seconds([second.process.pid]) - before) / IDLE_SECONDS
        yield at_most(IDLE_SHARE * 100, name="start.idle", value=used * 100, unit="% of a core")
        memory = processes.resident_kilobytes([second.process.pid]) / 1_000
        count = len(processes.family([second.process.pid]))
        yield at_most(MEGABYTES, name="start.memory", value=memory, unit="MB", detail={"processes": count})
    finally:
        second.stop()


class Up:
    """A running `up`, and how long it took to be ready."""

    def __init__(self) -> None:
        folder = Path(settings.DATA_DIR) / "start"
        environ = {name: value for name, value in os.environ.items() if name not in EXTERNAL}
        environ |= {"PORTAL_DATA_DIR": str(folder), "PORTAL_PRIVATE_HOSTS": "", "PORTAL_PUBLIC_URL": ""}
        started = time.perf_counter()
        self.process = subprocess.Popen(  # noqa: S603 - our own program
            [sys.executable, str(settings.BASE_DIR / "manage.py"), "up", "--port", "0"],
            env=environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        assert self.process.stdout is not None
        for line in self.process.stdout:
            if line.startswith("Ready: "):
                self.seconds = time.perf_counter() - started
                return
        raise processes.Failed(f"`up` ended before it was ready, with status {self.process.wait()}.")

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(20)
