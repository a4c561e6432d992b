"""Reads the number list of any carrier or dialer: whatever is a table with a column of telephone numbers.

Carriers rename, reorder and omit columns (Twilio's documentation says not to rely on their order, Telnyx publishes no
headers at all), so a column is known by its header, else by what stands in it.
"""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO

from portal.phone import NotANumber, to_e164

MAX_BYTES = 64_000_000
MAX_ROWS = 200_000
SAMPLE_ROWS = 50
DELIMITERS = ",;\t|"

# Header -> field, best first. Sources: Twilio IncomingPhoneNumbers, Telnyx phone number records, Bandwidth's TN files,
# VICIdial's vicidial_inbound_dids and caller-ID uploads, FreePBX's bulk handler.
HEADERS: dict[str, tuple[str, ...]] = {
    "number": (
        "phone_number", "did", "did_number", "did_pattern", "tn", "telephone_number", "full_number", "e164", "msisdn",
        "caller_id", "callerid", "cid", "outbound_cid", "number", "extension", "telephone", "phone",
    ),
    "label": (
        "label", "friendly_name", "did_description", "description", "customer_reference", "name", "alias", "notes",
    ),
    "trunk": ("trunk", "trunk_name", "sip_trunk", "connection_name", "trunk_group"),
    "team": ("team", "team_name"),
    "agent": ("agent", "agent_email", "assigned_to"),
    "tags": ("tags", "tag", "labels"),
    "capabilities": ("capabilities", "features"),
    "carrier_ref": ("sid", "id", "number_id"),
    "status": ("status",),
}  # fmt: skip


class Unreadable(ValueError):
    """The file is no table with numbers. Its words are a sentence for a person."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the file. `line` counts from 1 as a spreadsheet does; `cells` holds what was recognized."""

    line: int
    cells: dict[str, str]
    raw: tuple[str, ...] = field(repr=False)

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")


@dataclass(frozen=True, slots=True)
class Export:
    """A read file: `header` is empty when it had none; `columns` says which header was taken for which field."""

    rows: list[Row]
    header: tuple[str, ...]
    columns: dict[str, str]


def read_export(source: bytes | BinaryIO) -> Export:
    """The rows of a CSV in any usual encoding and with any usual delimiter. Raises Unreadable."""
    data = source if isinstance(source, bytes) else source.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise Unreadable(f"The file is larger than {MAX_BYTES // 1_000_000} MB.")
    table = _table(_text(data))
    if not table:
        raise Unreadable("The file is empty.")
    return _recognize(table)


def _text(data: bytes) -> str:
    if data[:4] == b"PK\x03\x04" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise Unreadable("This is a workbook, not a CSV file; save the sheet as CSV and try again.")
    for encoding in _encodings(data):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return data.decode("latin-1")


def _encodings(data: bytes) -> tuple[str, ...]:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return ("utf-16",)
    head = data[:200]
    if head[1::2].count(0) > len(head) // 4:  # digits and commas in UTF-16 without a mark
        return ("utf-16-le",)
    if head[::2].count(0) > len(head) // 4:
        return ("utf-16-be",)
    return ("utf-8-sig", "cp1252")


def _table(text: str) -> list[tuple[int, tuple[str, ...]]]:
    """(line, cells) of every row that holds anything."""
    first, _, rest = text.partition("\n")
    shift = 0
    delimiter = _delimiter(text)
    if match := re.fullmatch(r"sep=(.)\s*", first.strip('"\r\ufeff')):  # Excel's own way of naming the delimiter
        text, delimiter, shift = rest, match[1], 1
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    return list(_filled(reader, shift))


def _filled(reader: Iterator[list[str]], shift: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    try:
        for place, cells in enumerate(reader, 1 + shift):
            if place > MAX_ROWS:
                raise Unreadable(f"The file has more than {MAX_ROWS:,} rows; split it.")
            cleaned = tuple(map(_clean, cells))
            if any(cleaned):
                yield place, cleaned
    except csv.Error:
        raise Unreadable("This is not a CSV file.") from None


def _clean(cell: str) -> str:
    """Without the tricks that keep spreadsheets from rounding numbers: ="…" and a leading apostrophe."""
    cell = cell.strip().replace("\x00", "")
    if cell.startswith('="') and cell.endswith('"'):
        cell = cell[2:-1]
    return cell.removeprefix("'")


def _delimiter(text: str) -> str:
    """The one that splits the first rows into the most columns, nearly all of them into the same count."""
    sample = text[:20_000].splitlines()[:20]
    best, columns = ",", 1
    for delimiter in DELIMITERS:
        widths = Counter(len(row) for row in csv.reader(sample, delimiter=delimiter) if row)
        if not widths:
            continue
        width, times = widths.most_common(1)[0]
        if width > columns and times * 2 >= widths.total():
            best, columns = delimiter, width
    return best


def _recognize(table: list[tuple[int, tuple[str, ...]]]) -> Export:
    names = [_plain(cell) for cell in table[0][1]]
    places = {name: place for name in HEADERS if (place := _column(names, name)) is not None}
    header, rows = table[0][1], table[1:]
    if "number" not in places and any(map(_looks_like_a_number, header)):
        header, rows, places = (), table, {}
    if "number" not in places:
        places["number"] = _column_of_numbers(rows)
    columns = {name: header[place] if place < len(header) else "" for name, place in places.items()}
    # Bandwidth's bulk files have two header rows, the second of which begins with the same word.
    again = _plain(columns["number"])
    found = (_row(line, cells, places) for line, cells in rows)
    return Export([row for row in found if not again or _plain(row["number"]) != again], header, columns)


def _plain(cell: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", cell.casefold()).strip("_")


def _column(names: list[str], name: str) -> int | None:
    return next((names.index(header) for header in HEADERS[name] if header in names), None)


def _column_of_numbers(rows: list[tuple[int, tuple[str, ...]]]) -> int:
    """Where most of the first rows hold a number, or at least something of its shape."""
    for judge in (_is_number, _looks_like_a_number):
        cells = ((place, cell) for _, row in rows[:SAMPLE_ROWS] for place, cell in enumerate(row))
        if hits := Counter(place for place, cell in cells if judge(cell)).most_common(1):
            return hits[0][0]
    raise Unreadable("No column of this file holds telephone numbers.")


def _is_number(cell: str) -> bool:
    try:
        return bool(to_e164(cell))
    except NotANumber:
        return False


def _looks_like_a_number(cell: str) -> bool:
    return bool(re.fullmatch(r"\+?[\d\s().\-]{10,20}", cell)) and 10 <= len(re.findall(r"\d", cell)) <= 15


def _row(line: int, cells: tuple[str, ...], places: dict[str, int]) -> Row:
    return Row(line, {name: cells[place] for name, place in places.items() if place < len(cells)}, cells)
