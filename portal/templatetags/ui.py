"""For templates: `{% load ui %}` gives icons, states, initials, numbers, and links that keep the filters."""

from functools import lru_cache
from typing import Any

from django import template
from django.template import Context
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
