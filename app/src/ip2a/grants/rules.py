"""What a funder asks about a grant, as numbers. Pure."""


def retention(enrolled: int, gone: int) -> float | None:
    """Share of those who ever enrolled that did not withdraw or drop out; None without anybody."""
    return (enrolled - gone) / enrolled if enrolled else None


def utilisation(spent_cents: int, total_cents: int) -> float | None:
    """Share of the money that is spent; None of a grant without money."""
    return spent_cents / total_cents if total_cents else None
