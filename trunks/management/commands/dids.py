"""`dids import FILE --org SLUG [--account NAME] [--trunk NAME] [--dry-run]`."""

from pathlib import Path
from typing import Any, TypeVar

from django.core.management.base import CommandError, CommandParser
from django.db.models import QuerySet

from trunks import exports, imports
from trunks.management.words import SubcommandCommand
from trunks.models import CarrierAccount, Trunk

Named = TypeVar("Named", CarrierAccount, Trunk)


class Command(SubcommandCommand):
    help = "Import DIDs from any carrier's or dialer's export with a number column."

    def add_arguments(self, parser: CommandParser) -> None:
        command = self.subcommand(parser, "import", self.help)
        command.add_argument("file", type=Path)
        command.add_argument("--account", metavar="NAME", help="the carrier account that texts for them")
        command.add_argument("--trunk", metavar="NAME", help="the trunk of the DIDs that name none")
        command.add_argument("--dry-run", action="store_true", help="say what would happen and write nothing")

    def handle_import(self, *, file: Path, org: str, dry_run: bool, **options: Any) -> None:
        organization = self.organization(org)
        account = self._named(CarrierAccount.objects.filter(organization=organization), options["account"])
        trunk = self._named(Trunk.objects.filter(organization=organization), options["trunk"])
        try:
            export = exports.read_export(file.read_bytes())
            plan = imports.plan_import(export, organization=organization, account=account, trunk=trunk)
            if not dry_run:
                imports.apply_import(plan, by=None, source=file.name)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}.") from None
        except (exports.Unreadable, imports.Stale) as error:
            raise CommandError(str(error)) from None
        self._say(plan, dry_run)

    def _named(self, rows: QuerySet[Named], name: str | None) -> Named | None:
        if name is None:
            return None
        found = rows.filter(name__iexact=name).first()
        if found is None:
            kind = rows.model._meta.verbose_name
            raise CommandError(f"The organization has no {kind} '{name}'.")
        return found

    def _say(self, plan: imports.Plan, dry_run: bool) -> None:
        for change in plan.changed:
            words = "; ".join(
                f"{what}: {before or '-'} -> {after or '-'}" for what, (before, after) in change.changes.items()
            )
            self.stdout.write(f"row {change.line}: {change.number} changed, {words}")
        for refusal in plan.refused:
            self.stdout.write(f"row {refusal.line}: {refusal.text or '(empty)'} refused. {refusal.reason}")
        for name in plan.new_trunks:
            self.stdout.write(f"new trunk: {name}")
        counts = {
            "new": len(plan.new),
            "changed": len(plan.changed),
            "unchanged": plan.unchanged,
            "refused": len(plan.refused),
            "not in the file": len(plan.missing),
        }
        tail = " (dry run, nothing written)" if dry_run else ""
        self.stdout.write(", ".join(f"{count} {what}" for what, count in counts.items()) + tail)
