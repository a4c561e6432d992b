"""Importing in two steps."""

import csv
import io
import os
import re
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.messages import get_messages
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from portal.models import AuditEvent
from tests.people import House, sign_in
from tests.trunks.makers import make_account, make_did, make_trunk
from trunks import exports, uploads
from trunks.models import Did

EXPORTS = Path(__file__).parents[1] / "exports"


@pytest.fixture(autouse=True)
def media(settings: Any, tmp_path: Path) -> Path:
    """A folder of this test's own."""
    settings.STORAGES = {
        **settings.STORAGES,
        "default": {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {"location": str(tmp_path)},
        },
    }
    return tmp_path


def upload(client: Client, data: bytes, **fields: Any) -> Any:
    return client.post("/north/dids/import/", {"file": SimpleUploadedFile("list.csv", data), **fields})


def digest(page: Any) -> str:
    found = re.search(r'name="digest" value="(\w+)"', page.content.decode())
    assert found is not None
    return found[1]


def test_a_file_is_looked_at_and_then_imported(house: House) -> None:
    account = make_account(house.organization)
    client = sign_in(house.dialer_admin)
    address = upload(client, (EXPORTS / "telnyx.csv").read_bytes(), account=account.pk)["Location"]
    page = client.get(address)
    text = page.content.decode()
    assert Did.objects.count() == 0
    assert "Import 192 DIDs" in text
    assert "The carrier lists this number as deleted." in text
    assert "New trunks: SIP Chicago, SIP West." in text
    done = client.post(address, {"digest": digest(page)})
    assert done["Location"] == "/north/dids/"
    assert [str(message) for message in get_messages(done.wsgi_request)] == [
        "Imported: 192 new, 0 changed. 8 rows were refused."
    ]
    assert Did.objects.filter(account=account).count() == 192
    event = AuditEvent.objects.get(action="trunks.dids.imported")
    assert (event.by, event.subject, event.data["refused"]) == (house.dialer_admin.user, "list.csv", 8)
    assert "nothing to import" in client.get(address).content.decode()


def test_refused_rows_can_be_mended_and_imported_again(house: House) -> None:
    client = sign_in(house.dialer_admin)
    address = upload(
        client, b"number,label\n3125550100,ok\n12,=HYPERLINK()\n3125550100,twice\n13,-2+3+cmd|' /C calc'!A0\n+14,x"
    )["Location"]
    answer = client.get(address + "refused.csv")
    assert answer["Content-Disposition"] == 'attachment; filename="refused.csv"'
    rows = list(csv.reader(io.StringIO(answer.content.decode())))
    assert rows == [
        ["number", "label", "row", "refused because"],
        ["12", "'=HYPERLINK()", "3", "This number is too short."],
        ["3125550100", "twice", "4", "The same number stands in row 2 already."],
        ["13", "'-2+3+cmd|' /C calc'!A0", "5", "This number is too short."],
        ["+14", "x", "6", "This is not a telephone number."],
    ]
    again = upload(client, answer.content.replace(b"12,", b"3125550101,"))
    assert "Import 2 DIDs" in client.get(again["Location"]).content.decode()


def test_what_was_looked_at_is_what_is_imported(house: House) -> None:
    client = sign_in(house.dialer_admin)
    address = upload(client, b"number,label\n3125550100,New\n3125550101,New\n")["Location"]
    seen = digest(client.get(address))
    make_did(house.organization, "+13125550101", label="Meanwhile")
    answer = client.post(address, {"digest": seen})
    assert answer["Location"] == address
    assert Did.objects.count() == 1
    assert "Import 2 DIDs" in client.get(address).content.decode()
    assert client.post(address)["Location"] == address


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"PK\x03\x04", "This is a workbook, not a CSV file"),
        (b"name\nx\n", "No column of this file holds telephone numbers."),
    ],
)
def test_an_unreadable_file_keeps_the_other_choices(house: House, media: Path, data: bytes, why: str) -> None:
    trunk = make_trunk(house.organization)
    page = upload(sign_in(house.dialer_admin), data, trunk=trunk.pk)
    text = page.content.decode()
    assert why in text
    assert f'<option value="{trunk.pk}" selected>' in text
    assert list(media.rglob("*.csv")) == []


def test_foreign_choices_are_no_choices(house: House, other_house: House) -> None:
    page = upload(sign_in(house.dialer_admin), b"number\n3125550100\n", trunk=make_trunk(other_house.organization).pk)
    assert "Select a valid choice" in page.content.decode()


def test_an_upload_is_found_in_its_own_organization_only(house: House, other_house: House) -> None:
    kept = uploads.keep(
        other_house.organization, name="x", data=b"number\n3125550100\n", account=None, trunk=None
    )  # fmt: skip
    assert sign_in(house.dialer_admin).get(f"/north/dids/import/{kept}/").status_code == 404
    assert sign_in(house.dialer_admin).get(f"/north/dids/import/{uuid.uuid4()}/").status_code == 404


def test_old_uploads_are_forgotten(house: House, media: Path) -> None:
    def keep() -> uuid.UUID:
        return uploads.keep(house.organization, name="x", data=b"number\n3125550100\n", account=None, trunk=None)

    old, young = keep(), keep()
    past = (timezone.now() - timedelta(days=3)).timestamp()
    for path in media.rglob(f"{old}.*"):
        os.utime(path, (past, past))
    keep()
    assert uploads.find(house.organization, old) is None
    assert uploads.find(house.organization, young) is not None


def test_a_file_that_is_too_large_is_refused(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exports, "MAX_BYTES", 1_000_000)
    page = upload(sign_in(house.dialer_admin), b"number\n" + b"3125550100\n" * 100_000)
    assert "larger than 1 MB" in page.content.decode()
