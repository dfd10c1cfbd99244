"""The child process of a pass with 130 MB of address space: `python -m tests.imports.small_worker`."""

import sys

from webapp.formats import process
from webapp.imports import worker

process.MAX_MEMORY = 130 * 1024**2

if __name__ == "__main__":
    sys.exit(worker.main())
