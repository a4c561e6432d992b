"""What people have on their disks: a carrier's list of numbers, pictures."""

import csv
import io
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


def telnyx_export(path: Path) -> Path:
    """200 numbers of the demo's areas as Telnyx writes them, with the BAD rows among them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(HEADER)
    for at in range(200):
        number, status, _ = BAD.get(at, (f"+1{('404', '602')[at // 100]}55501{at % 100:02}", "active", ""))
        tags = "['outbound', 'q3']" if at % 2 else ""
        writer.writerow([
            1293028400000000000 + at, number, "local", status, tags, 1234567890, "SIP West", f"Campaign {at // 50 + 1}",
            "", "US", "2026-03-01T10:00:00Z",
        ])  # fmt: skip
    path.write_text(text.getvalue())
    return path


def picture(path: Path, *, colour: str = "#2f6f8f", size: tuple[int, int] = (640, 480)) -> Path:
    """A photograph's stand-in: large enough to be worth looking at, and no two of a colour alike."""
    image = Image.new("RGB", size, colour)
    pen = ImageDraw.Draw(image)
    width, height = size
    pen.ellipse((width * 0.62, height * 0.12, width * 0.8, height * 0.36), fill="#f2d38b")
    pen.polygon([(0, height), (width * 0.4, height * 0.35), (width * 0.8, height)], fill="#24424f")
    pen.polygon([(width * 0.3, height), (width * 0.7, height * 0.5), (width, height)], fill="#1a313b")
    image.save(path)
    return path
