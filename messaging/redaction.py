"""A webhook's body as an operator may see it: its structure whole, what people wrote and their numbers hidden.

Nothing is shown because it looks harmless under an unknown name: only what is plainly a machine's word stays. What
people wrote belongs to the inbox, where each look at it is bound to a role.
"""

import itertools
import json
import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from trunks.carriers.base import UnreadableBody
from trunks.carriers.reading import json_of

FORM = "application/x-www-form-urlencoded"
LONGEST = 40_000  # characters on a page
DEEPEST = 30
HIDDEN = "••••"

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
# The last word of a field's name tells what stands in it: messageText, "short_message", Body, FromCity.
_PEOPLES = frozenset(
    {
        "address", "answer", "body", "caption", "city", "content", "data", "email", "file", "label", "message", "msg",
        "name", "note", "payload", "reply", "subject", "text", "title", "transcript", "value", "zip",
    }
)  # fmt: skip
_MACHINES = frozenset(
    {
        "at", "charset", "code", "currency", "date", "direction", "encoding", "event", "guid", "hash", "id", "kind",
        "method", "mode", "parts", "segments", "sid", "status", "time", "timestamp", "type", "uuid", "version",
    }
)  # fmt: skip
_OWN_IN_ERRORS = frozenset({"body", "content", "data", "payload", "text"})
_TIMES = frozenset({"at", "date", "time", "timestamp"})
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ][\d:.]+(Z|[+-]\d\d:?\d\d)?)?")
_TOKEN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:/+=-]{0,99}")
_ID = re.compile(r"(?=.*\d)[A-Za-z0-9][A-Za-z0-9._:+=-]{7,99}")
_NUMBER = re.compile(r"\+?\(?\d(?:[\s().-]{0,2}\d){8,14}")
_NUMBER_IN_ID = re.compile(rf"(?<![A-Za-z0-9]){_NUMBER.pattern}(?![A-Za-z0-9])")
_UUID = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_LARGE = 100_000_000  # an unsigned number of nine digits may be a telephone number
MOST_CANDIDATES = 200


@dataclass(frozen=True, slots=True)
class Body:
    """`text` to be shown as it stands; `is_cut`: there was more of it than a page holds."""

    text: str
    is_cut: bool = False


def whole(body: bytes, content_type: str) -> Body:
    """As the carrier sent it, set out for reading."""
    return _cut(_written(_read(body, content_type), body))


def hidden(body: bytes, content_type: str, *, ours: Collection[str], heard: Collection[str] = ()) -> Body:
    """Without people's words and numbers. `ours`: DIDs in E.164, which stay; `heard`: texts known to stand in it."""
    value = _read(body, content_type)
    if value is None:
        return Body(f"{HIDDEN} ({len(body)} bytes that are neither JSON nor a form)")
    cover = _Cover(frozenset(ours), tuple(filter(None, heard)))
    return _cut(_written(cover.value("", value), body))


def numbers_in(body: bytes) -> set[str]:
    """What may be telephone numbers in it, in E.164: candidates to be compared with one's own DIDs."""
    found = _NUMBER.finditer(body.decode(errors="replace"))
    return {_as_e164(match[0]) for match in itertools.islice(found, MOST_CANDIDATES)}


def _read(body: bytes, content_type: str) -> Any:
    """JSON, or a form's fields, or None."""
    if content_type.partition(";")[0].strip().lower() == FORM:
        return _of_form(body)
    try:
        return json_of(body)
    except UnreadableBody:
        return None


def _of_form(body: bytes) -> dict[str, list[str]] | None:
    try:
        pairs = parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=1_000)
    except ValueError:  # UnicodeDecodeError is one
        return None
    fields: dict[str, list[str]] = {}
    for name, value in pairs:
        fields.setdefault(name, []).append(value)
    return fields


def _written(value: Any, body: bytes) -> str:
    if value is None:
        return body.decode(errors="replace")
    try:
        return json.dumps(value, indent=2, ensure_ascii=False)
    except RecursionError:
        return body.decode(errors="replace")


def _cut(text: str) -> Body:
    return Body(text[:LONGEST], is_cut=len(text) > LONGEST)


def _as_e164(text: str) -> str:
    digits = re.sub(r"\D", "", text)
    return f"+1{digits}" if len(digits) == 10 else f"+{digits}"


@dataclass(frozen=True, slots=True)
class _Cover:
    ours: frozenset[str]
    heard: tuple[str, ...]

    def value(self, name: str, value: Any, *, in_error: bool = False, depth: int = 0) -> Any:
        """`value` of the field `name`, covered. `in_error`: below a field of the carrier's own error report."""
        if depth > DEEPEST:
            return HIDDEN
        if isinstance(value, dict):
            return {
                self._key(key): self.value(key, each, in_error=in_error or "error" in key.lower(), depth=depth + 1)
                for key, each in value.items()
            }
        if isinstance(value, list):
            return [self.value(name, each, in_error=in_error, depth=depth + 1) for each in value]
        if isinstance(value, str):
            return self._text(name, value, in_error=in_error)
        if isinstance(value, int | float) and abs(value) >= _LARGE and _last_word(name) not in _TIMES:
            return value if _as_e164(str(int(value))) in self.ours else self._number(str(int(value)))
        return value

    def _key(self, key: str) -> str:
        """A field's name, which may itself be a number; never a sentence."""
        if _NUMBER.search(key):
            return self._number(key)
        return key if _TOKEN.fullmatch(key) or key == "" else _hide(key)

    def _text(self, name: str, text: str, *, in_error: bool) -> str:
        last = _last_word(name)
        if not text or _MOMENT.fullmatch(text) or (last in _TIMES and text.isdecimal()):
            return text
        if any(words == text or (len(words) > 3 and words in text) for words in self.heard):
            return _hide(text)
        if _UUID.fullmatch(text):
            return text
        if _NUMBER.fullmatch(text):
            return self._number(text)
        if "://" in text:
            return _host_alone(text)
        if in_error and last not in _OWN_IN_ERRORS:
            return self._numbers(_NUMBER, text)
        is_plain = _TOKEN.fullmatch(text) if last in _MACHINES else _ID.fullmatch(text)
        return self._numbers(_NUMBER_IN_ID, text) if is_plain and last not in _PEOPLES else _hide(text)

    def _numbers(self, pattern: re.Pattern[str], text: str) -> str:
        return pattern.sub(lambda match: self._number(match[0]), text)

    def _number(self, text: str) -> str:
        return text if _as_e164(text) in self.ours else f"{HIDDEN}{text.strip()[-2:]}"


def _last_word(name: str) -> str:
    words = _WORDS.findall(name)
    return words[-1].lower() if words else ""


def _hide(text: str) -> str:
    return f"{HIDDEN} ({len(text)} character{'' if len(text) == 1 else 's'})"


def _host_alone(text: str) -> str:
    """A link's host: the rest may name a picture, or open one."""
    try:
        parts = urlsplit(text)
    except ValueError:
        return _hide(text)
    known = parts.scheme in {"http", "https"} and re.fullmatch(r"[\w.:\[\]-]+", parts.hostname or "")
    return f"{parts.scheme}://{parts.hostname}/{HIDDEN}" if known else _hide(text)


def field_names(url: str) -> Iterator[str]:
    """The names of an address's parameters; their values may be a person's, or a proof."""
    yield from dict.fromkeys(name for name, _ in parse_qsl(urlsplit(url).query, keep_blank_values=True))
