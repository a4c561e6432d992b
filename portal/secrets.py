"""Carrier credentials at rest: encrypted with keys of their own, apart from SECRET_KEY, so that each can be rotated."""

import json
from typing import TYPE_CHECKING, Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings
from django.db import models


class CannotDecrypt(Exception):
    """No key of PORTAL_CREDENTIAL_KEYS opens what is stored."""


def _box() -> MultiFernet:
    return MultiFernet([Fernet(key) for key in settings.PORTAL_SECRET_KEYS])


def encrypt(values: dict[str, Any]) -> str:
    return _box().encrypt(json.dumps(values, sort_keys=True).encode()).decode()


def decrypt(text: str) -> dict[str, Any]:
    try:
        plain = _box().decrypt(text.encode())
    except InvalidToken as error:
        raise CannotDecrypt("The credentials were stored with a key that PORTAL_CREDENTIAL_KEYS lacks.") from error
    values: dict[str, Any] = json.loads(plain)
    return values


def rotate(text: str) -> str:
    """The same values under the first key."""
    return _box().rotate(text.encode()).decode()


def mask(value: str) -> str:
    """What a screen may show of a secret: its last four characters when it is long enough to keep the rest."""
    return "••••" + value[-4:] if len(value) >= 12 else "••••"


if TYPE_CHECKING:
    _TextOfDict = models.TextField[dict[str, Any], dict[str, Any]]
else:
    _TextOfDict = models.TextField


class EncryptedJSONField(_TextOfDict):
    """A dict that is readable in Python and ciphertext in the database."""

    def from_db_value(self, value: str | None, *_: Any) -> dict[str, Any] | None:
        return None if value is None else decrypt(value)

    def to_python(self, value: Any) -> Any:
        return value

    def get_prep_value(self, value: Any) -> str | None:
        return None if value is None else encrypt(value)

    def value_to_string(self, obj: models.Model) -> str:
        return str(self.get_prep_value(self.value_from_object(obj)))
