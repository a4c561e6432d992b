"""For templates: `{% load ui %}` gives icons, states, initials, numbers, times, and links that keep the filters."""

from datetime import date, datetime
from functools import lru_cache
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template import Context
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from lucide.templatetags.lucide import lucide

from portal.phone import pretty

register = template.Library()


# A list of fifty rows shows two hundred icons; reading and writing each as XML would cost more than the query.
@lru_cache(maxsize=512)
def _drawn(name: str, css_class: str, label: str) -> SafeString:
    names: dict[str, Any] = {"role": "img", "aria_label": label} if label else {"aria_hidden": "true"}
    return SafeString(lucide(name, size=16, **{"class": css_class}, **names))


@register.simple_tag
def icon(name: str, css_class: str = "", label: str = "") -> SafeString:
    """A lucide icon of 16px, silent to screen readers because a word stands beside it; `label` gives it a voice."""
    return _drawn(name, f"icon {css_class}".strip(), label)


@register.filter
def phone(number: object) -> str:
    """`+13125550100` -> `(312) 555-0100`."""
    return pretty(str(number))


@register.filter
def initials(name: object) -> str:
    """`Mary Ann Lee` -> `ML`; empty when there is no letter, as in a telephone number."""
    letters = [word[0].upper() for word in str(name).split() if word[0].isalpha()]
    return "".join(letters[:1] + letters[1:][-1:])


# Times are written in one way on every page: the twelve hours of American call centers, the year only when it is
# another one. Filters take what the template engine has brought to the reader's zone. Written out by hand, because a
# page of fifty rows would spend more on Django's date formats than on its query.
MONTHS = ("", "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


@register.filter(expects_localtime=True)
def clock(at: datetime) -> str:
    """`2:05 PM`"""
    return f"{at.hour % 12 or 12}:{at.minute:02} {'PM' if at.hour >= 12 else 'AM'}"


def _clock_with_seconds(at: datetime) -> str:
    return f"{at.hour % 12 or 12}:{at.minute:02}:{at.second:02} {'PM' if at.hour >= 12 else 'AM'}"


@register.filter(expects_localtime=True)
def day(at: datetime) -> str:
    """`Mar 2` this year, `Mar 2, 2025` in others."""
    return _day(at, timezone.localdate())


def _day(at: datetime, today: date) -> str:
    words = f"{MONTHS[at.month]} {at.day}"
    return words if at.year == today.year else f"{words}, {at.year}"


@register.filter(expects_localtime=True)
def when(at: datetime | None) -> str:
    """For lists: `2:05 PM` today, else the day."""
    if at is None:
        return ""
    today = timezone.localdate()
    return clock(at) if at.date() == today else _day(at, today)


@register.simple_tag
def dated(at: datetime, css_class: str = "") -> SafeString:
    """A `<time>` of `when`, for rows."""
    words = when(timezone.localtime(at))
    return format_html('<time class="{}" datetime="{}">{}</time>', css_class, at.isoformat(), words)


@register.simple_tag
def timed(at: datetime) -> SafeString:
    """A `<time>` of `clock`, for lines below their day."""
    return format_html('<time datetime="{}">{}</time>', at.isoformat(), clock(timezone.localtime(at)))


@register.simple_tag
def moment(at: datetime, seconds: bool = False) -> SafeString:
    """A `<time>` of day and clock: `Mar 2, 2:05 PM`; with seconds where an order of events is to be proven."""
    local = timezone.localtime(at)
    words = f"{day(local)}, {_clock_with_seconds(local) if seconds else clock(local)}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)


@register.simple_tag
def ago(at: datetime | None) -> SafeString:
    """A `<time>` of how long since, for signs of life; the moment itself is its title. `Never` when there is none."""
    if at is None:
        return SafeString('<span class="faint">Never</span>')
    local = timezone.localtime(at)
    title = f"{day(local)}, {_clock_with_seconds(local)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), title, naturaltime(at))


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Mac OS", "Mac"), ("Windows", "Windows"))


@register.filter
def browser(user_agent: str) -> str:
    """`Mozilla/5.0 (Macintosh; …) Firefox/128.0` -> `Firefox on Mac`. Good enough to know one's own browser by."""
    name = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in (*SYSTEMS, ("Linux", "Linux")) if mark in user_agent), "")
    return f"{name} on {system}" if system else name


@register.simple_tag
def avatar(name: object, css_class: str = "") -> SafeString:
    """Initials in a circle, silent: write the name beside it or give it a title."""
    return _circle(initials(name), css_class)


@lru_cache(maxsize=512, typed=True)
def _circle(letters: str, css_class: str) -> SafeString:
    shown = letters or icon("user-round")
    return format_html('<span class="avatar {}" aria-hidden="true">{}</span>', css_class, shown)


@register.simple_tag
@lru_cache(maxsize=512, typed=True)  # few words are said, in every row of every page; typed: only what is safe stays so
def state(meaning: str, icon_name: str, word: str, css_class: str = "state") -> SafeString:
    """An icon and a word in the colour of a meaning: good, waiting, warning, wrong, or empty for none."""
    tone = f" is-{meaning}" if meaning else ""
    return format_html('<span class="{}{}">{}{}</span>', css_class, tone, icon(icon_name), word)


@register.simple_tag(takes_context=True)
def page_query(context: Context, **changes: object) -> str:
    """`?…` of this page with some of its parameters changed, for pagers, filters and sorting; None drops one."""
    query = context["request"].GET.copy()
    for name, value in changes.items():
        if value is None:
            query.pop(name, None)
        else:
            query[name] = str(value)
    return f"?{query.urlencode()}"
