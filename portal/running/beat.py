"""Celery's beat by the monotonic clock: the machine's own may be set back, and the ticks must not stop for as long."""

import time
from typing import Any

from celery import beat


class Scheduler(beat.Scheduler):  # type: ignore[misc]  # Celery ships no types
    """Sends every entry of the schedule each `run_every`, the first time at once. Keeps nothing on disk."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._due: dict[str, float] = {}  # entry -> when, in seconds of time.monotonic()
        super().__init__(*args, **more)

    def tick(self) -> float:
        """Send what is due; in how many seconds something is again."""
        now = time.monotonic()
        for entry in self.schedule.values():
            due = self._due.setdefault(entry.name, now)
            if due <= now:
                # In step with the last time; what was missed while this process stood still is not made up for.
                in_step = due + entry.schedule.seconds
                self._due[entry.name] = in_step if in_step > now else now + entry.schedule.seconds
                self.apply_entry(entry, producer=self.producer)
        return max(min(self._due.values()) - time.monotonic(), 0.0)
