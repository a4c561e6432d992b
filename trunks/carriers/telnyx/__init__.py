"""Telnyx, API v2. README.md says what was checked against what."""

from typing import TYPE_CHECKING

from trunks.carriers.base import Carrier, Field, Limits
from trunks.carriers.telnyx.errors import error_help
from trunks.carriers.telnyx.numbers import check_credentials, enable_numbers, list_numbers
from trunks.carriers.telnyx.send import look_up, read_send, send_call
from trunks.carriers.telnyx.webhooks import event_key, media_headers, parse, verify

__all__ = [
    "ANSWERS_STOP", "BASE_URL", "FIELDS", "KIND", "LIMITS", "NAME", "TEXTS_A_SECOND", "check_credentials",
    "enable_numbers", "error_help", "event_key", "list_numbers", "look_up", "media_headers", "parse", "read_send",
    "send_call", "verify",
]  # fmt: skip

KIND = "telnyx"
NAME = "Telnyx"
FIELDS: tuple[Field, ...] = (
    Field(name="api_key", label="API key", help="Account settings, Keys & Credentials. Starts with KEY.", secret=True),
    Field(
        name="public_key",
        label="Public key",
        help="On the same page. Proves that a webhook really comes from Telnyx.",
    ),
    Field(
        name="messaging_profile_id",
        label="Messaging profile ID",
        help="Messaging, the profile your numbers shall join when they are switched on for texts.",
    ),
)
BASE_URL = "https://api.telnyx.com"
# Telnyx takes just under 1 MB, but some networks stop at 600 KB, so that is what we allow.
LIMITS = Limits(segments=10, media_count=10, media_bytes=600_000)
ANSWERS_STOP = True  # on the messaging profile; the webhook says so with `autoresponse_type`
TEXTS_A_SECOND = 50.0  # SMS, account-wide

if TYPE_CHECKING:
    from trunks.carriers import telnyx

    _: Carrier = telnyx
