"""The ceiling of `webhooks`: Django with one view that reads the body and answers, on the same server.

Settings, addresses and WSGI application in one, chosen by DJANGO_SETTINGS_MODULE=portal.benches.bare.
"""

import os
from typing import Any

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
    """Made on first use: this module is the settings as well, and must be importable before them."""
    global _application
    if _application is None:
        os.environ["DJANGO_SETTINGS_MODULE"] = "portal.benches.bare"
        _application = get_wsgi_application()
    return _application(environ, start_response)


_application: Any = None
