"""What the drivers of databases raise."""

import sqlite3
from typing import Final

import psycopg

DRIVER_ERRORS: Final[tuple[type[Exception], ...]] = (sqlite3.Error, psycopg.Error)
