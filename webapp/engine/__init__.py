"""What a table can do, knowing nothing of HTTP: read files, recognise types, store, ask, write out."""
