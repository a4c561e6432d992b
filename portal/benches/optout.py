"""How well opt-outs are told from other replies, on labelled phrases. Needs no database: it runs where it is called.

The labels: `revoke` (a reasonable person hears a wish to get no more texts, or that the number is another's), `review`
(a person should decide), `keep` (must not opt anybody out).
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from compliance.optout_words import Kind, classify

NAME = "optout"
OWN_PHRASES = Path(__file__).with_name("optout_phrases.json")
LABELS = ("revoke", "review", "keep")
PRECISION, RECALL, RECALL_WITH_REVIEW = 0.98, 0.6, 0.99
_OUTCOMES = {Kind.STOP: "revoke", Kind.WRONG_NUMBER: "revoke", Kind.DOUBT: "review"}


class BadPhrases(Exception):
    """A file that cannot be measured. The text says why."""


def line(path: Path = OWN_PHRASES) -> str:
    """One JSON line: the four shares over all phrases, and again for each of the file's sets. Raises BadPhrases."""
    phrases = load(path)
    sets = sorted({phrase["set"] for phrase in phrases} - {""})
    of_each = {name: _measure([phrase for phrase in phrases if phrase["set"] == name]) for name in sets}
    result = _measure(phrases)
    met = all(
        value is None or value >= target
        for value, target in (
            (result["precision"], PRECISION),
            (result["recall"], RECALL),
            (result["recall_with_review"], RECALL_WITH_REVIEW),
        )
    )
    return json.dumps({"name": NAME, **result, "met": met, **({"sets": of_each} if of_each else {})})


def load(path: Path) -> list[dict[str, str]]:
    """The phrases of `{"phrases": [{"text", "label", "set"?}]}`. Raises BadPhrases."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BadPhrases(f"{path} cannot be read: {error.strerror}.") from error
    except ValueError as error:
        raise BadPhrases(f"{path} is not JSON: {error}.") from error
    phrases = content.get("phrases") if isinstance(content, dict) else None
    if not isinstance(phrases, list) or not phrases:
        raise BadPhrases(f'{path} holds no phrases: {{"phrases": [{{"text": …, "label": …}}]}} is expected.')
    return [_phrase(path, at, phrase) for at, phrase in enumerate(phrases, 1)]


def _phrase(path: Path, at: int, phrase: Any) -> dict[str, str]:
    if not isinstance(phrase, dict) or not isinstance(phrase.get("text"), str):
        raise BadPhrases(f"{path}: phrase {at} has no text.")
    if phrase.get("label") not in LABELS:
        raise BadPhrases(f"{path}: phrase {at} needs a label: {', '.join(LABELS)}.")
    return {"text": phrase["text"], "label": phrase["label"], "set": str(phrase.get("set") or "")}


def _measure(phrases: list[dict[str, str]]) -> dict[str, Any]:
    """precision: of those opted out, how many wished it; recall: of those who wished it, how many were opted out (or,
    with review, at least shown to a person); review_rate: of those to keep, how many a person is asked about. A share
    of nothing is null."""
    pairs = Counter((phrase["label"], _OUTCOMES.get(classify(phrase["text"]).kind, "keep")) for phrase in phrases)
    labelled = {label: sum(count for (was, _), count in pairs.items() if was == label) for label in LABELS}
    opted_out = sum(count for (_, outcome), count in pairs.items() if outcome == "revoke")
    right, seen = pairs["revoke", "revoke"], pairs["revoke", "review"]
    return {
        "phrases": len(phrases),
        "precision": _share(right, opted_out),
        "recall": _share(right, labelled["revoke"]),
        "recall_with_review": _share(right + seen, labelled["revoke"]),
        "review_rate": _share(pairs["keep", "review"], labelled["keep"]),
    }


def _share(part: int, whole: int) -> float | None:
    return round(part / whole, 4) if whole else None
