"""Pages and webhooks, for a WSGI server."""

import os
from collections.abc import Callable, Iterable
from typing import Any, cast

# Its threads live as long as the server does, so that each may keep its connection (see Configuration.database).
os.environ.setdefault("PORTAL_KEPT_CONNECTIONS", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.core.handlers.exception import convert_exception_to_response  # noqa: E402 - after the environment
from django.core.handlers.wsgi import WSGIRequest  # noqa: E402
from django.core.wsgi import get_wsgi_application  # noqa: E402
from django.db import close_old_connections  # noqa: E402
from django.http import HttpRequest, HttpResponse  # noqa: E402

_django = get_wsgi_application()

from portal import garbage  # noqa: E402 - after the set-up
from portal.middleware import HOOKS, answer_hook  # noqa: E402

garbage.settle()

_hooks = cast("Callable[[HttpRequest], HttpResponse]", convert_exception_to_response(answer_hook))


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Django, but carriers' requests go past its middleware: most of what a webhook costs here would be the way in."""
    if not environ.get("PATH_INFO", "").startswith(HOOKS):
        return _django(environ, start_response)
    close_old_connections()
    response = _hooks(WSGIRequest(environ))
    start_response(f"{response.status_code} {response.reason_phrase}", list(response.items()))
    return [response.content]
