"""Counting and cutting texts; the browser is held to the same vectors (tests/static/js/test_segments.py)."""

import json
import timeit
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.segments import BASIC, EXTENSION, Count, count, normalize, plain, split

VECTORS = json.loads((Path(__file__).parent.parent / "vectors" / "segments.json").read_text())


def joined(pieces: list[str | list[object]]) -> str:
    return "".join(piece if isinstance(piece, str) else piece[0] * piece[1] for piece in pieces)  # type: ignore[operator]


def units(part: str, encoding: str) -> int:
    if encoding == "UCS-2":
        return len(part.encode("utf-16-be", "surrogatepass")) // 2
    return sum(2 if character in EXTENSION else 1 for character in part)


@pytest.mark.parametrize("case", VECTORS["count"], ids=lambda case: case["kind"].replace(" ", "_"))
def test_vectors(case):
    text = joined(case["text"])
    counted = count(text)
    assert (counted.encoding, counted.segments) == (case["encoding"], len(case["parts"]))
    assert counted.units == sum(case["parts"])
    assert [units(part, counted.encoding) for part in split(text)] == case["parts"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", Count("GSM-7", 0, 0, 160)),
        ("Hello", Count("GSM-7", 1, 5, 155)),
        ("x" * 160, Count("GSM-7", 1, 160, 0)),
        ("x" * 161, Count("GSM-7", 2, 161, 145)),
        ("x" * 306, Count("GSM-7", 2, 306, 0)),
        ("x" * 307, Count("GSM-7", 3, 307, 152)),
        ("€", Count("GSM-7", 1, 2, 158)),
        ("x" * 152 + "€" + "x" * 10, Count("GSM-7", 2, 164, 141)),
        ("é", Count("GSM-7", 1, 1, 159)),
        ("e\u0301", Count("UCS-2", 1, 2, 68, ("\u0301",))),
        ("“a” “b” ™", Count("UCS-2", 1, 9, 61, ("“", "”", "™"))),
        ("[€]", Count("GSM-7", 1, 6, 154)),
        ("[€]“", Count("UCS-2", 1, 4, 66, ("“",))),
        ("😀", Count("UCS-2", 1, 2, 68, ("😀",))),
        ("😀" * 35, Count("UCS-2", 1, 70, 0, ("😀",))),
        ("😀" * 36, Count("UCS-2", 2, 72, 61, ("😀",))),
        ("😀" * 67, Count("UCS-2", 3, 134, 65, ("😀",))),
        ("a\r\nb", Count("GSM-7", 1, 4, 156)),
    ],
)
def test_counts(text, expected):
    assert count(text) == expected


def test_the_alphabet_is_whole():
    assert (len(BASIC), len(set(BASIC)), len(EXTENSION)) == (127, 127, 10)
    assert count(BASIC).encoding == "GSM-7"
    assert [count(c).units for c in EXTENSION] == [2] * 10
    assert [count(c).encoding for c in "`\tçáíóúâêîôûëïÀÈ°©®™¢\u00a0“”‘’–—…•\x1b"] == ["UCS-2"] * 31


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("", []),
        ("x" * 160, ["x" * 160]),
        ("x" * 161, ["x" * 153, "x" * 8]),
        ("x" * 152 + "€" + "y" * 9, ["x" * 152, "€" + "y" * 9]),
        ("я" * 66 + "😀" + "яяя", ["я" * 66, "😀яяя"]),
    ],
)
def test_pairs_are_never_cut(text, parts):
    assert split(text) == parts


characters = st.one_of(
    st.sampled_from(BASIC), st.sampled_from(EXTENSION), st.sampled_from("яé“😀👩\u200d🚀\u0301"), st.characters()
)
texts = st.one_of(
    st.text(st.sampled_from(BASIC + EXTENSION), max_size=700), st.text(characters, max_size=300), st.text(max_size=50)
)


@given(texts)
def test_parts_join_to_the_text_and_fit(text):
    counted, parts = count(text), split(text)
    assert "".join(parts) == text
    assert len(parts) == counted.segments
    sizes = [units(part, counted.encoding) for part in parts]
    assert sum(sizes) == counted.units
    single, each = {"GSM-7": (160, 153), "UCS-2": (70, 67)}[counted.encoding]
    capacity = single if len(parts) <= 1 else each
    assert all(0 < size <= capacity for size in sizes)
    assert all(size >= each - 1 for size in sizes[:-1])
    assert counted.units_left == capacity - (sizes[-1] if sizes else 0)
    assert bool(counted.offenders) == (counted.encoding == "UCS-2")
    assert [c for c in dict.fromkeys(text) if c not in BASIC + EXTENSION] == list(counted.offenders)


@given(texts)
def test_plain_is_settled_and_forces_nothing_new(text):
    simple = plain(text)
    assert plain(simple) == simple
    assert normalize(simple) == simple
    assert set(count(simple).offenders) <= set(count(normalize(text)).offenders)


@pytest.mark.parametrize(("text", "simple"), VECTORS["plain"])
def test_plain(text, simple):
    assert plain(text) == simple


def test_plain_brings_a_typographic_text_back_to_one_part():
    text = "“" + "x" * 150 + "…”"
    assert (count(text).segments, count(plain(text)).segments) == (3, 1)


@pytest.mark.parametrize(
    ("text", "normal"),
    [("e\u0301\r\nx", "é\nx"), ("a\r\n\r\nb", "a\n\nb"), ("a\rb", "a\rb"), ("한", "한"), ("", "")],
)
def test_normalize(text, normal):
    assert normalize(text) == normal


def test_counting_is_fast_enough_for_a_batch():
    text = "Hi Ann, your order is ready. Call us at (813) 727-1234. Reply STOP to end."
    best = min(timeit.repeat(lambda: count(text), number=2000, repeat=5))
    assert 2000 / best > 50_000
