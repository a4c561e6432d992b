"""One bench, inside its scratch environment: `python -m portal.benches NAME [SIZE]`. A JSON line a figure."""

import logging
import os
import resource
import sys
from importlib import import_module
from pathlib import Path

import django

from portal.benches import BENCHES


def main() -> None:
    name = sys.argv[1]
    size = int(sys.argv[2]) if len(sys.argv) > 2 else None
    _allow_many_sockets()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
    django.setup()
    from django.core.management import call_command

    _log_to_a_file()
    call_command("migrate", verbosity=0, interactive=False)
    for result in import_module(BENCHES[name]).run(size):
        sys.stdout.write(result.line() + "\n")
        sys.stdout.flush()


def _log_to_a_file() -> None:
    """As a server would, at its cost but out of the way. Also where collected static files are looked for."""
    from django.conf import settings

    Path(settings.STATIC_ROOT).mkdir(exist_ok=True)
    log = (Path(settings.DATA_DIR) / "bench.log").open("a")
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler):
            handler.setStream(log)


def _allow_many_sockets() -> None:
    """A thousand streams are a thousand sockets on each side; children inherit the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8_192 if hard == resource.RLIM_INFINITY else min(8_192, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


if __name__ == "__main__":
    main()
