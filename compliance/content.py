"""What a text may not say, found before a carrier finds it. Pure; nothing is ever changed silently.

Rules and words are data (data/content.toml); an organization may change how hard a rule is, save for the fixed ones.
"""

import re
import tomllib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache, cached_property
from pathlib import Path
from urllib.parse import urlsplit

DATA = Path(__file__).parent / "data" / "content.toml"


class Level(StrEnum):
    BLOCK = "block"
    WARN = "warn"
    OFF = "off"


@dataclass(frozen=True, slots=True)
class Finding:
    """`start` and `end` mark the phrase in the text as it was written."""

    rule: str
    level: Level
    start: int
    end: int
    phrase: str
    sentence: str


@dataclass(frozen=True, slots=True)
class RuleFacts:
    """A rule's own level, and whether an organization may change it."""

    level: Level
    sentence: str
    is_fixed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """What the words alone do not tell. `names`: what recipients call the sender. `levels`: the organization's own."""

    names: tuple[str, ...] = ()
    is_first: bool = False
    is_promotional: bool = False
    levels: Mapping[str, Level] = field(default_factory=dict)


@dataclass(frozen=True)
class Text:
    """The text as written, and as a reader sees it: plain small letters, with the place each came from."""

    body: str
    plain: str
    places: tuple[int, ...]

    @cached_property
    def links(self) -> list["re.Match[str]"]:
        return list(LINK.finditer(self.body))

    def finding(self, rule: str, start: int, end: int) -> tuple[str, int, int]:
        """Of a stretch of `plain`, the stretch of `body`."""
        return rule, self.places[start], self.places[end - 1] + 1


Found = Iterator[tuple[str, int, int]]  # rule, start and end in the body
Rule = Callable[[Text, Context], Found]
LINK = re.compile(r"(?:(?P<scheme>https?)://\S+|\b(?:[\w-]+\.)+(?:[a-z]{2,})(?::\d+)?(?:/\S*)?)", re.IGNORECASE)
INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200c\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff]"
)
JOINED_EMOJI = re.compile("[\u200d\ufe0f]")  # they belong into emoji and hide no letter
LOOK_ALIKE = dict(zip("аеорсухіјѕԁһӏԛԝвкмнтΑΒΕΗΙΚΜΝΟΡΤΧοα", "aeopcyxijsdhlqwbkmhtabehikmnoptxoa", strict=True))
SPACED = re.compile(r"(?<!\w)(?:[a-z0-9][\s.*_-]){3,}[a-z0-9](?!\w)")
CARD = re.compile(r"(?<![\d-])(?:\d[ -]?){13,19}(?![\d-])")
SOCIAL_SECURITY = re.compile(r"(?<![\d-])(?!000|666|9\d\d)\d{3}[- ](?!00)\d{2}[- ](?!0000)\d{4}(?![\d-])")
SHOUTING = re.compile(r"[!?$]{3,}")
OPT_OUT = re.compile(r"\b(?:stop|unsubscribe|opt[ -]?out|end)\b")
FEW_LETTERS = 20  # a text shorter than this may well be in capitals


def screen(body: str, context: Context | None = None) -> list[Finding]:
    """Everything that speaks against these words, in the order of the text."""
    context = context or Context()
    text = read(body)
    found = dict.fromkeys(hit for rule in RULES for hit in rule(text, context))
    findings = [_finding(body, *hit, context) for hit in found]
    return sorted((each for each in findings if each.level != Level.OFF), key=lambda each: (each.start, each.rule))


def _finding(body: str, rule: str, start: int, end: int, context: Context) -> Finding:
    facts = rules()[rule]
    level = facts.level if facts.is_fixed else context.levels.get(rule, facts.level)
    return Finding(rule, level, start, end, body[start:end], facts.sentence)


def read(body: str) -> Text:
    letters: list[str] = []
    places: list[int] = []
    for place, letter in enumerate(body):
        if INVISIBLE.match(letter) or JOINED_EMOJI.match(letter):
            continue
        for each in unicodedata.normalize("NFKD", LOOK_ALIKE.get(letter, letter)).lower():
            if not unicodedata.combining(each):
                letters.append(LOOK_ALIKE.get(each, each))
                places.append(place)
    return Text(body, "".join(letters), tuple(places))


# --- The data ---


@cache
def _data() -> dict[str, object]:
    return tomllib.loads(DATA.read_text())


@cache
def rules() -> dict[str, RuleFacts]:
    """{code: facts} of every rule, the categories of content among them."""
    rows = [*_table("rules").items(), *_table("categories").items()]
    return {code: _facts(row) for code, row in rows}


def _facts(row: Mapping[str, object]) -> RuleFacts:
    return RuleFacts(Level(str(row["level"])), str(row["sentence"]), bool(row.get("fixed")))


def _table(name: str) -> dict[str, dict[str, object]]:
    table = _data()[name]
    assert isinstance(table, dict)
    return table


@cache
def _hosts(name: str) -> frozenset[str]:
    return frozenset(str(_data()[name]).split())


@cache
def _phrases(words: str) -> "re.Pattern[str]":
    """One pattern for a list of phrases between bars."""
    phrases = [" ".join(phrase.split()) for phrase in words.split("|")]
    patterns = [re.escape(phrase).replace(r"\*", r"\w*").replace(r"\ ", r"\s+") for phrase in phrases if phrase]
    return re.compile(rf"(?<!\w)(?:{'|'.join(patterns)})(?!\w)")


@cache
def _categories() -> tuple[tuple[str, "re.Pattern[str]"], ...]:
    return tuple((code, _phrases(str(row["words"]))) for code, row in _table("categories").items())


# --- Links ---


def _host(link: "re.Match[str]") -> str:
    address = link[0] if link["scheme"] else f"//{link[0]}"
    try:
        return (urlsplit(address).hostname or "").removeprefix("www.")
    except ValueError:
        return ""


def _is_on(host: str, hosts: Iterable[str]) -> bool:
    return any(host == each or host.endswith(f".{each}") for each in hosts)


def shortener(text: Text, context: Context) -> Found:
    for link in text.links:
        if _is_on(_host(link), _hosts("shorteners")):
            yield "shortener", *link.span()


def strange_link(text: Text, context: Context) -> Found:
    """A bare IP address, a user name in front of the host, or a host in letters that look like others."""
    for link in text.links:
        host = _host(link)
        is_address = bool(re.fullmatch(r"[\d.]+|\[?[0-9a-f:]+\]?|0x[0-9a-f]+", host)) and bool(link["scheme"])
        hides = bool(link["scheme"]) and "@" in link[0].partition("//")[2].partition("/")[0]
        if is_address or hides or "xn--" in host or not host.isascii():
            yield "strange_link", *link.span()


def free_host(text: Text, context: Context) -> Found:
    for link in text.links:
        if _is_on(_host(link), _hosts("free_hosts")):
            yield "free_host", *link.span()


def plain_http(text: Text, context: Context) -> Found:
    for link in text.links:
        if (link["scheme"] or "").lower() == "http":
            yield "plain_http", *link.span()


def phishing(text: Text, context: Context) -> Found:
    if not any(link["scheme"] or "/" in link[0] for link in text.links):
        return
    for hit in _phrases(str(_data()["bait"])).finditer(text.plain):
        yield text.finding("phishing", *hit.span())


def borrowed_name(text: Text, context: Context) -> Found:
    own = " ".join(context.names).lower()
    for hit in _phrases(str(_data()["borrowed"])).finditer(text.plain):
        if text.links and hit[0] not in own:
            yield text.finding("borrowed_name", *hit.span())


# --- Secrets ---


def card_number(text: Text, context: Context) -> Found:
    for hit in CARD.finditer(text.plain):
        digits = [int(each) for each in hit[0] if each.isdigit()]
        if 13 <= len(digits) <= 19 and len(set(digits)) > 1 and _luhn(digits):
            yield text.finding("card_number", hit.start(), hit.start() + len(hit[0].rstrip(" -")))


def _luhn(digits: list[int]) -> bool:
    doubled = [each if place % 2 else sum(divmod(each * 2, 10)) for place, each in enumerate(reversed(digits), 1)]
    return sum(doubled) % 10 == 0


def social_security(text: Text, context: Context) -> Found:
    for hit in SOCIAL_SECURITY.finditer(text.plain):
        yield text.finding("social_security", *hit.span())


# --- Words ---


def categories(text: Text, context: Context) -> Found:
    for code, pattern in _categories():
        for hit in pattern.finditer(text.plain):
            yield text.finding(code, *hit.span())


def hidden_letters(text: Text, context: Context) -> Found:
    """What a filter would not see and a reader would: invisible signs, look-alikes, words drawn apart."""
    for hit in INVISIBLE.finditer(text.body):
        yield "hidden_letters", *hit.span()
    for word in re.finditer(r"\w+", text.body):
        scripts = {_script(each) for each in word[0] if each.isalpha()}
        if len(scripts) > 1 and "LATIN" in scripts and scripts & {"CYRILLIC", "GREEK"}:
            yield "hidden_letters", *word.span()
    for apart in SPACED.finditer(text.plain):
        together = re.sub(r"[\s.*_-]", "", apart[0])
        if any(pattern.search(together) for _, pattern in _categories()):
            yield text.finding("hidden_letters", *apart.span())


def _script(letter: str) -> str:
    return unicodedata.name(letter, "").split(" ")[0]


def no_sender(text: Text, context: Context) -> Found:
    if (
        context.is_first
        and context.names
        and not any(_squeezed(name) in _squeezed(text.plain) for name in context.names)
    ):
        yield "no_sender", 0, 0


def _squeezed(words: str) -> str:
    return re.sub(r"\W+", "", words.lower())


def no_opt_out(text: Text, context: Context) -> Found:
    if context.is_first and context.is_promotional and not OPT_OUT.search(text.plain):
        yield "no_opt_out", len(text.body), len(text.body)


def shouting(text: Text, context: Context) -> Found:
    for hit in SHOUTING.finditer(text.body):
        yield "shouting", *hit.span()
    letters = [each for each in LINK.sub("", text.body) if each.isalpha()]
    capitals = sum(each.isupper() for each in letters)
    if len(letters) > FEW_LETTERS and capitals > 0.7 * len(letters):
        yield "shouting", 0, len(text.body)


RULES: tuple[Rule, ...] = (
    shortener,
    strange_link,
    free_host,
    plain_http,
    phishing,
    borrowed_name,
    card_number,
    social_security,
    categories,
    hidden_letters,
    no_sender,
    no_opt_out,
    shouting,
)
