"""How carriers read what a stranger sent: typed values out of JSON, or nothing. Only `json_of` ever raises.

Strings come out without NUL and lone surrogates, which a database refuses; numbers come out finite and of sane size.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from email.utils import parsedate_to_datetime
from typing import Any

from trunks.carriers.base import HttpAnswer, UnreadableBody
from trunks.carriers.events import Reason

LONGEST_ID = 100  # as long as the columns that keep them: a longer one would be refused by the database
LONGEST_PAUSE = 3600.0
MOST_MONEY = Decimal("99999.99999")
_E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A row of a carrier's error catalogue. sentence: what happened and what to do next, for a person."""

    reason: Reason
    sentence: str
    retryable: bool = False


def json_of(body: bytes) -> Any:
    """The JSON value, or UnreadableBody."""
    try:
        text = body.decode(json.detect_encoding(body), "surrogatepass")
        value = _decoder.decode(text)
        # What a database refuses comes as an escape or, in a text that is not ASCII, as it is; most have neither.
        return value if text.isascii() and "\\u" not in text else _storable(value)
    except (ValueError, RecursionError) as error:  # UnicodeDecodeError is a ValueError
        raise UnreadableBody(f"not JSON: {type(error).__name__}") from error


def object_of(answer: HttpAnswer) -> dict[str, Any]:
    """The JSON object in an answer; empty when there is none."""
    try:
        return as_map(json_of(answer.body))
    except UnreadableBody:
        return {}


def as_map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def as_text(value: Any, longest: int = 100_000) -> str:
    return value[:longest] if isinstance(value, str) else ""


def as_id(value: Any) -> str:
    """A carrier's id: a short string; "" when it is none."""
    return value if isinstance(value, str) and 0 < len(value) <= LONGEST_ID else ""


def as_number(value: Any) -> str:
    """A telephone number in E.164; "" when it is none."""
    return value if isinstance(value, str) and _E164.fullmatch(value) else ""


def as_count(value: Any, most: int = 1_000_000_000) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= most else None


def as_money(value: Any) -> Decimal | None:
    """An amount, given as a string or a number, that the columns of costs can hold: five digits before the point."""
    if isinstance(value, bool) or not isinstance(value, str | int | float) or len(str(value)) > 30:
        return None
    try:
        amount = Decimal(str(value))
    except InvalidOperation:
        return None
    sane = amount.is_finite() and -12 <= amount.adjusted() < 5  # compared as a number, 1e999999999 would overflow
    return amount if sane and abs(amount) <= MOST_MONEY else None


def as_time(value: Any) -> datetime | None:
    """An ISO 8601 moment with its zone, in UTC."""
    if not isinstance(value, str) or len(value) > 64:
        return None
    try:
        at = datetime.fromisoformat(value)
        return at.astimezone(UTC) if at.tzinfo else None
    except (ValueError, OverflowError):
        return None


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait from Retry-After: a number or an HTTP date. None when absent or senseless; at most an hour."""
    value = headers.get("retry-after", "").strip()
    seconds = as_seconds(value)
    if seconds is not None or not value:
        return seconds
    try:
        at = parsedate_to_datetime(value)
        at = at if at.tzinfo else at.replace(tzinfo=UTC)
        return min(LONGEST_PAUSE, max(0.0, (at - (now or datetime.now(UTC))).total_seconds()))
    except (ValueError, OverflowError, TypeError):
        return None


def as_seconds(value: str) -> float | None:
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", value):
        return None
    return min(LONGEST_PAUSE, float(value))


def _no_number(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def _finite(digits: str) -> float | None:
    value = float(digits)
    return value if math.isfinite(value) else None


_decoder = json.JSONDecoder(parse_constant=_no_number, parse_float=_finite)


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return _UNSTORABLE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_storable(each) for each in value]
    if isinstance(value, dict):
        return {_storable(name): _storable(each) for name, each in value.items()}
    return value
