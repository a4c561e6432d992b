"""The whole test suite, with pytest and in parallel. Words after `test` go to pytest."""

import os
import sys

from django.conf import settings
from django.core.management.base import BaseCommand


class Command(BaseCommand):
    help = "Runs the test suite with pytest; everything after `test` is handed to it (paths, -k, -x, -n 0)."
    requires_system_checks = []

    def run_from_argv(self, argv: list[str]) -> None:
        # Not Django's parser: it would refuse pytest's own options.
        sys.exit(self.handle(argv[2:]))

    def handle(self, words: list[str]) -> int:  # type: ignore[override]
        import pytest  # in the environment of `test` alone

        os.chdir(settings.BASE_DIR)
        return int(pytest.main(["-n", str(parallel()), *words]))


def parallel() -> int:
    """As many processes as this machine lends us, four at most: the suite starts servers of its own."""
    return min(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1, 4)
