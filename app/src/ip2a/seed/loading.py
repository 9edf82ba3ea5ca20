"""Fills tables by COPY, in one transaction.

COPY is refused on tables under row-level security. So rows are copied into a temporary table and inserted from there,
with every trigger at work: whoever may use the platform's tables may seed them. The tables' owner may instead `open`
them for the length of the transaction and copy straight in, past row-level security and triggers: much faster, and
nobody else gets at the tables meanwhile.
"""

from collections.abc import Iterable, Sequence
from typing import Any, LiteralString

import psycopg
from psycopg import sql

Row = Sequence[Any]


class Loader:
    """Fills tables over one connection."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._opened: dict[str, bool] = {}  # table → whether its row-level security is forced

    @property
    def opened(self) -> bool:
        """Whether rows go straight in: no trigger counts or records anything."""
        return bool(self._opened)

    def open(self) -> None:
        """Lift row-level security and our own triggers from every plain table until `close`.

        Raises psycopg.errors.InsufficientPrivilege for anybody but the owner.
        """
        tables = self.rows(
            "SELECT relname, relforcerowsecurity FROM pg_class"
            " WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND relname <> 'alembic_version'"
        )
        for table, forced in tables:
            self._alter(table, "DISABLE TRIGGER USER", *(("NO FORCE ROW LEVEL SECURITY",) if forced else ()))
            self._opened[table] = forced

    def close(self) -> None:
        """Put everything back that `open` lifted."""
        for table, forced in self._opened.items():
            self._alter(table, "ENABLE TRIGGER USER", *(("FORCE ROW LEVEL SECURITY",) if forced else ()))
        self._opened.clear()

    def _alter(self, table: str, *actions: LiteralString) -> None:
        self._connection.execute(
            sql.SQL("ALTER TABLE {} {}").format(sql.Identifier(table), sql.SQL(", ").join(map(sql.SQL, actions)))
        )

    def fill(self, table: str, columns: str, rows: Iterable[Row]) -> None:
        """Add the rows; `columns` are their names, separated by blanks."""
        names = sql.SQL(", ").join(map(sql.Identifier, columns.split()))
        into = sql.Identifier(table)
        if table in self._opened:
            self._copy(into, names, rows)
            return
        staging = sql.Identifier(f"seed_{table}")
        self._connection.execute(
            sql.SQL("CREATE TEMPORARY TABLE {} ON COMMIT DROP AS SELECT {} FROM {} LIMIT 0").format(
                staging, names, into
            )
        )
        self._copy(staging, names, rows)
        self._connection.execute(sql.SQL("INSERT INTO {} ({}) SELECT {} FROM {}").format(into, names, names, staging))
        self._connection.execute(sql.SQL("DROP TABLE {}").format(staging))

    def _copy(self, into: sql.Identifier, names: sql.Composed, rows: Iterable[Row]) -> None:
        statement = sql.SQL("COPY {} ({}) FROM STDIN").format(into, names)
        with self._connection.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)

    def numbers(self, table: str, count: int) -> list[int]:
        """That many new ids of the table, taken from its sequence."""
        rows = self._connection.execute(
            "SELECT nextval(pg_get_serial_sequence(%s, 'id')) FROM generate_series(1, %s)", (table, count)
        )
        return [row[0] for row in rows]

    def value(self, query: str, *parameters: object) -> Any:  # noqa: ANN401 (what a row holds)
        """The first value the query gives, or None."""
        row = self._connection.execute(query.encode(), parameters).fetchone()
        return row and row[0]

    def rows(self, query: str, *parameters: object) -> list[tuple[Any, ...]]:
        """All the query gives."""
        return self._connection.execute(query.encode(), parameters).fetchall()
