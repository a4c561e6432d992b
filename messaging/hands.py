"""How much of a worker one slow stranger may hold: a few threads, never all of them."""

import threading
from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import contextmanager


class Hands:
    """At most `count` pieces of work at once for each key, in this process."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._busy: Counter[Hashable] = Counter()
        self._lock = threading.Lock()

    @contextmanager
    def on(self, key: Hashable = None) -> Iterator[bool]:
        """Whether a hand is free for `key`, and held until the end of the block. If not, the next tick comes again."""
        with self._lock:
            is_free = self._busy[key] < self._count
            self._busy[key] += is_free
        try:
            yield is_free
        finally:
            with self._lock:
                self._busy[key] -= is_free
                if not self._busy[key]:
                    del self._busy[key]
