"""Puts verified webhooks into the table: those that come together to one process in one statement and one commit.

Every thread brings its row and goes on when it is committed. One of them leads: it stores all rows that have gathered,
its own among them, and hands the lead to a thread that came meanwhile.
"""

import json
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from typing import Any

import psycopg
from django.db import Error, connection

from messaging.models import Delivery
from trunks.carriers.base import Webhook
from trunks.models import CarrierAccount

KEPT_HEADERS = ("content-type", "user-agent")
Stored = tuple[int, int]  # the row's id and how often it has been seen


@dataclass(slots=True, eq=False)
class _Waiting:
    """`turn` is released when the row is stored (or cannot be, together with the others), or when it is to lead."""

    name: tuple[Any, str]
    values: list[Any]
    turn: Any = field(default_factory=threading.Lock)
    leads: bool = False
    stored: Stored | None = None


_waiting: list[_Waiting] = []
_guard = threading.Lock()
_is_led = False


def put(account: CarrierAccount, key: str, webhook: Webhook) -> Stored:
    """Store one, by itself, in the caller's transaction if there is one. Two equal ones at once give one row."""
    one = _row(account, key, webhook)
    return _insert([one])[one.name]


def put_together(account: CarrierAccount, key: str, webhook: Webhook) -> Stored:
    """Store one with those of other threads. Committed on return; the caller is in no transaction."""
    global _is_led
    one = _row(account, key, webhook)
    one.turn.acquire()
    with _guard:
        _waiting.append(one)
        one.leads, _is_led = not _is_led, True
    if not one.leads:
        one.turn.acquire()
    if one.leads:
        _lead()
    # What could not be stored together is tried alone, so that one bad row fails nobody else's.
    return one.stored or _insert([one])[one.name]


def _lead() -> None:
    global _is_led
    group = _gathered()
    try:
        stored = _insert(group)
        for one in group:
            one.stored = stored[one.name]
    except Error:
        connection.close_if_unusable_or_obsolete()
    finally:
        with _guard:
            if _waiting:
                _waiting[0].leads = True
                group.append(_waiting[0])
            else:
                _is_led = False
        for one in group:
            one.turn.release()


def _gathered() -> list[_Waiting]:
    """All that wait, but of equal ones the first: a statement may touch a row once."""
    with _guard:
        group = {one.name: one for one in reversed(_waiting)}
        _waiting[:] = [one for one in _waiting if group[one.name] is not one]
    return list(reversed(group.values()))


def _row(account: CarrierAccount, key: str, webhook: Webhook) -> _Waiting:
    kept = _kept(tuple((name, webhook.headers[name]) for name in KEPT_HEADERS if name in webhook.headers))
    account_id = CarrierAccount._meta.pk.get_db_prep_value(account.pk, connection)
    return _Waiting((account_id, key), [account_id, key, webhook.url[-500:], kept, webhook.body])


@lru_cache(maxsize=256)
def _kept(headers: tuple[tuple[str, str], ...]) -> str:
    """As JSON. A carrier's are the same each time."""
    return json.dumps(dict(headers))


def _insert(group: Sequence[_Waiting]) -> dict[tuple[Any, str], Stored]:
    """In one statement; a row that is there already counts how often it was seen."""
    rows = _run(_statement(len(group)), [value for one in group for value in one.values])
    return {(account_id, key): (pk, seen) for account_id, key, pk, seen in rows}


def _run(statement: str, values: Sequence[Any]) -> list[Any]:
    if connection.vendor == "postgresql":
        # The driver's own cursor sends the values beside the statement; Django's writes each body into it, in hex.
        connection.ensure_connection()
        with connection.wrap_database_errors:
            return list(psycopg.Cursor(connection.connection).execute(statement, values))
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())


@cache
def _statement(rows: int) -> str:
    table = Delivery._meta.db_table
    values = ", ".join(["(%s, %s, %s, %s, %s, 1, 0, '')"] * rows)
    return f"""
        INSERT INTO {table} (account_id, key, url, headers, body, seen, tries, error) VALUES {values}
        ON CONFLICT (account_id, key) DO UPDATE SET seen = {table}.seen + 1 RETURNING account_id, key, id, seen
    """  # noqa: S608 - the model's own names
