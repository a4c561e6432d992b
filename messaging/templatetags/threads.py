"""How a thread is written: `{% load threads %}` for links in texts and for days as people say them."""

import re
from datetime import date, datetime

from django import template
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from messaging import doubts
from messaging.models import Conversation
from messaging.queries import Look
from portal import phone
from portal.models import Membership
from portal.templatetags import ui

register = template.Library()

# Only addresses that say http: a customer's text never becomes a script, and no word becomes a link by chance.
_LINK = re.compile(r"https?://[^\s<>\"']+", re.IGNORECASE)
_TRAILING = ".,;:!?)]}’”"


@register.filter
def linked(text: str) -> SafeString:
    """The text, escaped, with its web addresses made clickable. They open apart and learn nothing of this page."""
    pieces: list[str] = []
    end = 0
    for match in _LINK.finditer(text):
        url = match[0].rstrip(_TRAILING)
        pieces.append(escape(text[end : match.start()]))
        pieces.append(format_html('<a href="{}" target="_blank" rel="noopener noreferrer nofollow">{}</a>', url, url))
        end = match.start() + len(url)
    pieces.append(escape(text[end:]))
    return mark_safe("".join(pieces))  # noqa: S308 - every piece is escaped above


@register.simple_tag
def told(look: Look | None) -> SafeString:
    """A state as its look says; nothing for none."""
    return ui.state(look.meaning, look.icon, look.word) if look else SafeString("")


@register.filter
def day_name(at: datetime) -> str:
    """`Today`, `Yesterday`, `Monday, March 2`; with the year when it is another one."""
    day: date = timezone.localdate(at)
    today = timezone.localdate()
    near = {0: "Today", 1: "Yesterday"}.get((today - day).days)
    return near or date_format(day, "l, F j" if day.year == today.year else "l, F j, Y")


@register.filter
def who(conversation: Conversation) -> str:
    """The customer's name, or the number as people write it."""
    return conversation.contact.name or phone.pretty(conversation.number)


register.filter("due_look", doubts.look)


@register.simple_tag
def reviews_waiting(membership: Membership) -> int:
    """How many threads hold a text that may be an opt-out and that nobody has read."""
    return doubts.count(membership)
