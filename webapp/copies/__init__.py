"""Copies of an installation: a backup in one file and its restore, and the move to another database.

All of them read and write the same way, whichever database it is: our own tables by the models' metadata
(`own_tables.py`), the rows of people's tables as they are stored (`webapp.rowstore.raw`).
"""
