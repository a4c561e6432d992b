"""Where this `up` listens: told to its own settings, and kept in `running.env` for commands that run beside it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings

FILE = "running.env"  # read by `portal.configuration`; what the environment or .env says comes first


def chosen_by_operator(name: str) -> str:
    """The setting as the environment or .env gives it, or ''. What a killed `up` left in the file does not count."""
    value = os.environ.get(name, "")
    return "" if f"{name}={value}" in _left_over() else value


@contextmanager
def known(*, portal: str, sandbox: str) -> Iterator[None]:
    """Settle the addresses for this process, and for commands beside it until the end of the block."""
    settings.PORTAL_PUBLIC_URL = chosen_by_operator("PORTAL_PUBLIC_URL").rstrip("/") or portal
    settings.PORTAL_SANDBOX_URL = sandbox
    # The one exception to "public addresses only" that no operator has to make: our own child.
    settings.PORTAL_PRIVATE_HOSTS = frozenset({*settings.PORTAL_PRIVATE_HOSTS, urlsplit(sandbox).netloc})
    path = _path()
    path.write_text(
        f"PORTAL_PUBLIC_URL={settings.PORTAL_PUBLIC_URL}\n"
        f"PORTAL_SANDBOX_URL={sandbox}\n"
        f"PORTAL_PRIVATE_HOSTS={','.join(sorted(settings.PORTAL_PRIVATE_HOSTS))}\n"
    )
    try:
        yield
    finally:
        path.unlink(missing_ok=True)


def _path() -> Path:
    return Path(settings.DATA_DIR) / FILE


def _left_over() -> list[str]:
    path = _path()
    return path.read_text().splitlines() if path.exists() else []
