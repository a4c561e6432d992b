"""`{% load phone %}{{ did.number|pretty }}`."""

from django import template

from portal import phone

register = template.Library()


@register.filter
def pretty(number: str | None) -> str:
    return phone.pretty(number) if number else ""
