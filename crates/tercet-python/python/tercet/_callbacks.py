"""scikit-learn's callbacks, where its release has them (from 1.9 on)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["CallbackSupportMixin", "Epochs", "with_callbacks"]

try:
    from sklearn.callback import CallbackSupportMixin
    from sklearn.callback import with_callbacks as _decorated
except ImportError:
    _decorated = None

    class CallbackSupportMixin:  # type: ignore[no-redef]
        """Nothing: this release of scikit-learn has no callbacks."""


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """A method that callbacks are set up for and torn down after; itself where there are none."""
    return method if _decorated is None else _decorated(method)


class Epochs:
    """The tasks that callbacks are told of: one for the fit, and one for each epoch in it."""

    def __init__(self, estimator: Any, count: int, X: Any, y: Any, metadata: dict[str, Any]) -> None:
        self.estimator, self.told = estimator, {"X": X, "y": y, "metadata": metadata}
        begin = getattr(estimator, "_init_callback_context", None)
        self.fit = begin(max_subtasks=count) if begin else None
        self.active = bool(getattr(estimator, "_skl_callbacks", None))
        self.left = count
        self.epoch: Any = None
        if self.fit is not None:
            self.fit.call_on_fit_task_begin(estimator=estimator, **self.told)
        self._begin()

    def _begin(self) -> None:
        self.epoch = None
        if self.active and self.left > 0 and self.fit is not None:
            self.left -= 1
            self.epoch = self.fit.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.told)

    def end(self, attributes: Any, metadata: dict[str, Any]) -> bool:
        """An epoch is over. Whether a callback wants to stop."""
        if self.epoch is None:
            return False
        told = {**self.told, "metadata": {**self.told["metadata"], **metadata}}
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **told
        )
        if not stop:
            self._begin()
        return bool(stop)

    def close(self) -> None:
        """The fit is over."""
        if self.fit is not None:
            self.fit.call_on_fit_task_end(estimator=self.estimator, **self.told)
