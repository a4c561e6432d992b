"""What a text message asks for: to be left alone, to be texted again, help; for certain, or in doubt.

Three tiers. A *keyword* must be the whole message, give or take case, accents, punctuation, spacing and a mail
signature: "Stop!" opts out, "Cancel my 3 pm" does not. CTIA Messaging Principles 5.1.3 asks that such small variances
do not matter; 47 CFR 64.1200(a)(10) makes stop, quit, end, revoke, opt out, cancel and unsubscribe revocations by
themselves. A *phrase* is a sentence that any reasonable person would read as the same wish, which that rule honours
too. What is stop-like and neither is for a person to *review*.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from compliance.optout_lexicon import role
from compliance.optout_rules import DOUBTS, WISHES, WRONG_PARTY, Rule, Standing, standing
from compliance.optout_text import canonical, pieces, without_mail

__all__ = ["Kind", "Tier", "Verdict", "canonical", "classify"]


class Kind(StrEnum):
    STOP = "stop"
    WRONG_NUMBER = "wrong_number"  # the number is another person's: no revocation, but no consent either
    DOUBT = "doubt"  # may be a wish to stop
    START = "start"
    HELP = "help"
    NONE = "none"


class Tier(StrEnum):
    KEYWORD = "keyword"
    PHRASE = "phrase"
    REVIEW = "review"
    NONE = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was heard and why.

    keyword: the words (or emoji) that decided it, in canonical spelling, "" for NONE; rule: the phrase rule's name;
    start, end: where they stand in `canonical(text)`, 0 and 0 for an emoji.
    """

    kind: Kind
    keyword: str = ""
    tier: Tier = Tier.NONE
    rule: str = ""
    start: int = 0
    end: int = 0


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

_stop_emoji = re.compile(f"[{STOP_EMOJI}]")
_rude_emoji = re.compile("[🖕🤬❌]")
_PIECES = 400  # pieces of a message that are read for phrases: nobody opts out at the end of a novel


def classify(text: str, *, asked: bool = False) -> Verdict:
    """What a message asks for. `asked`: our last text asked for consent, so that a bare YES is one.

    START is meant for people who opted out; whether this one did is for the caller to know.
    """
    found = pieces(text)
    words = " ".join(piece for piece in found if piece.isalnum())
    if (emoji := _emoji(_stop_emoji, text)) and words.count(" ") < STOP_EMOJI_WORDS:
        return Verdict(Kind.STOP, emoji, Tier.KEYWORD)
    if keyword := _stop_keyword(words):
        return _whole(Kind.STOP, keyword, words)
    if words in HELP_WORDS:
        return _whole(Kind.HELP, words, words)
    if words in START_WORDS or (asked and words == YES):
        return _whole(Kind.START, words, words)
    verdict = _read(found[:_PIECES])
    if verdict.kind == Kind.NONE and (sign := emoji or _emoji(_rude_emoji, text)):
        return Verdict(Kind.DOUBT, sign, Tier.REVIEW)
    return verdict


def _emoji(signs: "re.Pattern[str]", text: str) -> str:
    if text.isascii():
        return ""
    found = signs.search(without_mail(text))
    return found.group() if found else ""


def _whole(kind: Kind, keyword: str, words: str) -> Verdict:
    return Verdict(kind, keyword, Tier.KEYWORD, end=len(words))


def _stop_keyword(words: str) -> str:
    """The opt-out keyword the whole message is, also when spaced out ("S.T.O.P") or said again and again."""
    if words in STOP_WORDS or words in STOP_PHRASES:
        return words
    together = words.replace(" ", "")
    if together in STOP_WORDS:
        return together
    first, *rest = words.split(" ", 8)
    return first if first in STOP_WORDS and set(rest) <= {first} else ""


# --- Phrases ---

# Roles without which no rule can match: most messages hold none of them and are done with here.
_TELLING = frozenset().union(*(rule.needs for rule in (*WISHES, *WRONG_PARTY, *DOUBTS)))


def _read(found: list[str]) -> Verdict:
    heard = [_role_of(piece) for piece in found]
    if len(found) > 2:
        found, heard = _spelled_out(found, heard)
    telling = _TELLING.intersection(heard)
    if not telling:
        return Verdict(Kind.NONE)
    roles = " ".join(heard) + " "
    doubt = None
    for rule, match in _matches(WISHES, telling, roles):
        stands = standing(roles, match.start(), match.end())
        if stands is Standing.FIRM:
            return _verdict(Kind.STOP, Tier.PHRASE, rule, match, found, roles)
        if stands is Standing.DOUBTFUL and doubt is None:
            doubt = _verdict(Kind.DOUBT, Tier.REVIEW, rule, match, found, roles)
    for rule, match in _matches(WRONG_PARTY, telling, roles):
        return _verdict(Kind.WRONG_NUMBER, Tier.PHRASE, rule, match, found, roles)
    if doubt is not None:
        return doubt
    for rule, match in _matches(DOUBTS, telling, roles):
        if standing(roles, match.start(), match.end()) is not Standing.NONE:
            return _verdict(Kind.DOUBT, Tier.REVIEW, rule, match, found, roles)
    return Verdict(Kind.NONE)


def _matches(rules: tuple[Rule, ...], telling: frozenset[str], roles: str) -> "Iterator[tuple[Rule, re.Match[str]]]":
    for rule in rules:
        if rule.needs & telling:
            for match in rule.pattern.finditer(roles):
                yield rule, match


def _role_of(piece: str) -> str:
    if piece.isalnum():
        return role(piece)
    return {"?": "?", "#": "NUMBER"}.get(piece, "|")


def _spelled_out(found: list[str], heard: list[str]) -> tuple[list[str], list[str]]:
    """With "S T O P" within a message put together, where that makes a telling word."""
    at = 0
    while at + 2 < len(found):
        end = at
        while end < len(found) and len(found[end]) == 1 and (found[end].isalpha() or (found[end] == "." and end > at)):
            end += 1
        letters = "".join(letter for letter in found[at:end] if letter.isalpha())
        if len(letters) > 2 and (joined := role(letters)) in _TELLING:
            return _spelled_out([*found[:at], letters, *found[end:]], [*heard[:at], joined, *heard[end:]])
        at = end + 1
    return found, heard


def _verdict(kind: Kind, tier: Tier, rule: Rule, match: "re.Match[str]", found: list[str], roles: str) -> Verdict:
    first = roles.count(" ", 0, match.start())
    last = first + match.group().rstrip().count(" ") + 1
    before = [piece for piece in found[:first] if piece.isalnum()]
    words = " ".join(piece for piece in found[first:last] if piece.isalnum())
    start = len(" ".join(before)) + bool(before)
    return Verdict(kind, words, tier, rule.name, start, start + len(words))
