"""What the commands share: the organization they work on, and how they fail."""

import argparse
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal.models import Organization


class SubcommandCommand(BaseCommand):
    """A command of several words, like `carrier add`. It exits 1 with one sentence, or 2 for wrong usage."""

    def subcommand(self, parser: CommandParser, name: str, help_text: str) -> argparse.ArgumentParser:
        if not hasattr(self, "_subcommands"):
            self._subcommands = parser.add_subparsers(
                dest="subcommand", required=True, parser_class=argparse.ArgumentParser
            )
        sub: argparse.ArgumentParser = self._subcommands.add_parser(name, help=help_text, description=help_text)
        sub.add_argument("--org", required=True, metavar="SLUG", help="the organization's short name")
        return sub

    def organization(self, slug: str) -> Organization:
        organization = Organization.objects.filter(slug=slug).first()
        if organization is None:
            raise CommandError(f"There is no organization '{slug}'.")
        return organization

    def usage(self, sentence: str) -> CommandError:
        return CommandError(sentence, returncode=2)

    def handle(self, *args: Any, **options: Any) -> None:
        getattr(self, f"handle_{options['subcommand']}")(**options)
