import zoneinfo
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.http import QueryDict
from django.template import Context, Template
from django.utils import timezone
from django.utils.safestring import SafeString
from lucide import IconDoesNotExist

from portal.templatetags import ui


def test_an_icon_beside_a_word_is_silent() -> None:
    drawn = ui.icon("phone")
    assert drawn.startswith("<svg")
    assert 'class="icon"' in drawn
    assert 'aria-hidden="true"' in drawn


def test_an_icon_alone_has_a_voice() -> None:
    drawn = ui.icon("phone", label="Call")
    assert 'role="img"' in drawn
    assert 'aria-label="Call"' in drawn
    assert "aria-hidden" not in drawn


def test_an_icon_that_does_not_exist_is_found_at_once() -> None:
    with pytest.raises(IconDoesNotExist):
        ui.icon("no-such-icon")


@pytest.mark.parametrize(
    ("name", "letters"), [("Ann Lee", "AL"), ("mary ann lee", "ML"), ("Cher", "C"), ("+13125550100", ""), ("", "")]
)
def test_initials(name: str, letters: str) -> None:
    assert ui.initials(name) == letters


def test_a_state_is_colour_icon_and_word_and_the_word_is_escaped() -> None:
    shown = ui.state("wrong", "circle-x", "<b>Failed")
    assert shown.startswith('<span class="state is-wrong"><svg')
    assert shown.endswith("&lt;b&gt;Failed</span>")


@pytest.mark.parametrize(
    ("user_agent", "words"),
    [
        ("Mozilla/5.0 (Windows NT 10.0) AppleWebKit/537.36 Chrome/126.0 Safari/537.36 Edg/126.0", "Edge on Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) Version/17.5 Safari/604.1", "Safari on iPhone"),
        ("Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 Chrome/126.0 Mobile Safari/537.36", "Chrome on Android"),
        ("curl/8.5", "A browser"),
    ],
)
def test_browser(user_agent: str, words: str) -> None:
    assert ui.browser(user_agent) == words


def test_page_links_keep_the_filters(rf: Any) -> None:
    request = rf.get("/x/?team=3&page=2")
    assert isinstance(request.GET, QueryDict)
    template = Template("{% load ui %}{% page_query page=3 %} {% page_query team=None %}")
    assert template.render(Context({"request": request}, autoescape=False)) == "?team=3&page=3 ?page=2"


def test_numbers_are_written_as_people_write_them() -> None:
    assert Template('{% load ui %}{{ "+13125550100"|phone }}').render(Context()) == "(312) 555-0100"


NOON = datetime(2026, 3, 2, 18, 5, 9, tzinfo=UTC)  # five past noon in Chicago


@pytest.fixture
def chicago(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The reader sits in Chicago, and it is one o'clock on that day."""
    monkeypatch.setattr(timezone, "now", lambda: datetime(2026, 3, 2, 19, 0, tzinfo=UTC))
    with timezone.override(zoneinfo.ZoneInfo("America/Chicago")):
        yield


@pytest.mark.usefixtures("chicago")
@pytest.mark.parametrize(
    ("at", "clock", "day", "when", "moment", "proof"),
    [
        (NOON, "12:05 PM", "Mar 2", "12:05 PM", "Mar 2, 12:05 PM", "Mar 2, 12:05:09 PM"),
        (
            datetime(2026, 3, 2, 5, 59, tzinfo=UTC),
            "11:59 PM",
            "Mar 1",
            "Mar 1",
            "Mar 1, 11:59 PM",
            "Mar 1, 11:59:00 PM",
        ),
        (
            datetime(2026, 1, 1, 5, 59, tzinfo=UTC),
            "11:59 PM",
            "Dec 31, 2025",
            "Dec 31, 2025",
            "Dec 31, 2025, 11:59 PM",
            "Dec 31, 2025, 11:59:00 PM",
        ),
    ],
)
def test_times_are_the_reader_s_and_name_another_year(
    at: datetime, clock: str, day: str, when: str, moment: str, proof: str
) -> None:
    template = Template(
        "{% load ui %}{{ at|clock }}; {{ at|day }}; {{ at|when }}; {% moment at %}; {% moment at seconds=True %}"
    )
    written = template.render(Context({"at": at})).split("; ")
    iso = timezone.localtime(at).isoformat()
    assert written == [
        clock, day, when, f'<time datetime="{iso}">{moment}</time>', f'<time datetime="{iso}">{proof}</time>'
    ]  # fmt: skip


@pytest.mark.usefixtures("chicago")
def test_rows_and_lines_name_the_moment_and_say_it_shortly() -> None:
    template = Template('{% load ui %}{% dated at "conv-when" %} {% timed at %}')
    assert template.render(Context({"at": NOON})) == (
        '<time class="conv-when" datetime="2026-03-02T18:05:09+00:00">12:05 PM</time>'
        ' <time datetime="2026-03-02T18:05:09+00:00">12:05 PM</time>'
    )


def test_what_is_safe_in_one_state_stays_unsafe_in_another() -> None:
    safe = ui.state("good", "check", SafeString("<b>Sent</b>"))
    assert safe.endswith("<b>Sent</b></span>")
    assert ui.state("good", "check", "<b>Sent</b>").endswith("&lt;b&gt;Sent&lt;/b&gt;</span>")


def test_a_sign_of_life_says_how_long_since() -> None:
    template = Template("{% load ui %}{% ago at %}")
    with timezone.override(zoneinfo.ZoneInfo("America/Chicago")):
        long_since = template.render(Context({"at": datetime(2020, 3, 2, 18, 5, 9, tzinfo=UTC)}))
    assert long_since.startswith('<time datetime="2020-03-02T12:05:09-06:00" title="Mar 2, 2020, 12:05:09 PM">')
    assert template.render(Context({"at": timezone.now() - timedelta(minutes=54)})).endswith(
        ">54\xa0minutes ago</time>"
    )
    assert template.render(Context({"at": None})) == '<span class="faint">Never</span>'
