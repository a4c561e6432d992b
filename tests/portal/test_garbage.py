"""The cycle collector of a process that lives long."""

import gc
from collections.abc import Iterator

import pytest

from portal import garbage


@pytest.fixture(autouse=True)
def as_it_was() -> Iterator[None]:
    threshold = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*threshold)


def test_what_is_loaded_is_not_looked_through_again() -> None:
    garbage.settle()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_count()[0] < gc.get_threshold()[0] == garbage.THRESHOLD


def test_a_cycle_made_later_is_still_collected() -> None:
    garbage.settle()
    ring: list[object] = []
    ring.append(ring)
    del ring
    assert gc.collect() >= 1
