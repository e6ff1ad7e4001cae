"""Work that keeps what it makes, without searches for garbage among it."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """No search for garbage: all cells of a comparison, half a million objects of a page, a traced graph, are kept.

    Afterwards they count as old, as if they had been searched: else the next new object has all of them searched.
    """
    collects = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collects:
            gc.freeze()
            gc.unfreeze()
            gc.enable()
