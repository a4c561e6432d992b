"""Pages first, fragments second: one template a page, with named parts for HTMX."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render as django_render
from django.utils.cache import patch_vary_headers


def wants(request: HttpRequest, *targets: str) -> bool:
    """Whether HTMX asks for one of these parts. A history restore always gets the whole page."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.history_restore_request and htmx.target in targets


def render(
    request: HttpRequest, template: str, context: dict[str, Any] | None = None, *, part: str = "", status: int = 200
) -> HttpResponse:
    """The page, or its part `part`. Never kept by a cache: it may hold customers' texts."""
    name = f"{template}#{part}" if part else template
    response = django_render(request, name, context, status=status)
    patch_vary_headers(response, ["HX-Request", "HX-Target"])
    response.setdefault("Cache-Control", "no-store")
    return response
