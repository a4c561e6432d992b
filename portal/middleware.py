"""What happens around every view: hooks first, the organization of the address, the reader's zone, HTMX endings."""

import ipaddress
import zoneinfo
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.messages import get_messages
from django.core.handlers.exception import convert_exception_to_response
from django.core.handlers.wsgi import WSGIRequest
from django.db import close_old_connections
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.template.loader import render_to_string
from django.urls import ResolverMatch, resolve
from django.utils import timezone
from django_htmx.http import HttpResponseClientRedirect, HttpResponseLocation

from portal import access

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

Next = Callable[[HttpRequest], HttpResponseBase]
HOOKS = "/hooks/"


def trusted_proxies(get_response: Next) -> Next:
    """What a proxy says of the client counts only when it comes from a proxy that the operator named."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        if not _is_proxy(request.META.get("REMOTE_ADDR", "")):
            for name in [name for name in request.META if name.startswith("HTTP_X_FORWARDED_")]:
                del request.META[name]
        return get_response(request)

    return middleware


def _is_proxy(address: str) -> bool:
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(ip in network for network in settings.PORTAL_TRUSTED_PROXIES)


def hooks_first(get_response: Next) -> Next:
    """Carriers' requests need no session, no cookies and no page: they go to their view at once."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        return _answer_hook(request) if request.path_info.startswith(HOOKS) else get_response(request)

    return middleware


def hooks_past(django: "WSGIApplication") -> "WSGIApplication":
    """A WSGI application that leads hooks past Django's handler as well: the way in would cost more than the view.

    What it leaves out has no meaning for them: middleware, and the signals around a request. Connections are looked
    after here; faults are answered and logged by Django's own rules.
    """
    answer = cast("Callable[[HttpRequest], HttpResponse]", convert_exception_to_response(_answer_hook))

    def application(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        if not environ.get("PATH_INFO", "").startswith(HOOKS):
            return django(environ, start_response)
        close_old_connections()
        response = answer(WSGIRequest(environ))
        start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
        return [response.content]

    return application


def _answer_hook(request: HttpRequest) -> HttpResponse:
    try:
        match = _hook_at(request.path_info)
    except Http404:
        return HttpResponse(status=404)
    response: HttpResponse = match.func(request, *match.args, **match.kwargs)
    return response


@lru_cache(maxsize=256)
def _hook_at(path: str) -> ResolverMatch:
    """Carriers call few addresses, again and again. Raises Http404."""
    return resolve(path, "messaging.hooks")


class OrganizationMiddleware:
    """Below /<slug>/ the member is found once; others get a 404, as if the organization were not there."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        return self.get_response(request)

    def process_view(self, request: HttpRequest, view: Any, args: Any, kwargs: dict[str, Any]) -> None:
        slug = kwargs.pop("slug", None)
        if slug is None or not request.user.is_authenticated:
            return
        membership = access.member_of(slug, request.user)
        if membership is None:
            raise Http404("No such organization.")
        request.membership = membership  # type: ignore[attr-defined]
        request.organization = membership.organization  # type: ignore[attr-defined]
        if not request.user.time_zone:
            timezone.activate(_zone(membership.organization.time_zone))


def reader_time_zone(get_response: Next) -> Next:
    """Times are shown in the reader's zone."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        name = getattr(request.user, "time_zone", "")
        timezone.activate(_zone(name)) if name else timezone.deactivate()
        return get_response(request)

    return middleware


def _zone(name: str) -> zoneinfo.ZoneInfo:
    try:
        return zoneinfo.ZoneInfo(name)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError):
        return zoneinfo.ZoneInfo(settings.TIME_ZONE)


def htmx_answers(get_response: Next) -> Next:
    """A view ends in one way: a redirect. HTMX follows it as a page; one to the sign-in page replaces the window.

    Messages ride along with fragments, so that a flash is seen without a reload.
    """

    def middleware(request: HttpRequest) -> HttpResponseBase:
        response = get_response(request)
        if not getattr(request, "htmx", False):
            return response
        if isinstance(response, HttpResponseRedirect):
            return _follow(request, response)
        if _is_fragment(response) and len(get_messages(request)):
            flash = render_to_string("components/_flash.html", {"out_of_band": True}, request)
            response.content = response.content + flash.encode()  # type: ignore[attr-defined]
        return response

    return middleware


def _follow(request: HttpRequest, response: HttpResponseRedirect) -> HttpResponse:
    if response.url.startswith("/accounts/"):
        return HttpResponseClientRedirect(response.url)
    return HttpResponseLocation(response.url, target="body")


def _is_fragment(response: HttpResponseBase) -> bool:
    return (
        response.status_code == 200
        and not response.streaming
        and response.get("Content-Type", "").startswith("text/html")
        and not response.content.lstrip().lower().startswith(b"<!doctype")  # type: ignore[attr-defined]
    )
