"""The sandbox carrier, as the portal sees it."""

from typing import TYPE_CHECKING

from trunks.carriers.base import Carrier, Field, Limits
from trunks.carriers.sandbox.errors import error_help
from trunks.carriers.sandbox.numbers import check_credentials, enable_numbers, list_numbers
from trunks.carriers.sandbox.send import look_up, read_send, send_call
from trunks.carriers.sandbox.webhooks import event_key, media_headers, parse, verify

__all__ = [
    "ANSWERS_STOP", "BASE_URL", "FIELDS", "KIND", "LIMITS", "NAME", "TEXTS_A_SECOND", "check_credentials",
    "enable_numbers", "error_help", "event_key", "list_numbers", "look_up", "media_headers", "parse", "read_send",
    "send_call", "verify",
]  # fmt: skip

KIND = "sandbox"
NAME = "Sandbox"
FIELDS: tuple[Field, ...] = (
    Field(name="api_key", label="API key", help="The account's key in the sandbox.", secret=True),
    Field(name="signing_secret", label="Signing secret", help="Signs the sandbox's webhooks.", secret=True),
)
BASE_URL = "http://127.0.0.1:8010"
LIMITS = Limits(segments=10, media_count=10, media_bytes=5_000_000)
ANSWERS_STOP = False
TEXTS_A_SECOND = 1000.0

if TYPE_CHECKING:
    from trunks.carriers import sandbox

    _: Carrier = sandbox
