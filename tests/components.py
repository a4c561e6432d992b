"""Which real components this run has: shown in the summary when absent, demanded when CI=true.

A run that leaves some out on purpose names them: PORTAL_TEST_WITHOUT=postgresql,redis.
"""

import os
import shutil
from functools import cache
from pathlib import Path

import pytest

NEEDS = {  # marker -> components
    "browser": ("chromium",),
    "postgres": ("postgresql", "redis"),
    "cluster": ("initdb",),
    "faketime": ("libfaketime",),
}
HINTS = {
    "postgresql": "set DATABASE_URL to a server in which databases may be made",
    "redis": "set REDIS_URL",
    "chromium": "install chromium, or name it in PORTAL_CHROMIUM",
    "initdb": "install postgresql: a test makes a server of its own",
    "libfaketime": "install libfaketime",
}


@cache
def chromium_path() -> str | None:
    """The browser that the browser tests drive, or None."""
    names = (os.environ.get("PORTAL_CHROMIUM"), "chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return next((path for path in (shutil.which(name) for name in names if name) if path), None)


def postgres_programs() -> Path | None:
    """The folder of initdb and postgres, of the newest version here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    place = found[-1] if found else shutil.which("initdb")
    return Path(place).parent if place else None


def faketime_library() -> Path | None:
    """The library that shows a process another time. The variant for programs with threads."""
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)


def found() -> dict[str, str | None]:
    """{component: where it is, or None}, never with a password in it."""
    return {
        "postgresql": "DATABASE_URL" if os.environ.get("DATABASE_URL") else None,
        "redis": "REDIS_URL" if os.environ.get("REDIS_URL") else None,
        "chromium": chromium_path(),
        "initdb": str(postgres_programs() or "") or None,
        "libfaketime": str(faketime_library() or "") or None,
    }


def absent() -> list[str]:
    return [name for name, where in found().items() if where is None]


def missing_in_ci() -> list[str]:
    """Components that CI=true demands, that are absent and not left out on purpose."""
    if os.environ.get("CI", "").lower() not in {"true", "1"}:
        return []
    left_out = os.environ.get("PORTAL_TEST_WITHOUT", "").split(",")
    return [name for name in absent() if name not in left_out]


def pytest_configure(config: pytest.Config) -> None:
    if missing := missing_in_ci():
        hints = "; ".join(f"{name} ({HINTS[name]})" for name in missing)
        raise pytest.UsageError(f"CI=true demands every component, and these are absent: {hints}.")


def pytest_runtest_setup(item: pytest.Item) -> None:
    for marker, components in NEEDS.items():
        lacking = [name for name in components if name in absent()]
        if lacking and item.get_closest_marker(marker):
            pytest.skip(f"absent: {', '.join(lacking)}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    skipped = [str(report.longrepr) for report in terminalreporter.stats.get("skipped", [])]
    terminalreporter.section("components")
    for name, where in found().items():
        count = sum(f"absent: {name}" in reason or f", {name}" in reason for reason in skipped)
        words = where or f"ABSENT ({HINTS[name]}), tests skipped: {count}"
        terminalreporter.write_line(f"{name:<12}{words}")
