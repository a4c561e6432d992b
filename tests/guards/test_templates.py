"""The content policy forbids inline scripts and styles; a misspelt icon is a 500 for whoever opens the page."""

import re
from pathlib import Path

import pytest
from lucide import _load_icon

ROOT = Path(__file__).parents[2]
TEMPLATES = sorted((ROOT / "templates").rglob("*.html"))
NOT_A_SCRIPT = re.compile(r"<script(?![^>]*\b(?:src=|type=\"application/json\"))[^>]*>")
INLINE = re.compile(r"\s(?:style|on[a-z]+|hx-on[:-][\w:-]+)=")
# Times are written by the filters and tags of portal/templatetags/ui.py, so that all pages write them alike.
OWN_TIME = re.compile(r"""\|(?:time\b|naturaltime|naturalday|timesince|date:(?!'(?:c|Y-m-d)'|"U"))""")
ICON = re.compile(r'{%\s*icon "([^"]+)"|{%\s*state "[^"]*" "([^"]+)"|icon_name="([^"]+)"')


def test_there_are_templates() -> None:
    assert len(TEMPLATES) > 40


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_template_is_fit_for_the_content_policy(path: Path) -> None:
    text = path.read_text()
    assert INLINE.findall(text) == []
    assert NOT_A_SCRIPT.findall(text) == []


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_icons_exist(path: Path) -> None:
    for names in ICON.findall(path.read_text()):
        _load_icon(next(filter(None, names)))


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: str(path.relative_to(ROOT)))
def test_times_are_written_in_one_way(path: Path) -> None:
    assert OWN_TIME.findall(path.read_text()) == []
