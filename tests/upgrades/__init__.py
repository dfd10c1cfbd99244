"""Upgrades from the release before, as it was recorded by its own program (`record.py`)."""
