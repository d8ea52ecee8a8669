"""How many threads a call may use."""

from __future__ import annotations

import contextlib
import contextvars
import multiprocessing
import os
from collections.abc import Iterator

_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("tercet_threads", default=None)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Within the block, estimators whose ``n_jobs`` is None use so many threads.

    >>> import tercet
    >>> with tercet.threads(1):
    ...     pass
    """
    if count < 1:
        raise ValueError(f"threads is {count}; expected at least 1")
    token = _limit.set(count)
    try:
        yield
    finally:
        _limit.reset(token)


def resolve(n_jobs: int | None) -> int | None:
    """The number of threads, or None for as many as there are processors.

    None is all of them, unlike in scikit-learn, where it is one: threads cost nothing here, and no answer
    depends on their number. In a worker process of joblib, which shares the processors with others, it is as
    many as joblib grants.
    """
    if n_jobs is None:
        limit = _limit.get()
        if limit is None and multiprocessing.current_process().name.startswith("Loky"):
            granted = os.environ.get("OMP_NUM_THREADS", "")
            return int(granted) if granted.isdigit() and int(granted) > 0 else None
        return limit
    if n_jobs == 0:
        raise ValueError("n_jobs is 0; expected a number of threads, or -1 for all processors")
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)
