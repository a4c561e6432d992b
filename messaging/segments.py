"""How many parts a text takes on the air, which characters make it dearer, and where it is cut.

GSM-7 (3GPP TS 23.038) holds 160 units in a single part and 153 in each of several; one character outside its alphabet
turns the whole text into UCS-2, with 70 and 67. The header that joins the parts takes the difference. An extension
character is an escape and a code, an emoji beyond U+FFFF is a surrogate pair: neither is ever cut in two.
`static/js/segments.js` counts the same in the browser; both are held to tests/vectors/segments.json.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["Count", "count", "normalize", "plain", "split"]

Encoding = Literal["GSM-7", "UCS-2"]

BASIC = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
EXTENSION = "\f^{}\\[~]|€"

# Single part, each of several parts.
CAPACITY: dict[Encoding, tuple[int, int]] = {"GSM-7": (160, 153), "UCS-2": (70, 67)}

_all_basic = re.compile(f"[{re.escape(BASIC)}]*").fullmatch
_all_gsm = re.compile(f"[{re.escape(BASIC + EXTENSION)}]*").fullmatch
_foreign = re.compile(f"[^{re.escape(BASIC + EXTENSION)}]").findall
_extended = re.compile(f"[{re.escape(EXTENSION)}]").findall
_wide = re.compile("[\U00010000-\U0010ffff]").findall


@dataclass(frozen=True, slots=True)
class Count:
    """segments: parts on the air. units: septets (GSM-7) or 16-bit units (UCS-2) in all. units_left: what still fits
    into the last part. offenders: the characters that force UCS-2, each once, in order.
    """

    encoding: Encoding
    segments: int
    units: int
    units_left: int
    offenders: tuple[str, ...] = ()


def count(text: str) -> Count:
    """Count a text exactly as given, in the cheapest encoding that holds it. An empty text takes no part.

    What comes from a person is normalized once, where it comes in, so that what is counted is what is sent.
    """
    if _all_basic(text):
        if len(text) <= 160:
            return Count("GSM-7", 1 if text else 0, len(text), 160 - len(text))
        return _counted(text, "GSM-7", len(text), has_pairs=False)
    if _all_gsm(text):
        pairs = len(_extended(text))
        return _counted(text, "GSM-7", len(text) + pairs, has_pairs=pairs > 0)
    pairs = len(_wide(text))
    offenders = tuple(dict.fromkeys(_foreign(text)))
    return _counted(text, "UCS-2", len(text) + pairs, has_pairs=pairs > 0, offenders=offenders)


def _counted(text: str, encoding: Encoding, units: int, *, has_pairs: bool, offenders: tuple[str, ...] = ()) -> Count:
    single, each = CAPACITY[encoding]
    if units <= single:
        return Count(encoding, 1, units, single - units, offenders)
    if not has_pairs:
        segments = -(-units // each)
        return Count(encoding, segments, units, segments * each - units, offenders)
    # A pair that does not fit moves whole to the next part, so that parts may stay one unit short.
    parts = list(_cut(text, encoding))
    return Count(encoding, len(parts), units, each - _units(parts[-1], encoding), offenders)


def split(text: str) -> list[str]:
    """The parts as they go out; joined they are the text again."""
    counted = count(text)
    if counted.segments <= 1:
        return [text] if text else []
    return list(_cut(text, counted.encoding))


def _cut(text: str, encoding: Encoding) -> Iterator[str]:
    each = CAPACITY[encoding][1]
    start = 0
    while start < len(text):
        end = start + each  # as far as it goes if nothing takes two units
        while (excess := _units(text[start:end], encoding) - each) > 0:
            end = min(end, len(text)) - max(excess // 2, 1)
        yield text[start:end]
        start = end


def _units(text: str, encoding: Encoding) -> int:
    return len(text) + len(_extended(text) if encoding == "GSM-7" else _wide(text))


def normalize(text: str) -> str:
    """NFC, so that é is one character and stays in GSM-7, and LF for CRLF, which saves a unit a line."""
    if text.isascii():
        return text.replace("\r\n", "\n") if "\r\n" in text else text
    return unicodedata.normalize("NFC", text.replace("\r\n", "\n"))


# --- Look-alikes ---


def plain(text: str) -> str:
    """The text with typographic look-alikes made plain, so that it may stay in GSM-7. Letters of languages are kept."""
    text = normalize(text)
    return text if _all_gsm(text) else normalize(text.translate(_LOOK_ALIKES))


def _look_alikes() -> dict[int, str]:
    """Replacements by code point, for the signs that carriers' smart encodings replace and some more of their kind."""
    groups = {
        '"': "“”„‟«»ʺˮ❝❞〝〞＂″‶",
        "'": "‘’‛ʻʼ´`ˈˊˋ＇｀′‵",
        "-": "–—‐‑―⁃•−－",
        "/": "÷⁄∕⧸／",
        ",": "‚、，﹐",
        "<": "‹",
        ">": "›",
        "~": "˜∼～\u0303",
        " ": "\u00a0\t\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000\u2028\u2029",
        "": "\u200b\u200c\u2060\ufeff",
    }
    table = {ord(character): simple for simple, characters in groups.items() for character in characters}
    table |= {ord("…"): "...", ord("½"): "1/2", ord("¼"): "1/4", ord("¾"): "3/4", ord("‼"): "!!"}
    full_width = {code + 0xFEE0: chr(code) for code in range(0x21, 0x7F)}
    small_capitals = dict(zip(map(ord, "ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ"), "ABCDEFGHIJKLMNOPRSTUVWYZ", strict=True))
    return full_width | small_capitals | table


_LOOK_ALIKES = _look_alikes()
