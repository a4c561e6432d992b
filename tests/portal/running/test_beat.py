"""Ticks by the monotonic clock."""

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import time_machine

from portal.celery import app
from portal.running.beat import Scheduler


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of what is sent, in order; the broker hears nothing."""
    names: list[str] = []
    monkeypatch.setattr(Scheduler, "apply_entry", lambda self, entry, producer=None: names.append(entry.name))
    return names


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Any:
    class Clock:
        now = 1_000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def test_each_entry_keeps_its_own_step(sent: list[str], monotonic: Any) -> None:
    scheduler = Scheduler(app)
    assert scheduler.tick() == 1.0
    assert sorted(sent) == ["tick", "upkeep"]
    monotonic.now += 0.5
    assert scheduler.tick() == 0.5
    monotonic.now += 0.75
    assert scheduler.tick() == 0.75
    assert sent[2:] == ["tick"]
    monotonic.now += 60  # it stood still for a minute
    assert scheduler.tick() == 1.0
    monotonic.now += 1
    scheduler.tick()
    assert sorted(sent[3:5]) == ["tick", "upkeep"]
    assert sent[5:] == ["tick"]


def test_a_clock_that_is_set_back_stops_no_tick(sent: list[str], monotonic: Any) -> None:
    scheduler = Scheduler(app)
    with time_machine.travel(datetime(2026, 3, 2, 10, tzinfo=UTC), tick=False):
        scheduler.tick()
    with time_machine.travel(datetime(2026, 3, 2, 9, tzinfo=UTC), tick=False):
        for _ in range(30):
            monotonic.now += 1
            scheduler.tick()
    assert (sent.count("tick"), sent.count("upkeep")) == (31, 2)
