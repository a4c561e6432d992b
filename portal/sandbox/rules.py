"""What the sandbox takes, refuses and does with a text: the documented rules and the magic numbers."""

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from portal.sandbox.config import Span
from portal.sandbox.store import Account, Text

MAX_SEGMENTS = 10
MAX_MEDIA = 10
MAX_REFERENCE = 500
REJECTED_WORD = "reject-this-text"
COST_A_SEGMENT = 0.004


class Magic:
    """Last four digits of a recipient, and what happens to texts to it."""

    INVALID = "0001"
    LANDLINE = "0002"
    BLOCKED = "0003"  # taken, then undelivered
    SILENT = "0004"  # taken and delivered, but no receipt ever
    BUSY = "0005"  # 429 for the first tries
    BROKEN = "0006"  # 500
    HANGS_UP = "0007"  # taken, but the socket closes instead of an answer
    OPTED_OUT = "0008"
    LATE = "0009"  # undelivered for now, delivered later
    GARBAGE = "0010"  # taken, but the answer cannot be read


BUSY_TRIES = 2  # refused tries to a number ending in 0005 before one is taken

ELSEWHERE, PORTING = "66", "77"  # endings of numbers that cannot be text-enabled

E164 = re.compile(r"\+[1-9][0-9]{6,14}")
_GSM7 = re.compile(r"[@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,\-./0-9:;<=>?¡A-ZÄÖÑÜ§¿a-zäöñüà\f^{}\\\[~\]|€]*")
_TWO_UNITS = re.compile(r"[\f^{}\\\[~\]|€]")


class Refusal(Exception):
    """An answer other than success. `code` is the sandbox's own word, listed in README.md."""

    def __init__(self, status: int, code: str, sentence: str, *, retry_after: float | None = None) -> None:
        super().__init__(sentence)
        self.status, self.code, self.sentence, self.retry_after = status, code, sentence, retry_after


@dataclass(frozen=True, slots=True)
class Step:
    """One status of a text, `after` seconds from the moment the sandbox could go to work on it."""

    after: float
    status: str
    code: str = ""
    provisional: bool = False
    final: bool = False


def segments(text: str) -> int:
    """How many segments the text takes; an empty one (picture alone) takes one."""
    if _GSM7.fullmatch(text):
        units, single, several = len(text) + len(_TWO_UNITS.findall(text)), 160, 153
    else:
        units, single, several = len(text.encode("utf-16-be")) // 2, 70, 67
    return 1 if units <= single else -(-units // several)


def check(account: Account, payload: Any) -> dict[str, Any]:
    """The fields of a text that may be taken, or Refusal."""
    if not isinstance(payload, dict):
        raise Refusal(400, "invalid_body", "The body must be a JSON object.")
    to, sender = _number(payload, "to"), _number(payload, "from")
    body, media = _text(payload), _media_urls(payload)
    owned = account.numbers.get(sender)
    if owned is None:
        raise Refusal(403, "not_your_number", "The sender is not a number of this account.")
    if not owned.enabled or not (owned.mms if media else owned.sms):
        raise Refusal(403, "not_text_enabled", "The sender is not switched on for this kind of text.")
    _refuse_recipient(to)
    if REJECTED_WORD in body.casefold():
        raise Refusal(400, "content_rejected", "The text holds words this carrier does not carry.")
    count = segments(body)
    if count > MAX_SEGMENTS:
        raise Refusal(400, "too_long", f"The text takes {count} segments; {MAX_SEGMENTS} is the most.")
    return {
        "from_number": sender, "to_number": to, "text": body, "media_urls": media, "segments": count,
        "reference": _short(payload, "client_reference", MAX_REFERENCE),
        "webhook_url": _short(payload, "webhook_url", 2000),
    }  # fmt: skip


def _refuse_recipient(to: str) -> None:
    match to[-4:]:
        case Magic.INVALID:
            raise Refusal(400, "invalid_number", "There is no such number.")
        case Magic.LANDLINE:
            raise Refusal(400, "landline", "The number is a landline that cannot take texts.")
        case Magic.BROKEN:
            raise Refusal(500, "internal", "Something broke on our side.")
        case Magic.OPTED_OUT:
            raise Refusal(400, "opted_out", "The recipient does not want texts from this sender.")


def _number(payload: dict[str, Any], name: str) -> str:
    value = payload.get(name)
    if not isinstance(value, str) or not E164.fullmatch(value):
        raise Refusal(400, "invalid_number", f"'{name}' must be an E.164 number.")
    return value


def _text(payload: dict[str, Any]) -> str:
    value = payload.get("text", "")
    if not isinstance(value, str) or (not value and not payload.get("media_urls")):
        raise Refusal(400, "no_content", "A text or a picture is needed.")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise Refusal(400, "invalid_body", "The text is not valid Unicode.") from None
    return value


def _media_urls(payload: dict[str, Any]) -> tuple[str, ...]:
    value = payload.get("media_urls") or []
    if not isinstance(value, list) or not all(isinstance(url, str) and url.startswith("http") for url in value):
        raise Refusal(400, "invalid_media", "'media_urls' must be a list of http links.")
    if len(value) > MAX_MEDIA:
        raise Refusal(400, "too_many_media", f"{MAX_MEDIA} pictures are the most.")
    return tuple(value)


def _short(payload: dict[str, Any], name: str, longest: int) -> str:
    value = payload.get(name) or ""
    if not isinstance(value, str) or len(value) > longest:
        raise Refusal(400, "invalid_body", f"'{name}' must be a string of at most {longest} characters.")
    return value


def plan(text: Text, between: Span) -> list[Step]:
    """Every status the text goes through. The same text always has the same plan, so nothing needs to be stored."""
    if text.media_urls and not text.fetched_us:
        return []
    if text.media_missing:
        return [Step(0.0, "failed", "media_unavailable", final=True)]
    chance = random.Random(text.id)  # noqa: S311
    gaps = [chance.uniform(*between) for _ in range(3)]
    start = [Step(0.0, "queued"), Step(gaps[0], "sent")]
    end = gaps[0] + gaps[1]
    match text.to_number[-4:]:
        case Magic.BLOCKED:
            return [Step(0.0, "queued"), Step(end, "undelivered", "carrier_blocked", final=True)]
        case Magic.SILENT:
            return start
        case Magic.LATE:
            doubtful = Step(end, "undelivered", "no_answer_from_handset", provisional=True)
            return [*start, doubtful, Step(end + gaps[2], "delivered", final=True)]
    return [*start, Step(end, "delivered", final=True)]


def told(text: Text, steps: list[Step], *, disorder: bool) -> Iterator[tuple[float, int, bool]]:
    """When which step is called back: (seconds, index, a repeat). With disorder some overtake, some come twice.

    None is told before it happened: when the last step overtakes, the earlier ones are late.
    """
    if text.to_number[-4:] == Magic.SILENT:
        return
    chance = random.Random(text.id + "told")  # noqa: S311
    overtakes = disorder and chance.random() < 0.3
    end = steps[-1].after if steps else 0.0
    for index, step in enumerate(steps):
        yield (end + (end - step.after) / 3 if overtakes else step.after), index, False
        if disorder and chance.random() < 0.3:
            yield step.after + chance.uniform(0, 1) * end, index, True


def current(text: Text, between: Span, now_us: int) -> tuple[Step, int]:
    """Where the text is now, and since when in microseconds."""
    start = text.fetched_us or text.received_us
    step, since = Step(0.0, "queued"), text.received_us
    for each in plan(text, between):
        at = start + int(each.after * 1_000_000)
        if at <= now_us:
            step, since = each, at
    return step, since


def arrives_us(text: Text, between: Span) -> int | None:
    """When the handset shows the text; None when it never does, or its pictures are still being fetched."""
    start = text.fetched_us or text.received_us
    steps = plan(text, between)
    shown = [step for step in steps if step.status == "delivered"]
    if text.to_number[-4:] == Magic.SILENT:
        shown = steps[-1:]
    return start + int(shown[-1].after * 1_000_000) if shown else None
