"""The number of threads of a call."""

from __future__ import annotations

import contextlib
import contextvars
import multiprocessing
import os
from collections.abc import Iterator

_limit: contextvars.ContextVar[int | None] = contextvars.ContextVar("tercet_threads", default=None)


@contextlib.contextmanager
def threads(count: int) -> Iterator[None]:
    """Context manager that sets the number of threads of estimators with ``n_jobs=None``.

    Parameters
    ----------
    count : int

    Examples
    --------
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
    """Convert ``n_jobs`` to a number of threads; None stands for all processors.

    Unlike in scikit-learn, ``n_jobs=None`` means all processors, because no result depends on the number of
    threads. In a worker process of joblib, it means as many as joblib allows.
    """
    if n_jobs is None:
        limit = _limit.get()
        if limit is None and multiprocessing.current_process().name.startswith("Loky"):
            allowed = os.environ.get("OMP_NUM_THREADS", "")
            return int(allowed) if allowed.isdigit() and int(allowed) > 0 else None
        return limit
    if n_jobs == 0:
        raise ValueError("n_jobs is 0; expected a positive number of threads, or -1 for all processors")
    return n_jobs if n_jobs > 0 else max(1, (os.cpu_count() or 1) + 1 + n_jobs)
