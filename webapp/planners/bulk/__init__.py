"""What one decision about many rows changes: functions of rows, which need no database and no web."""
