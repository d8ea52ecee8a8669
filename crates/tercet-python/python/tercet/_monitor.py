"""After each epoch of training: early stopping, learning rates that follow the loss, callbacks, progress."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from ._callbacks import Epochs

#: Learning-rate schedules that do not decay to zero, so that training may not have converged after max_iter.
_OPEN_ENDED = ("constant", "adaptive", "invscaling")


class Monitor:
    """Called after each epoch of training: early stopping, learning-rate schedule, callbacks, progress."""

    def __init__(
        self, estimator: Any, X: Any, labels: Any, validation: Any, settings: Any, early: bool, n: int
    ) -> None:
        # X may have merged duplicates: n is the number of examples with them.
        self.estimator, self.validation, self.early, self.n = estimator, validation, early, n
        self.total = settings["length"]["epochs"]
        self.tol = getattr(estimator, "tol", None)
        self.patience = getattr(estimator, "n_iter_no_change", math.inf)
        self.schedule = estimator.learning_rate
        self.verbose = bool(getattr(estimator, "verbose", False))
        self.scorer: Any = self._scorer() if early else None
        metadata = (
            {} if validation is None else {"X_val": validation[0], "y_val": estimator.classes_[validation[1]]}
        )
        self.epochs = Epochs(estimator, self.total, X, estimator.classes_[labels], metadata)
        self.snapshots = early or self.epochs.active
        self.stops = early or (self.tol is not None and self.patience < math.inf)
        self.needed = (
            self.stops or self.epochs.active or self.verbose or self.schedule in ("adaptive", "invscaling")
        )
        self.best, self.best_model, self.best_epoch, self.waited = -math.inf, None, 0, 0
        self.scores: list[float] = []
        self.began, self.done, self.ended = time.monotonic(), 0, False
        self.divided = 1.0

    def _scorer(self) -> Any:
        scoring = getattr(self.estimator, "scoring", None)
        if scoring in (None, "accuracy", "loss"):
            return scoring or "accuracy"
        return check_scoring(self.estimator, scoring=scoring)

    def _copy(self, model: Any) -> dict[str, Any]:
        names = ("classes_", "n_features_in_", "feature_names_in_", "_range")
        held = {name: getattr(self.estimator, name) for name in names if hasattr(self.estimator, name)}
        return {**held, "model_": model}

    def _score(self, result: dict[str, Any]) -> float:
        """The score of the model after this epoch; larger is better."""
        if not self.early:
            return -result["loss"]
        if self.scorer == "accuracy":
            return result["validation_accuracy"]
        if self.scorer == "loss":
            return -result["validation_loss"]
        from sklearn.base import clone

        copy = clone(self.estimator)
        vars(copy).update(self._copy(result["model"]))
        X, y = self.validation
        return float(self.scorer(copy, X, self.estimator.classes_[y]))

    def __call__(self, result: dict[str, Any]) -> Any:
        self.done = result["epoch"]
        stop, factor = False, None
        if self.stops:
            score = self._score(result)
            self.scores.append(score)
            better = score > self.best + (self.tol or 0.0) or self.best == -math.inf
            if score > self.best:
                self.best = score
                if self.early:
                    self.best_model, self.best_epoch = result["model"], self.done
            self.waited = 0 if better else self.waited + 1
            if self.waited >= self.patience:
                # An adaptive learning rate is reduced before training stops.
                if self.schedule == "adaptive" and result["learning_rate"] > 1e-6:
                    factor, self.waited = 0.2, 0
                else:
                    stop = self.ended = True
        if self.schedule == "invscaling":
            wanted = 1.0 / (self.done * self.n + 1) ** self.estimator.power_t
            factor, self.divided = wanted / self.divided, wanted
        if self.verbose:
            self._show(result)
        if self.epochs.active:
            metadata = {key: value for key, value in result.items() if key != "model"}
            if self.epochs.end(lambda: self._copy(result["model"]), metadata):
                stop = self.ended = True
        return True if stop else factor

    def _show(self, result: dict[str, Any]) -> None:
        spent = time.monotonic() - self.began
        left = spent / self.done * (self.total - self.done)
        line = f"Epoch {self.done} of {self.total}: loss {result['loss']:.4f}"
        if result["validation_loss"] is not None:
            line += (
                f", validation loss {result['validation_loss']:.4f}"
                f", accuracy {result['validation_accuracy']:.4f}"
            )
        print(f"{line}; {spent:.1f} s, at most {left:.1f} s left")

    def finish(self, interrupted: bool) -> None:
        """Called after the last epoch: sets the attributes of early stopping and warns if necessary."""
        estimator = self.estimator
        estimator.best_validation_score_ = None
        estimator.validation_scores_ = None
        if self.early:
            # A loss is reported as a loss, where smaller is better.
            sign = -1.0 if self.scorer == "loss" else 1.0
            estimator.validation_scores_ = [sign * score for score in self.scores]
            estimator.best_validation_score_ = sign * self.best if self.scores else None
            if self.best_model is not None and not interrupted:
                estimator.model_ = self.best_model
                estimator.best_epoch_ = self.best_epoch
            if estimator.best_validation_score_ is not None:
                estimator._metrics["validation score"] = estimator.best_validation_score_
        self.epochs.close()
        if interrupted:
            warnings.warn("Training interrupted by user: the model is that of the last step.", stacklevel=5)
        elif self.stops and not self.early and not self.ended and self.tol and self.schedule in _OPEN_ENDED:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.total}) reached "
                "and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
