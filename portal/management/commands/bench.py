"""`bench [NAME …] [--size N]`, `bench optout [FILE]`."""

import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.benches import BENCHES, optout
from portal.benches.scratch import NoScratch, environment

NAMES = (*BENCHES, optout.NAME)


class Command(BaseCommand):
    help = "Measures speed on scratch data, a JSON line a figure. Uses the servers of DATABASE_URL and REDIS_URL."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        known = ", ".join(NAMES)
        parser.add_argument("name", nargs="*", metavar="NAME", help=f"of {known}; all by default. optout takes a FILE")
        parser.add_argument("--size", type=int, help="how many texts, webhooks or messages, instead of the bench's own")

    def handle(self, *, name: list[str], size: int | None, **options: Any) -> None:
        if name[:1] == [optout.NAME]:
            return self._tell_opt_outs(name[1:], size)
        unknown = [one for one in name if one not in NAMES]
        if unknown:
            raise CommandError(f"There is no bench '{unknown[0]}'. Known: {', '.join(NAMES)}.", returncode=2)
        if size is not None and size < 1:
            raise CommandError("--size takes a number above 0.", returncode=2)
        before = signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(1))  # and leave nothing behind
        try:
            failed = [one for one in name or NAMES if not self._run(one, size)]
        finally:
            signal.signal(signal.SIGTERM, before)
        if failed:
            raise CommandError(f"Not measured: {', '.join(failed)}.")
        return None

    def _tell_opt_outs(self, files: list[str], size: int | None) -> None:
        if len(files) > 1 or size is not None:
            raise CommandError("bench optout takes one FILE of labelled phrases and nothing else.", returncode=2)
        try:
            self.stdout.write(optout.line(*map(Path, files)))
        except optout.BadPhrases as error:
            raise CommandError(str(error)) from None

    def _run(self, name: str, size: int | None) -> bool:
        if name == optout.NAME:
            self._tell_opt_outs([], None)
            return True
        words = [name] if size is None else [name, str(size)]
        try:
            with environment() as environ:
                command = [sys.executable, "-m", "portal.benches", *words]
                with subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
                    self._pass_on(process)
                return process.returncode == 0
        except NoScratch as error:
            raise CommandError(str(error)) from None

    def _pass_on(self, process: "subprocess.Popen[str]") -> None:
        """Its lines, as they come. Asked to stop, it goes first, and its programs with it."""
        assert process.stdout is not None
        try:
            for line in process.stdout:
                self.stdout.write(line, ending="")
                self.stdout.flush()
        finally:
            if sys.exc_info()[0] is not None:
                process.terminate()
