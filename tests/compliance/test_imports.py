"""Opt-outs from a file: looked at, then recorded; never lifted."""

from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from compliance import optout
from compliance.models import OptOut, Suppression
from portal.models import AuditEvent
from tests.people import House, sign_in

pytestmark = pytest.mark.django_db
LIST = "phone,notes\n(212) 555-0142,Asked by letter\n212-555-0143,\n555,\n+1 212 555 0142,again\n"


@pytest.fixture
def browser(house: House, tmp_path: Any, settings: Any) -> Client:
    settings.MEDIA_ROOT = tmp_path
    return sign_in(house.compliance_admin)


def look(browser: Client, content: str = LIST) -> tuple[str, str]:
    """The address and the page of the dry run."""
    file = SimpleUploadedFile("dnc.csv", content.encode())
    answer = browser.post("/north/opt-outs/import/", {"file": file})
    assert answer.status_code == 302, answer.content.decode()
    address = answer.headers["Location"]
    return address, browser.get(address).content.decode()


def digest_of(page: str) -> str:
    return page.split('name="digest" value="')[1].split('"')[0]


def test_a_dry_run_says_what_would_happen_and_writes_nothing(house: House, browser: Client) -> None:
    optout.record_opt_out(organization=house.organization, number="+12125550143", source=OptOut.Source.TEXT)
    _, page = look(browser)
    for words in ("(212) 555-0142", "Asked by letter", "This number is too short.", "Import 1 opt-out"):
        assert words in page
    assert Suppression.objects.count() == 1


def test_the_import_records_opt_outs_like_any_other(house: House, browser: Client) -> None:
    address, page = look(browser)
    assert browser.post(address, {"digest": digest_of(page)}).headers["Location"] == "/north/opt-outs/"
    lines = OptOut.objects.order_by("number").values_list("number", "kind", "source", "by", "why")
    assert list(lines) == [
        (
            "+12125550142",
            "opted_out",
            "import",
            house.compliance_admin.user_id,
            "Imported from dnc.csv. Asked by letter",
        ),
        ("+12125550143", "opted_out", "import", house.compliance_admin.user_id, "Imported from dnc.csv."),
    ]
    event = AuditEvent.objects.get(action="compliance.opt_outs.imported")
    assert (event.subject, event.data) == ("dnc.csv", {"new": 2, "unchanged": 0, "refused": 1})


def test_what_has_changed_since_the_dry_run_is_looked_at_again(house: House, browser: Client) -> None:
    address, page = look(browser)
    optout.record_opt_out(organization=house.organization, number="+12125550143", source=OptOut.Source.TEXT)
    assert browser.post(address, {"digest": digest_of(page)}).headers["Location"] == address
    assert OptOut.objects.count() == 1


def test_a_file_of_opt_ins_lifts_nothing(house: House, browser: Client) -> None:
    optout.record_opt_out(organization=house.organization, number="+12125550142", source=OptOut.Source.TEXT)
    _, page = look(browser, "phone,status\n2125550142,opted in\n")
    assert "every usable number has opted out already" in page
    assert Suppression.objects.count() == 1


@pytest.mark.parametrize(("content", "sentence"), [("", "empty"), ("name\nA\nB\n", "number")])
def test_a_file_without_numbers_is_told_so(browser: Client, content: str, sentence: str) -> None:
    answer = browser.post("/north/opt-outs/import/", {"file": SimpleUploadedFile("a.csv", content.encode())})
    assert (answer.status_code, sentence in answer.content.decode()) == (422, True)


def test_the_upload_of_another_house_is_not_there(browser: Client, other_house: House) -> None:
    address, _ = look(browser)
    foreign = sign_in(other_house.owner).get(address.replace("/north/", "/south/"))
    assert foreign.status_code == 404
