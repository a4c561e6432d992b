"""`doctor [--json]`."""

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from portal import doctor
from portal.doctor import Finding, Level


class Command(BaseCommand):
    help = "Says what is configured, reachable, stuck or stale. Exit status 1 when there is a problem."
    requires_system_checks = []
    requires_migrations_checks = False

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="a JSON list of findings")

    def handle(self, *, json: bool, **options: Any) -> None:
        findings = doctor.examine()
        self.stdout.write(_as_json(findings) if json else "\n".join(map(_as_text, findings)))
        count = sum(finding.level == Level.PROBLEM for finding in findings)
        if count:
            raise CommandError(f"{count} {'problem' if count == 1 else 'problems'} found.")


def _as_json(findings: list[Finding]) -> str:
    return json.dumps([finding.as_dict() for finding in findings], indent=2)


def _as_text(finding: Finding) -> str:
    line = f"{finding.level:<8} {finding.subject}: {finding.sentence}"
    return f"{line}\n         {finding.help}" if finding.help else line
