"""Lists whose rows the database hands over as one JSON array: one value to fetch, whatever their number."""

from ip2a.database.pipeline import Statement


def listing(name: str, rows: str) -> Statement:
    """The statement that answers `rows` (SQL that selects an `id`) as a JSON array, the highest id first."""
    array = "SELECT coalesce(json_agg(row_to_json(listed) ORDER BY listed.id DESC), '[]')::text"
    return Statement(name.encode(), f"{array} FROM ({rows}) AS listed".encode())
