"""For templates: `{% load ui %}` gives icons, states, initials, numbers, times, and links that keep the filters."""

from datetime import datetime
from functools import lru_cache
from typing import Any

from django import template
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template import Context
from django.utils import timezone
from django.utils.dateformat import format as date_format
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
# another one. Filters take what the template engine has brought to the reader's zone.
CLOCK, SECONDS = "g:i A", "g:i:s A"


@register.filter(expects_localtime=True)
def clock(at: datetime) -> str:
    """`2:05 PM`"""
    return date_format(at, CLOCK)


@register.filter(expects_localtime=True)
def day(at: datetime) -> str:
    """`Mar 2` this year, `Mar 2, 2025` in others."""
    return date_format(at, "M j" if at.year == timezone.localdate().year else "M j, Y")


@register.filter(expects_localtime=True)
def when(at: datetime | None) -> str:
    """For lists: `2:05 PM` today, else the day."""
    if at is None:
        return ""
    return clock(at) if at.date() == timezone.localdate() else day(at)


@register.simple_tag
def moment(at: datetime, seconds: bool = False) -> SafeString:
    """A `<time>` of day and clock: `Mar 2, 2:05 PM`; with seconds where an order of events is to be proven."""
    local = timezone.localtime(at)
    words = f"{day(local)}, {date_format(local, SECONDS if seconds else CLOCK)}"
    return format_html('<time datetime="{}">{}</time>', local.isoformat(), words)


@register.simple_tag
def ago(at: datetime | None) -> SafeString:
    """A `<time>` of how long since, for signs of life; the moment itself is its title. `Never` when there is none."""
    if at is None:
        return SafeString('<span class="faint">Never</span>')
    local = timezone.localtime(at)
    title = f"{day(local)}, {date_format(local, SECONDS)}"
    return format_html('<time datetime="{}" title="{}">{}</time>', local.isoformat(), title, naturaltime(at))


BROWSERS = (("Edg/", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("Chrome/", "Chrome"), ("Safari/", "Safari"))
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Mac OS", "Mac"), ("Windows", "Windows"))


@register.filter
def browser(user_agent: str) -> str:
    """`Mozilla/5.0 (Macintosh; …) Firefox/128.0` -> `Firefox on Mac`. Good enough to know one's own browser by."""
    name = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in (*SYSTEMS, ("Linux", "Linux")) if mark in user_agent), "")
    return f"{name} on {system}" if system else name


@register.inclusion_tag("components/_avatar.html")
def avatar(name: object, css_class: str = "") -> dict[str, object]:
    """Initials in a circle, silent: write the name beside it or give it a title."""
    return {"initials": initials(name), "css_class": css_class}


@register.simple_tag
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
