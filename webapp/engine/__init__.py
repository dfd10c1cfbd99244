"""Everything a table can do, independent of HTTP: read files, infer types, store, query, export."""
