"""What whoever asks may do with the rows that they see: members anything, visitors what their link allows."""

from webapp.web.visits import current_visit


def may_search() -> bool:
    """And filter."""
    return (visit := current_visit()) is None or visit.may_search


def may_export() -> bool:
    return (visit := current_visit()) is None or visit.may_export
