"""Rows written in bulk without a model object each, which would cost more than the row."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection
from django.db.models import Field, Model
from django.db.models.fields import NOT_PROVIDED

Columns = Mapping[str, Sequence[Any]]


def insert_rows(model: type[Model], columns: Columns, *, ignore_conflicts: bool = False, **same: Any) -> list[Any]:
    """INSERT one row for each place of `columns` (field name -> values, all of one length); the new keys in order.

    same: fields that have one value in every row; the others take their defaults. No key comes back when conflicts
    are ignored. Values are those that the field holds; a relation takes the key (`account_id`).
    """
    if not len(next(iter(columns.values()))):
        return []
    if connection.vendor != "postgresql":
        return _as_objects(model, columns, same, ignore_conflicts)
    fields = {field.attname: field for field in model._meta.concrete_fields}
    same = _defaults(fields, {*columns, *same}) | same
    names = ", ".join(_quoted(fields[name].column) for name in (*columns, *same))
    arrays = ", ".join(f"%s::{_type(fields[name])}[]" for name in columns)
    values = ", ".join(["given.*", *(f"%s::{_type(fields[name])}" for name in same)])
    end = "ON CONFLICT DO NOTHING" if ignore_conflicts else f"RETURNING {_quoted(_key(model).column)}"
    table = _quoted(model._meta.db_table)
    statement = f"INSERT INTO {table} ({names}) SELECT {values} FROM UNNEST({arrays}) AS given {end}"  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(statement, [*same.values(), *map(list, columns.values())])
        return [] if ignore_conflicts else [row[0] for row in cursor.fetchall()]


def _as_objects(model: type[Model], columns: Columns, same: Mapping[str, Any], ignore_conflicts: bool) -> list[Any]:
    rows = (model(**dict(zip(columns, row, strict=True)), **same) for row in zip(*columns.values(), strict=True))
    made = model._default_manager.bulk_create(rows, ignore_conflicts=ignore_conflicts)
    return [] if ignore_conflicts else [row.pk for row in made]


def _defaults(fields: Mapping[str, "Field[Any, Any]"], given: set[str]) -> dict[str, Any]:
    """What the other columns hold: Django's defaults are not the database's, unless the field says so."""
    return {
        name: field.get_default()
        for name, field in fields.items()
        if name not in given and field.db_default is NOT_PROVIDED and not field.primary_key
    }


def _key(model: type[Model]) -> "Field[Any, Any]":
    key = model._meta.pk
    assert key is not None
    return key


def _type(field: "Field[Any, Any]") -> str:
    """Without its length: a cast would cut off what is too long, the column refuses it."""
    return str(field.db_type(connection)).split("(")[0]


def _quoted(name: str | None) -> str:
    assert name is not None, "a concrete field has a column"
    return connection.ops.quote_name(name)
