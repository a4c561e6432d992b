"""A text message brought to plain upper-case words: no accents, disguises, mail signature, quoted lines.

The order is that of CTIA's advice that small variances never matter: cut what a mail program added, fold look-alike
letters and accents, drop apostrophes, treat all other punctuation as space.
"""

import re
import unicodedata

__all__ = ["canonical", "pieces", "without_mail"]

# Mail gateways and handsets add these below or behind the text.
_signature = re.compile(
    r"(?:^|\s)(?:sent from my|sent via|get outlook for|envoyé de mon|enviado desde mi)\s.*\Z"
    r"|^-{2,}\s*(?:original message\b.*)?$.*\Z"
    r"|^on\b[^\n]*\bwrote:\s*$.*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_quoted = re.compile(r"^[^\S\n]*>.*$", re.MULTILINE)  # never across lines: blank ones would be tried again and again
_apostrophes = re.compile("['’‘‛ʼʻ´`＇]")
_masks = re.compile(r"(?<=[^\W_])[*#@]+(?=[^\W_])")  # "st*p"
_piece = re.compile(r"[^\W_]+|[.!,;:\n…()—–]+|\?|#(?!\d)")

# Letters drawn like Latin ones that no normal form folds: Cyrillic, Greek, small capitals, stroked letters.
_TWINS = (
    ("АаВЕеЅѕІіЈјКкМмНОоРрСсТтХхУуԁԛԝһӏ", "AaBEeSsIiJjKkMmHOoPpCcTtXxYydqwhl"),
    ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαικνορτυ", "ABEZHIKMNOPTYXaiKvopTu"),
    ("ᴀʙᴄᴅᴇꜰɢʜɪᴊᴋʟᴍɴᴏᴘʀꜱᴛᴜᴠᴡʏᴢ", "ABCDEFGHIJKLMNOPRSTUVWYZ"),
    ("øØłŁđĐıȷ", "oOlLdDij"),
)
_LOOK_ALIKES = str.maketrans(dict(pair for twins in _TWINS for pair in zip(*twins, strict=True)))
for _first in (0x1F150, 0x1F170, 0x1F1E6):  # letters in black circles and squares, and the halves of flags
    _LOOK_ALIKES.update({_first + at: chr(ord("A") + at) for at in range(26)})


def canonical(text: str) -> str:
    """Upper-case words with single spaces: no signature, quotes, accents, punctuation or emoji."""
    return " ".join(piece for piece in pieces(text) if piece.isalnum())


def pieces(text: str) -> list[str]:
    """The words of `canonical`, with the punctuation that ends a clause between them ("?" and "#" by themselves)."""
    text = _apostrophes.sub("", without_mail(text))
    if not text.isascii():
        text = unicodedata.normalize("NFKD", text.translate(_LOOK_ALIKES))
        text = "".join(c for c in text if unicodedata.category(c) not in ("Mn", "Cf"))
        text = text.translate(_LOOK_ALIKES).upper().translate(_LOOK_ALIKES)  # upper case makes new ones
    if "*" in text or "@" in text or "#" in text:
        text = _masks.sub("", text)
    return _piece.findall(text.upper())


def without_mail(text: str) -> str:
    """Without quoted lines and what a mail program put below the text."""
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    if ">" in text:
        text = _quoted.sub("", text)
    found = _signature.search(text)
    if found is None:
        return text
    above = text[: found.start()]
    # Nothing above it: some people answer below the line that introduces the quotation.
    return above if above.strip() else found.group().lstrip().partition("\n")[2]
