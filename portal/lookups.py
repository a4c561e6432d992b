"""`among`: like `in`, for lists of ids that may be long.

`in` sends every value as a parameter of its own, which costs more than the statement itself for a batch of hundreds;
PostgreSQL takes them all as one array. Elsewhere it is `in`.
"""

from typing import Any

from django.core.exceptions import EmptyResultSet
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field, ForeignObject
from django.db.models.lookups import In
from django.db.models.sql.compiler import SQLCompiler


@Field.register_lookup
@ForeignObject.register_lookup
class Among(In):
    lookup_name = "among"

    def as_postgresql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, list[Any]]:
        values = [value for value in self.rhs if value is not None]
        if not values:
            raise EmptyResultSet
        column, parameters = self.process_lhs(compiler, connection)
        if all(type(value) is int for value in values):
            # As the text of an array: to have each number adapted takes longer than to find its row.
            return f"{column} = ANY(%s::bigint[])", [*parameters, f"{{{','.join(map(str, values))}}}"]
        return f"{column} = ANY(%s)", [*parameters, values]
