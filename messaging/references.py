"""The reference a carrier says back with a receipt: the attempt's id, signed, so that nobody else can name one."""

import hashlib
import hmac

from django.conf import settings


def make(attempt_id: int) -> str:
    return f"{attempt_id}-{_sign(attempt_id)}"


def read(reference: str) -> int | None:
    """The attempt's id, or None when the reference is not ours."""
    number, _, signature = reference.partition("-")
    if not number.isascii() or not number.isdecimal() or len(number) > 18:
        return None
    if not hmac.compare_digest(signature.encode(), _sign(int(number)).encode()):
        return None
    return int(number)


def _sign(attempt_id: int) -> str:
    key = settings.PORTAL_LINK_KEY.encode()
    return hmac.digest(key, f"attempt:{attempt_id}".encode(), hashlib.sha256).hex()[:20]
