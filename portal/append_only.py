"""Tables whose rows the database itself refuses to change. For migrations.

A later migration that rebuilds such a table on SQLite loses the trigger and must lay it again; a guard test tells.
"""

from collections.abc import Callable
from typing import Any


def forbid_updates(table: str) -> tuple[Callable[..., None], Callable[..., None]]:
    """The two halves of a RunPython operation that keeps rows of `table` as they were written."""

    def lay(apps: Any, schema_editor: Any) -> None:
        for statement in _LAY[schema_editor.connection.vendor]:
            schema_editor.execute(statement.format(table=table))

    def lift(apps: Any, schema_editor: Any) -> None:
        on = f" ON {table}" if schema_editor.connection.vendor == "postgresql" else ""
        schema_editor.execute(f"DROP TRIGGER {table}_append_only{on}")

    return lay, lift


_LAY = {
    "sqlite": [
        "CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} "
        "BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"
    ],
    "postgresql": [
        "CREATE OR REPLACE FUNCTION refuse_update() RETURNS trigger LANGUAGE plpgsql AS $$ "
        "BEGIN RAISE EXCEPTION '%% is append-only', TG_TABLE_NAME; END $$",
        "CREATE TRIGGER {table}_append_only BEFORE UPDATE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_update()",
    ],
}
