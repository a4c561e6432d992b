"""The Celery application. Rows are the queue; tasks carry ids and may be lost or repeated."""

import os
from typing import Any

from celery import Celery
from celery.signals import worker_ready

from portal import garbage

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")

app = Celery("portal")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


@worker_ready.connect  # type: ignore[untyped-decorator]
def _is_ready(**_: Any) -> None:
    garbage.settle()
