"""WCAG 2.2 AA by arithmetic: every word on every ground, and every control's edge, in both themes."""

import math
import re
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "static" / "css" / "portal.css").read_text()
TOKEN = re.compile(r"--([\w-]+): light-dark\(oklch\(([\d. ]+)\), oklch\(([\d. ]+)\)\)")
GROUNDS = ("canvas", "surface", "sunken", "hover", "float", "picked")
MEANINGS = ("accent", "good", "waiting", "warning", "wrong")
PAIRS = (
    [(word, ground, 4.5) for word in ("text", "text-2", "text-3", *MEANINGS) for ground in GROUNDS]
    + [(word, f"{meaning}-soft", 4.5) for meaning in MEANINGS for word in ("text", "text-2", meaning)]
    + [(meaning, "accent-soft", 4.5) for meaning in MEANINGS]
    + [("on-accent", "accent", 4.5), ("on-accent", "accent-hover", 4.5)]
    + [("line-control", ground, 3.0) for ground in ("canvas", "surface", "float")]
)


def luminance(oklch: str) -> float:
    """Relative luminance (WCAG) of `L C h`, by the Oklab matrices of CSS Color 4."""
    lightness, chroma, hue = (float(part) for part in oklch.split())
    a, b = chroma * math.cos(math.radians(hue)), chroma * math.sin(math.radians(hue))
    long = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3
    medium = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3
    short = (lightness - 0.0894841775 * a - 1.2914855480 * b) ** 3
    red = 4.0767416621 * long - 3.3077115913 * medium + 0.2309699292 * short
    green = -1.2684380046 * long + 2.6097574011 * medium - 0.3413193965 * short
    blue = -0.0041960863 * long - 0.7034186147 * medium + 1.7076147010 * short
    red, green, blue = (min(1.0, max(0.0, part)) for part in (red, green, blue))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_luminance_knows_black_and_white() -> None:
    assert luminance("0 0 0") == 0
    assert luminance("1 0 0") == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_contrast(theme: str) -> None:
    tokens = {name: luminance(light if theme == "light" else dark) for name, light, dark in TOKEN.findall(CSS)}
    short = {}
    for front, ground, needed in PAIRS:
        dim, bright = sorted((tokens[front], tokens[ground]))
        ratio = (bright + 0.05) / (dim + 0.05)
        if ratio < needed:
            short[front, ground] = round(ratio, 2)
    assert short == {}
