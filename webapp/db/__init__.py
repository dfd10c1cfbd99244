"""The database: one writer, a pool of readers, and the unit of work. SQLite-specific code is in `sqlite.py`."""
