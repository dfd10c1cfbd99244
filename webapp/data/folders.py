"""The data folder is nobody else's business: other accounts of the machine cannot look into it."""

import os
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> Path:
    """Made for its owner only. A folder that is already there keeps the mode somebody chose for it."""
    path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
    return path


def private_file(path: Path) -> Path:
    """Made empty when missing, so that what opens it next (SQLite) keeps the mode, for its journals too."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE)
    os.close(descriptor)
    return path
