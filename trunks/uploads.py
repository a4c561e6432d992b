"""Number lists between dry run and import: kept for two days, so that nothing must be chosen twice."""

import json
import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.utils import timezone

from portal.models import Organization
from trunks.exports import Export, read_export
from trunks.models import CarrierAccount, Trunk

KEEP = timedelta(days=2)


@dataclass(frozen=True, slots=True)
class Upload:
    """A kept file and what was chosen with it."""

    id: uuid.UUID
    name: str
    export: Export
    account: CarrierAccount | None
    trunk: Trunk | None


def _folder(organization: Organization) -> str:
    return f"imports/{organization.pk}"


def keep(
    organization: Organization, *, name: str, data: bytes, account: CarrierAccount | None, trunk: Trunk | None
) -> uuid.UUID:
    """Keep a readable file. Raises exports.Unreadable."""
    read_export(data)
    _forget_old(organization)
    upload = uuid.uuid4()
    chosen = {"name": name[:100], "account": str(account.pk) if account else None, "trunk": trunk.pk if trunk else None}
    default_storage.save(f"{_folder(organization)}/{upload}.csv", ContentFile(data))
    default_storage.save(f"{_folder(organization)}/{upload}.json", ContentFile(json.dumps(chosen).encode()))
    return upload


def find(organization: Organization, upload: uuid.UUID) -> Upload | None:
    """None when the organization has no such upload (any more)."""
    try:
        chosen = json.loads(_read(f"{_folder(organization)}/{upload}.json"))
        export = read_export(_read(f"{_folder(organization)}/{upload}.csv"))
    except FileNotFoundError:
        return None
    accounts = CarrierAccount.objects.filter(organization=organization, pk=chosen["account"])
    trunks = Trunk.objects.filter(organization=organization, pk=chosen["trunk"]).select_related("account")
    return Upload(upload, chosen["name"], export, accounts.first(), trunks.first())


def _read(path: str) -> bytes:
    with default_storage.open(path) as file:
        data: bytes = file.read()
    return data


def _forget_old(organization: Organization) -> None:
    folder = _folder(organization)
    try:
        _, names = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    for path in (f"{folder}/{name}" for name in names):
        if default_storage.get_modified_time(path) < timezone.now() - KEEP:
            default_storage.delete(path)
