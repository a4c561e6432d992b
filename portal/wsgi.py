"""Pages and webhooks, for a WSGI server."""

import os

# Its threads live as long as the server does, so that each may keep its connection (see Configuration.database).
os.environ.setdefault("PORTAL_KEPT_CONNECTIONS", "true")
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

from django.core.wsgi import get_wsgi_application  # noqa: E402 - after the environment

_django = get_wsgi_application()

from portal import garbage, middleware  # noqa: E402 - after the set-up

application = middleware.hooks_past(_django)
garbage.settle()
