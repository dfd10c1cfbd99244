"""People and what they keep: the tables about the tables."""

from webapp.models.base import Base, utc_now
from webapp.models.import_ import Import, ImportState
from webapp.models.table import Column, Table

__all__ = ["Base", "Column", "Import", "ImportState", "Table", "utc_now"]
