"""The database: one writer, a pool of readers, and the unit of work. What is SQLite's own is in `sqlite.py`."""
