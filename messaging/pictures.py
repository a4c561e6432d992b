"""Pictures that go out with a text or come in: judged by what they are, not by what they are called.

A still is always written anew, which leaves behind where and by whom it was taken, and whatever else hid in the file.
"""

import struct
import threading
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import BytesIO

import puremagic
from PIL import Image, ImageOps

__all__ = ["BadPicture", "Picture", "prepare", "too_large"]

JPEG, PNG, GIF = "image/jpeg", "image/png", "image/gif"
PICTURE_TYPES = (JPEG, PNG, GIF)
FORMATS = {JPEG: "JPEG", PNG: "PNG", GIF: "GIF"}
NAMES = {
    "application/pdf": "a PDF",
    "image/heic": "a HEIC picture",
    "image/heif": "a HEIC picture",
    "image/svg+xml": "an SVG drawing",
    "image/webp": "a WebP picture",
    "text/html": "a web page",
    "text/vcard": "a contact card",
    "application/vnd.microsoft.portable-executable": "a program",
}
MAX_INPUT_BYTES = 25_000_000
MAX_PIXELS = 50_000_000  # a frame: 200 MB in memory, twice that while it is turned or shrunk
MAX_ANIMATION_PIXELS = 200_000_000  # all frames: what a phone has to draw
MAX_SIDE = 2048  # no phone shows more
MIN_SIDE = 96  # below this nobody recognizes anything
QUALITIES = (88, 76, 64)
_one_at_a_time = threading.Lock()  # in a process, since each may need that much memory


class BadPicture(ValueError):
    """The file is no picture that can be texted. Its words are a sentence for whoever chose it.

    what: what is wrong, without a full stop. instead: what to do, where there is something.
    """

    def __init__(self, what: str, instead: str = "") -> None:
        super().__init__(f"{what}; {instead}." if instead else f"{what}.")
        self.what = what


@dataclass(frozen=True, slots=True)
class Picture:
    content_type: str
    data: bytes = field(repr=False)
    width: int
    height: int


def prepare(data: bytes, *, max_bytes: int, allowed: Collection[str] = PICTURE_TYPES) -> Picture:
    """The picture upright, without its metadata and in at most `max_bytes`, as one of the content types in `allowed`.

    Raises BadPicture.
    """
    content_type = _sniff(data)
    with _one_at_a_time, _decoding():
        image = Image.open(BytesIO(data), formats=[FORMATS[content_type]])
        _refuse_bombs(image)
        if getattr(image, "is_animated", False) and content_type == GIF:
            return _animation(image, data, max_bytes, allowed)
        Image.open(BytesIO(data), formats=[FORMATS[content_type]]).verify()
        image.load()
        return _still(_upright(image), content_type, max_bytes, allowed)


def _sniff(data: bytes) -> str:
    if not data:
        raise BadPicture("This file is empty")
    if len(data) > MAX_INPUT_BYTES:
        raise too_large()
    try:
        found = [str(match.mime_type) for match in puremagic.magic_string(data[:4096])]
    except puremagic.PureError:
        found = []
    if content_type := next((kind for kind in found if kind in FORMATS), None):
        return content_type
    raise BadPicture(f"This is {_named(found)}", "only JPEG, PNG and GIF pictures can be texted")


def too_large() -> BadPicture:
    """What is said of a file that is not even looked at."""
    return BadPicture(f"This file is larger than {MAX_INPUT_BYTES // 1_000_000} MB", "choose a smaller one")


def _named(found: list[str]) -> str:
    for kind in found:
        if kind in NAMES:
            return NAMES[kind]
        if kind.startswith(("video/", "audio/")):
            return "a video" if kind.startswith("video/") else "a sound recording"
    return "not a picture we know"


@contextmanager
def _decoding() -> Iterator[None]:
    """Whatever a decoder says about a broken file becomes a sentence."""
    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _too_many_pixels() from None
    except BadPicture:
        raise
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, struct.error, zlib.error):
        raise BadPicture("This picture is damaged", "open it, save it again and choose the new file") from None


def _too_many_pixels() -> BadPicture:
    return BadPicture(f"This picture has more than {MAX_PIXELS // 1_000_000} million pixels", "choose a smaller one")


def _refuse_bombs(image: Image.Image) -> None:
    """Before anything is unpacked: a small file can hold a picture that fills the memory."""
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise _too_many_pixels()
    if image.format == "GIF" and pixels * getattr(image, "n_frames", 1) > MAX_ANIMATION_PIXELS:
        raise BadPicture("This animation is too long for a phone", "choose a shorter one")


def _animation(image: Image.Image, data: bytes, max_bytes: int, allowed: Collection[str]) -> Picture:
    """Kept as it is: written anew, an animation loses its timing."""
    if GIF not in allowed:
        raise BadPicture("This carrier takes no animations", "choose a still picture")
    if len(data) > max_bytes:
        raise BadPicture(
            f"This animation is larger than {_size(max_bytes)}, and an animation cannot be made smaller here"
        )
    size = image.size
    for frame in range(getattr(image, "n_frames", 1)):
        image.seek(frame)
        if image.size != size:
            raise ValueError("a later frame is larger than the picture that was judged")
        image.load()
    return Picture(GIF, data, *size)


def _upright(image: Image.Image) -> Image.Image:
    """Turned as its camera meant it, and stripped of all but what its colours need."""
    kept = ("transparency",) if image.mode == "CMYK" else ("transparency", "icc_profile")
    ImageOps.exif_transpose(image, in_place=True)
    image.info = {name: value for name, value in image.info.items() if name in kept}
    return image


def _still(image: Image.Image, content_type: str, max_bytes: int, allowed: Collection[str]) -> Picture:
    if content_type != JPEG and content_type in allowed:
        written = _written(image, content_type, optimize=True)
        if len(written.data) <= max_bytes:
            return written
    if JPEG in allowed:
        return _shrunk(_flat(image), max_bytes)
    raise BadPicture(f"This picture cannot be made smaller than {_size(max_bytes)}", "choose a smaller one")


def _shrunk(image: Image.Image, max_bytes: int) -> Picture:
    """The best JPEG that fits: lower quality first, then fewer pixels."""
    side = min(max(image.size), MAX_SIDE)
    while True:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        for quality in QUALITIES:
            written = _written(image, JPEG, quality=quality, optimize=True)
            if len(written.data) <= max_bytes:
                return written
        side = max(image.size) * 3 // 4
        if side < MIN_SIDE:
            raise BadPicture(f"This picture cannot be made smaller than {_size(max_bytes)}", "choose another")


def _written(image: Image.Image, content_type: str, **options: object) -> Picture:
    out = BytesIO()
    image.save(out, FORMATS[content_type], **options)
    return Picture(content_type, out.getvalue(), image.width, image.height)


def _flat(image: Image.Image) -> Image.Image:
    """In colours that JPEG knows, on white where it was transparent."""
    if image.mode in ("RGB", "L"):
        return image
    if image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info:
        layer = image.convert("RGBA")
        flat = Image.new("RGB", image.size, "white")
        flat.paste(layer, mask=layer.getchannel("A"))
        return flat
    return image.convert("RGB")


def _size(size: int) -> str:
    return f"{size // 1000} kB" if size < 1_000_000 else f"{size / 1_000_000:.1f} MB".replace(".0 ", " ")
