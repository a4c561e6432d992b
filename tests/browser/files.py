"""What people have on their disks: a carrier's list of numbers, pictures."""

import csv
import io
from collections.abc import Callable
from pathlib import Path

from PIL import Image, ImageDraw

HEADER = (
    "id", "phone_number", "phone_number_type", "status", "tags", "connection_id", "connection_name",
    "customer_reference", "messaging_profile_id", "country_iso_alpha2", "purchased_at",
)  # fmt: skip
ROUNDED = "A spreadsheet has rounded this number; format the column as text and export again."
# {place in the list: (what stands there instead of a number, status, why it is refused)}
BAD = {
    7: ("", "active", "The row has no number."),
    31: ("4.04556E+09", "active", ROUNDED),
    58: ("+1 404 555", "active", "This number is too short."),
    73: ("+442079460958", "active", "This number belongs to another country (GB)."),
    112: ("main office", "active", "This is not a telephone number."),
    141: ("+16025550142", "deleted", "The carrier lists this number as deleted."),
    187: ("+14045550103", "active", "The same number stands in row 5 already."),
}


def campaign(at: int) -> str:
    return f"Campaign {at // 50 + 1}"


def telnyx_export(path: Path, label: Callable[[int], str] = campaign) -> Path:
    """200 numbers of the demo's areas as Telnyx writes them, with the BAD rows among them.

    `label`: what the call center calls the number at that place of the list.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for at in range(200):
        number, status, _ = BAD.get(at, (f"+1{('404', '602')[at // 100]}55501{at % 100:02}", "active", ""))
        tags = "['outbound', 'q3']" if at % 2 else ""
        writer.writerow([
            1293028400000000000 + at, number, "local", status, tags, 1234567890, "SIP West", label(at),
            "", "US", "2026-03-01T10:00:00Z",
        ])  # fmt: skip
    path.write_text(text.getvalue())
    return path


def picture(path: Path, *, colour: str = "#a9c4d4", size: tuple[int, int] = (640, 480)) -> Path:
    """A photograph's stand-in: a house with a dark patch on its roof, under a sky of that colour."""
    image = Image.new("RGB", size, colour)
    pen = ImageDraw.Draw(image)
    w, h = size

    def at(*points: float) -> list[tuple[float, float]]:
        return [(x * w, y * h) for x, y in zip(points[::2], points[1::2], strict=True)]

    pen.rectangle(at(0, 0.82, 1, 1), fill="#6f8f5f")
    pen.rectangle(at(0.2, 0.48, 0.8, 0.86), fill="#e6ddcc")
    pen.rectangle(at(0.64, 0.16, 0.71, 0.36), fill="#8a5a44")
    pen.polygon(at(0.13, 0.5, 0.5, 0.14, 0.87, 0.5), fill="#7a4b3a")
    pen.polygon(at(0.36, 0.42, 0.44, 0.3, 0.52, 0.36, 0.49, 0.45), fill="#3b2a26")
    for left in (0.27, 0.6):
        pen.rectangle(at(left, 0.56, left + 0.12, 0.7), fill="#4d6473")
    pen.rectangle(at(0.45, 0.6, 0.55, 0.86), fill="#54606a")
    image.save(path)
    return path
