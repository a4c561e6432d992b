"""Carrier credentials at rest."""

import pytest
from cryptography.fernet import Fernet
from django.core import serializers
from django.core.exceptions import FieldError
from django.db import connection

from portal.models import Organization
from portal.secrets import CannotDecrypt, EncryptedJSONField, decrypt, encrypt, mask, rotate
from trunks.models import CarrierAccount

VALUES = {"api_key": "KEY0123456789abcd", "public_key": "é✓", "nested": {"a": [1, None]}}


def test_what_goes_in_comes_out_and_never_looks_the_same():
    first, second = encrypt(VALUES), encrypt(VALUES)
    assert first != second
    assert "KEY0123456789abcd" not in first
    assert decrypt(first) == decrypt(second) == VALUES


def test_keys_are_rotated(settings):
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    settings.PORTAL_SECRET_KEYS = [old]
    stored = encrypt(VALUES)
    settings.PORTAL_SECRET_KEYS = [new, old]
    assert decrypt(stored) == VALUES
    rotated = rotate(stored)
    settings.PORTAL_SECRET_KEYS = [new]
    assert decrypt(rotated) == VALUES
    for read in (decrypt, rotate):
        with pytest.raises(CannotDecrypt):
            read(stored)


def test_what_was_tampered_with_is_refused():
    stored = encrypt(VALUES)
    for text in (stored[:-2], stored[:20] + ("A" if stored[20] != "A" else "B") + stored[21:], "", "plain", "é"):
        with pytest.raises(CannotDecrypt):
            decrypt(text)


def test_secrets_do_not_show_themselves():
    opened = decrypt(encrypt(VALUES))
    assert repr(opened) == str(opened) == f"{opened}" == "<secrets: api_key, nested, public_key>"


@pytest.mark.parametrize(
    ("value", "shown"),
    [("KEY0123456789abcd", "••••abcd"), ("123456789012", "••••9012"), ("12345678901", "••••"), ("", "••••")],
)
def test_masks(value, shown):
    assert mask(value) == shown


@pytest.fixture
def account(db) -> CarrierAccount:
    organization = Organization.objects.create(name="Acme", slug="acme")
    return CarrierAccount.objects.create(
        organization=organization, kind="sandbox", name="Main", base_url="https://api.example.com", values=VALUES
    )


def test_the_database_holds_ciphertext(account):
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {connection.ops.quote_name('values')} FROM trunks_carrieraccount")
        (stored,) = cursor.fetchone()
    assert "KEY0123456789abcd" not in stored
    assert decrypt(stored) == VALUES
    account.refresh_from_db()
    assert account.values == VALUES
    assert "KEY0123456789abcd" not in repr(account.values)


def test_a_dump_holds_ciphertext_and_loads_again(account):
    dump = serializers.serialize("json", [account])
    assert "KEY0123456789abcd" not in dump
    account.delete()
    (loaded,) = serializers.deserialize("json", dump)
    loaded.save()
    assert CarrierAccount.objects.get().values == VALUES


def test_ciphertext_cannot_be_searched(account):
    with pytest.raises(FieldError):
        CarrierAccount.objects.filter(values=VALUES).exists()
    assert CarrierAccount.objects.filter(values__isnull=False).count() == 1


def test_an_empty_field_stays_empty():
    field = EncryptedJSONField()
    assert field.get_prep_value(None) is None
    assert field.from_db_value(None) is None
