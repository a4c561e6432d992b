"""What a request's log line says of its address: no query (people search for names and words), no one-time key."""

from typing import Any

from django.dispatch import receiver
from django.http import HttpRequest
from django_structlog.signals import bind_extra_request_finished_metadata, bind_extra_request_metadata

KEYED = ("/invitation/", "/m/", "/accounts/password/reset/key/")


@receiver([bind_extra_request_metadata, bind_extra_request_finished_metadata])
def say_less(sender: object, request: HttpRequest, log_kwargs: dict[str, Any], **_: object) -> None:
    log_kwargs["request"] = f"{request.method} {loggable(request.path)}"


def loggable(path: str) -> str:
    """The path without what opens a door."""
    return next((f"{start}…" for start in KEYED if path.startswith(start)), path)
