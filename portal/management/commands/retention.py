"""`retention [--org SLUG] [--dry-run]`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from compliance.retention import policy_of
from messaging import retention
from portal.models import Organization
from portal.views.retention import in_words


class Command(BaseCommand):
    help = "Deletes what the retention rules no longer keep, now and to the end; with --dry-run says what would go."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--org", metavar="SLUG", help="one organization; all when left out")
        parser.add_argument("--dry-run", action="store_true", help="delete nothing")

    def handle(self, *, org: str | None, dry_run: bool, **options: Any) -> None:
        found = Organization.objects.filter(slug=org) if org else Organization.objects.order_by("slug")
        if org and not found:
            raise CommandError(f"There is no organization {org!r}.")
        for organization in found:
            self.stdout.write(f"{organization.slug}: {(_would if dry_run else _run)(organization)}")


def _would(organization: Organization) -> str:
    plan = retention.plan(organization.pk, policy_of(organization), limit=None)
    return f"would delete: {in_words({kind: amount.count for kind, amount in plan.items()})}"


def _run(organization: Organization) -> str:
    while retention.work(organization.pk, seconds=60):
        pass
    run = retention.newest(organization.pk, 1)[0]
    return f"deleted: {in_words(run.deleted)}" if run.finished_at else "another worker is at it."
