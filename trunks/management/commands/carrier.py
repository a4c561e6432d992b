"""`carrier add KIND --org SLUG [--name NAME] --set key=value … [--no-check]`."""

from typing import Any

from django.core.management.base import CommandError, CommandParser

from trunks import accounts, carriers
from trunks.management.words import SubcommandCommand


class Command(SubcommandCommand):
    help = "Connect a carrier account and print its webhook address."

    def add_arguments(self, parser: CommandParser) -> None:
        add = self.subcommand(parser, "add", self.help)
        add.add_argument("kind", choices=carriers.KINDS)
        add.add_argument("--name", default="", help="what people call the account; the carrier's name by default")
        add.add_argument(
            "--set", action="append", default=[], metavar="KEY=VALUE", help="a setting of the carrier, or base_url"
        )
        add.add_argument("--no-check", action="store_true", help="keep the credentials without trying them")

    def handle_add(self, *, kind: str, org: str, name: str, no_check: bool, **options: Any) -> None:
        values = dict(self._pair(word) for word in options["set"])
        base_url = values.pop("base_url", "")
        try:
            account = accounts.connect_account(
                organization=self.organization(org),
                kind=kind,
                name=name,
                values=values,
                base_url=base_url,
                by=None,
                check=not no_check,
            )
        except accounts.AccountRefused as error:
            raise CommandError(str(error)) from None
        self.stdout.write(accounts.webhook_url(account))

    def _pair(self, word: str) -> tuple[str, str]:
        key, sign, value = word.partition("=")
        if not sign or not key:
            raise self.usage(f"--set takes key=value, and this is '{key}'.")
        return key, value
