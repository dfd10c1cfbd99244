"""Tables and imports: their metadata. The rows are in `webapp.rowstore`."""
