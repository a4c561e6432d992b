"""Organizations, from the operator's shell."""

import sys
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand
from django.core.validators import validate_email
from django.urls import reverse
from django.utils.text import slugify

from portal import people


class Command(BaseCommand):
    help = "Adds an organization and prints the one-time link with which its owner comes in."

    def add_arguments(self, parser: ArgumentParser) -> None:
        add = parser.add_subparsers(dest="act", required=True).add_parser("add", help="add an organization")
        add.add_argument("name")
        add.add_argument("--owner", required=True, metavar="EMAIL", help="who comes in first")
        add.add_argument("--slug", help="its short name in addresses; made of the name when left out")

    def handle(self, *, name: str, owner: str, slug: str | None, **options: Any) -> None:
        try:
            validate_email(owner)
            token = people.add_organization(name=name.strip(), slug=slug or slugify(name)[:40], owner=owner)
        except ValidationError as error:
            self.stderr.write(_sentence(error))
            sys.exit(1)
        self.stdout.write(settings.PORTAL_PUBLIC_URL + reverse("invitation", args=[token]))


def _sentence(error: ValidationError) -> str:
    if not hasattr(error, "error_dict"):
        return " ".join(error.messages)
    return " ".join(f"{field}: {' '.join(words)}" for field, words in error.message_dict.items())
