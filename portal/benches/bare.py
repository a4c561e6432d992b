"""The ceiling of `webhooks`: Django with one view that reads the body and answers, on the same server.

Settings, addresses and applications in one, chosen by DJANGO_SETTINGS_MODULE=portal.benches.bare.
"""

import os
from collections.abc import Callable
from functools import cache
from typing import Any

from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path

SECRET_KEY = "nothing is signed here"  # noqa: S105
ALLOWED_HOSTS = ["*"]
ROOT_URLCONF = "portal.benches.bare"
MIDDLEWARE: list[str] = []
INSTALLED_APPS: list[str] = []
USE_TZ = True


def take(request: HttpRequest) -> HttpResponse:
    answer = HttpResponse(f"{len(request.body)}\n", content_type="text/plain")
    answer["Content-Length"] = str(len(answer.content))
    return answer


urlpatterns = [path("healthz", take), re_path("^hooks/", take)]


def application(environ: dict[str, Any], start_response: Any) -> Any:
    return _made(get_wsgi_application)(environ, start_response)


async def embedded(scope: Any, receive: Any, send: Any) -> None:
    """For the server of embedded mode."""
    await _made(get_asgi_application)(scope, receive, send)


@cache
def _made(make: Callable[[], Any]) -> Any:
    """On first use: this module is the settings as well, and must be importable before them."""
    os.environ["DJANGO_SETTINGS_MODULE"] = "portal.benches.bare"
    return make()
