"""How often the garbage collector looks at the objects of the server.

A full collection holds everybody up, for 0.1 s with what is loaded at the start alone, and Python starts one whenever
a quarter more has come. Hundreds of pages that connect are enough for several.
"""

import gc

# Objects that have come, less those that have gone, until the young ones are looked at; how many such looks until the
# middle-aged are too; and of these until all are.
THRESHOLDS = (2_000, 10, 20)


def settle() -> None:
    """The application is loaded: what there is now stays, and need not be looked at again."""
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
