"""Carrier credentials at rest: encrypted with keys of their own, so that they and SECRET_KEY are rotated apart."""

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class CannotDecrypt(Exception):
    """No key of PORTAL_CREDENTIAL_KEYS opens what is stored."""


class Secrets(dict[str, Any]):
    """A dict of secrets whose repr names the keys alone, for tracebacks, error pages and logs."""

    def __repr__(self) -> str:
        return f"<secrets: {', '.join(self)}>"

    __str__ = __repr__


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.PORTAL_SECRET_KEYS])


def _open(how: Callable[[bytes], bytes], text: str) -> bytes:
    try:
        return how(text.encode())
    except InvalidToken:
        raise CannotDecrypt("The credentials were stored with a key that PORTAL_CREDENTIAL_KEYS lacks.") from None


def encrypt(values: dict[str, Any]) -> str:
    return _box().encrypt(json.dumps(values, sort_keys=True).encode()).decode()


def decrypt(text: str) -> Secrets:
    """What `encrypt` was given, or CannotDecrypt."""
    return Secrets(json.loads(_open(_box().decrypt, text)))


def rotate(text: str) -> str:
    """The same values under the first key."""
    return _open(_box().rotate, text).decode()


def mask(value: str) -> str:
    """What a screen may show of a secret: its last four characters when it is long enough to keep the rest."""
    return "••••" + value[-4:] if len(value) >= 12 else "••••"


if TYPE_CHECKING:
    _TextOfDict = models.TextField[dict[str, Any], dict[str, Any]]
else:
    _TextOfDict = models.TextField


class EncryptedJSONField(_TextOfDict):
    """A dict that is readable in Python and ciphertext in the database and in dumps. It cannot be searched."""

    def from_db_value(self, value: str | None, *_: Any) -> Secrets | None:
        return None if value is None else decrypt(value)

    def to_python(self, value: Any) -> Any:
        return decrypt(value) if isinstance(value, str) else value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))

    def get_lookup(self, lookup_name: str) -> Any:
        """No lookup but isnull: the same values encrypt differently each time, so that a search would find nothing."""
        return super().get_lookup(lookup_name) if lookup_name == "isnull" else None
