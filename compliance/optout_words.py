"""The words by which a person stops, resumes or asks for help, when they are the whole message.

A keyword must be the whole message, give or take case, accents, punctuation, spacing and a mail signature: "Stop!" opts
out, "Cancel my 3 pm" does not. CTIA Messaging Principles 5.1.3 asks that such small variances do not matter; 47 CFR
64.1200(a)(10) makes stop, quit, end, revoke, opt out, cancel and unsubscribe revocations by themselves.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Kind", "Verdict", "canonical", "classify"]


class Kind(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Verdict:
    """kind, and the keyword or emoji that decided it, in its canonical spelling ("" for NONE)."""

    kind: Kind
    keyword: str = ""


STOP_WORDS = frozenset(
    [
        "STOP", "STOPALL", "QUIT", "END", "REVOKE", "OPTOUT", "CANCEL", "UNSUBSCRIBE", "UNSUB", "REMOVE", "DNC", "TD",
        "ARRET", "ARRETE", "ARRETER", "ARRETT", "DESABONNER",
        "ALTO", "PARAR", "PARE", "DETENER", "BAJA", "CANCELAR",
        "STPO", "SOTP", "STOPP", "SSTOP", "DTOP", "UNSUSCRIBE", "UNSUBCRIBE", "CANCLE",
    ]
)  # fmt: skip
STOP_PHRASES = frozenset({"STOP ALL", "OPT OUT", "REMOVE ME", "STOP PLEASE", "PLEASE STOP", "STOP IT"})
STOP_EMOJI = "🛑✋🚫⛔"
STOP_EMOJI_WORDS = 3  # a stop sign with more words than these is part of a sentence
HELP_WORDS = frozenset({"HELP", "INFO", "AIDE", "AYUDA"})
START_WORDS = frozenset({"START", "UNSTOP", "COMMENCER"})
YES = "YES"

# Mail gateways and handsets add these below or behind the text.
_signature = re.compile(
    r"(?:^|\s)(?:sent from my|sent via|get outlook for|envoyé de mon|enviado desde mi)\s.*\Z"
    r"|^-{2,}\s*(?:original message\b.*)?$.*\Z"
    r"|^on\b[^\n]*\bwrote:\s*$.*\Z",
    re.IGNORECASE | re.MULTILINE | re.DOTALL,
)
_quoted = re.compile(r"^[^\S\n]*>.*$", re.MULTILINE)  # never across lines: blank ones would be tried again and again
_apostrophes = re.compile("['’‘‛ʼʻ´`＇]")
_not_letters = re.compile(r"[\W_]+")
_stop_emoji = re.compile(f"[{STOP_EMOJI}]").search


def canonical(text: str) -> str:
    """Upper-case words with single spaces: no signature, quotes, accents, punctuation or emoji."""
    text = _apostrophes.sub("", _without_mail(text))
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if unicodedata.category(c) not in ("Mn", "Cf"))
    return _not_letters.sub(" ", text).strip().upper()


def _without_mail(text: str) -> str:
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


def classify(text: str, *, asked: bool = False) -> Verdict:
    """What a message asks for. `asked`: our last text asked for consent, so that a bare YES is one.

    START is meant for people who opted out; whether this one did is for the caller to know.
    """
    words = canonical(text)
    if (emoji := _stop_emoji(_without_mail(text))) and words.count(" ") < STOP_EMOJI_WORDS:
        return Verdict(Kind.STOP, emoji.group())
    if keyword := _stop_keyword(words):
        return Verdict(Kind.STOP, keyword)
    if words in HELP_WORDS:
        return Verdict(Kind.HELP, words)
    if words in START_WORDS or (asked and words == YES):
        return Verdict(Kind.START, words)
    return Verdict(Kind.NONE)


def _stop_keyword(words: str) -> str:
    """The opt-out keyword the whole message is, also when spaced out ("S.T.O.P") or said again and again."""
    if words in STOP_WORDS or words in STOP_PHRASES:
        return words
    together = words.replace(" ", "")
    if together in STOP_WORDS:
        return together
    first, *rest = words.split(" ", 8)
    return first if first in STOP_WORDS and set(rest) <= {first} else ""
