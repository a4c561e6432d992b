"""Reading number lists: encodings, delimiters, headers."""

import codecs
from pathlib import Path

import pytest

from trunks.exports import Export, Unreadable, read_export

EXPORTS = Path(__file__).parent / "exports"
LIST = "Friendly Name;Phone Number\nMain;+13125550100\nOther;+13125550101\n"


def numbers(export: Export) -> list[str]:
    return [row["number"] for row in export.rows]


@pytest.mark.parametrize(
    "data",
    [
        LIST.encode(),
        codecs.BOM_UTF8 + LIST.encode(),
        LIST.encode("utf-16"),
        LIST.encode("utf-16-le"),
        LIST.encode("utf-16-be"),
        LIST.replace("\n", "\r\n").encode(),
        LIST.replace("\n", "\r").encode(),
        LIST.replace(";", "\t").encode(),
        LIST.replace(";", "|").encode(),
        LIST.replace(";", ",").encode(),
        b"sep=;\r\n" + LIST.encode(),
        LIST.replace("+13125550100", '="+13125550100"').replace("+13125550101", "'+13125550101").encode(),
        LIST.replace("Main", "B\u00fcro").encode("cp1252"),
    ],
)
def test_encodings_and_delimiters(data: bytes) -> None:
    export = read_export(data)
    assert numbers(export) == ["+13125550100", "+13125550101"]
    assert export.rows[1]["label"] == "Other"
    assert export.columns == {"number": "Phone Number", "label": "Friendly Name"}


@pytest.mark.parametrize(
    ("text", "column"),
    [
        ("description,extension,cidnum,destination\nMain,3125550100,,app-daynight\\,0\\,1\n", "extension"),
        ("did_id,did_pattern,did_description,phone,phone_code\n7,3125550100,Main,8300,1\n", "did_pattern"),
        ("cid\n3125550100\n", "cid"),
        ("NPA,CID,DESCRIPTION,ACTIVE\n813,3125550100,Florida,Y\n", "CID"),
        ("TN,A2pSettings,A2pSettings\nTN,CampaignId,Action\n3125550100,CABCDEF,asSpecified\n", "TN"),
        ("when,what\n20260301,(312) 555-0100\n", "what"),
    ],
)
def test_the_column_of_numbers_is_found(text: str, column: str) -> None:
    export = read_export(text.encode())
    assert (export.columns["number"], [row["number"].strip("() -") for row in export.rows][0][-4:]) == (column, "0100")
    assert len(export.rows) == 1


def test_a_file_without_a_header() -> None:
    export = read_export(b"813,3125550100,Florida,Y\n814,3125550101,Ohio,Y\n")
    assert (numbers(export), export.header) == (["3125550100", "3125550101"], ())


def test_rows_are_counted_as_a_spreadsheet_does() -> None:
    export = read_export(b'number,label\n\n3125550100,"two\nlines"\n3125550101,x\n')
    assert [row.line for row in export.rows] == [3, 4]


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "The file is empty."),
        (b"\n\n", "The file is empty."),
        (b"PK\x03\x04rest", "This is a workbook, not a CSV file; save the sheet as CSV and try again."),
        (b"name,city\nMain,Chicago\n", "No column of this file holds telephone numbers."),
        (b"number\n" + b'"' + b"1" * 200_000, "This is not a CSV file."),
        (b"number\n" + b"1\n" * 200_001, "The file has more than 200,000 rows; split it."),
    ],
)
def test_what_is_no_list_is_refused(data: bytes, why: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_export(data)
    assert str(refused.value) == why


def test_carriers_files() -> None:
    telnyx = read_export((EXPORTS / "telnyx.csv").read_bytes())
    assert len(telnyx.rows) == 200
    assert telnyx.columns == {
        "number": "phone_number", "label": "customer_reference", "trunk": "connection_name", "tags": "tags",
        "carrier_ref": "id", "status": "status",
    }  # fmt: skip
    twilio = read_export((EXPORTS / "twilio.csv").read_bytes())
    assert len(twilio.rows) == 200
    assert twilio.columns == {
        "number": "phone_number", "label": "friendly_name", "capabilities": "capabilities", "carrier_ref": "sid",
        "status": "status",
    }  # fmt: skip


def test_a_title_above_the_table_is_no_header() -> None:
    read = read_export(b"Our numbers\nmain,+13125550100\nsales,+13125550101\n")
    assert [row["number"] for row in read.rows] == ["+13125550100", "+13125550101"]
    assert read.columns == {"number": ""}
