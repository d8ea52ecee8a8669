"""Support for the callbacks of scikit-learn 1.9 and later."""

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
        """An empty mixin: this release of scikit-learn has no callbacks."""


Method = TypeVar("Method", bound=Callable[..., Any])


def with_callbacks(method: Method) -> Method:
    """Decorate a fit method so that callbacks are set up and torn down; a no-op without callbacks."""
    return method if _decorated is None else _decorated(method)


class Epochs:
    """The tasks reported to callbacks: one for the fit, with a subtask for each epoch."""

    def __init__(self, estimator: Any, count: int, X: Any, y: Any, metadata: dict[str, Any]) -> None:
        self.estimator, self.data = estimator, {"X": X, "y": y, "metadata": metadata}
        init = getattr(estimator, "_init_callback_context", None)
        self.fit = init(max_subtasks=count) if init else None
        self.active = bool(getattr(estimator, "_skl_callbacks", None))
        self.left = count
        self.epoch: Any = None
        if self.fit is not None:
            self.fit.call_on_fit_task_begin(estimator=estimator, **self.data)
        self._begin()

    def _begin(self) -> None:
        self.epoch = None
        if self.active and self.left > 0 and self.fit is not None:
            self.left -= 1
            self.epoch = self.fit.subcontext(task_name="epoch")
            self.epoch.call_on_fit_task_begin(estimator=self.estimator, **self.data)

    def end(self, attributes: Any, metadata: dict[str, Any]) -> bool:
        """End the current epoch. Return whether a callback asked to stop."""
        if self.epoch is None:
            return False
        data = {**self.data, "metadata": {**self.data["metadata"], **metadata}}
        stop = self.epoch.call_on_fit_task_end(
            estimator=self.estimator, reconstruction_attributes=attributes, **data
        )
        if not stop:
            self._begin()
        return bool(stop)

    def close(self) -> None:
        """End the fit."""
        if self.fit is not None:
            self.fit.call_on_fit_task_end(estimator=self.estimator, **self.data)
