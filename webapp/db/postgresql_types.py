"""What the column types of models and migrations are on PostgreSQL. Imported for its effect on SQLAlchemy's compiler.

Integers have 64 bits and texts compare byte by byte and fold A to Z only, as in SQLite, whatever the database's own
collation is.
"""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import BigInteger, Column, Integer, String
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.schema import CreateColumn
from sqlalchemy.sql.functions import sum


@compiles(Integer, "postgresql")
def _integer(_type: Integer, _compiler: Any, **given: Any) -> str:
    """SQLAlchemy's own queries of the catalogues cast to integers, too; those must stay as they are."""
    return "BIGINT" if _is_of_column(given) else "INTEGER"


@compiles(BigInteger, "postgresql")
def _big_integer(_type: BigInteger, _compiler: Any, **_: Any) -> str:
    return "BIGINT"


@compiles(String, "postgresql")
def _string(_type: String, _compiler: Any, **given: Any) -> str:
    """A collation belongs to a column; a cast has none."""
    return 'TEXT COLLATE "C"' if _is_of_column(given) else "TEXT"


@compiles(CreateColumn, "postgresql")
def _column(element: Any, compiler: Any, **given: Any) -> str:
    """Generated ids, too. A sequence gives none twice."""
    return str(compiler.visit_create_column(element, **given)).replace(" SERIAL", " BIGSERIAL", 1)


@compiles(sum, "postgresql")
def _sum(element: Any, compiler: Any, **given: Any) -> str:
    """All that models add up are whole numbers; the sum of such is a decimal number here."""
    return f"CAST({compiler.visit_function(element, **given)} AS BIGINT)"


def _is_of_column(given: Mapping[str, Any]) -> bool:
    return isinstance(given.get("type_expression"), Column)
