"""After each epoch of training: early stopping, learning rates that follow the loss, callbacks, progress."""

from __future__ import annotations

import math
import time
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.metrics import check_scoring

from ._callbacks import Epochs
from ._validation import Data, penalty, row_losses, row_scores

#: Learning-rate schedules that do not decay to zero, so that training may not have converged after max_iter.
_OPEN_ENDED = ("constant", "adaptive", "invscaling")


class Monitor:
    """Called after each epoch of training: early stopping, learning-rate schedule, callbacks, progress."""

    def __init__(
        self,
        estimator: Any,
        data: Data,
        validation: Data | None,
        settings: Any,
        early: bool,
        n: int,
        seen: int,
    ) -> None:
        # The data may have merged duplicates: n is the number of examples with them. `seen` is the number of
        # examples of earlier fits.
        self.estimator, self.validation, self.early, self.n = estimator, validation, early, n
        self.seen, self.reg = seen, settings["reg"]
        self.total = settings["length"]["epochs"]
        # The core validates without weights and by class.
        weighted = validation is not None and validation.sample_weights is not None
        self.own = validation is not None and (weighted or validation.labels.ndim == 2)
        self.core_validation: Any = (
            (validation.X, validation.labels) if validation is not None and not self.own else None
        )
        self.tol = getattr(estimator, "tol", None)
        self.patience = getattr(estimator, "n_iter_no_change", math.inf)
        self.schedule = estimator.learning_rate
        self.verbose = bool(getattr(estimator, "verbose", False))
        self.scorer: Any = self._scorer() if early else None
        metadata = (
            {}
            if validation is None
            else {"X_val": validation.X, "y_val": estimator._decode(validation.labels)}
        )
        self.epochs = Epochs(estimator, self.total, data.X, estimator._decode(data.labels), metadata)
        self.snapshots = early or self.own or self.epochs.active
        self.stops = early or self.tol is not None
        self.needed = (
            self.stops
            or self.own
            or self.epochs.active
            or self.verbose
            or self.schedule in ("adaptive", "invscaling")
        )
        self.best, self.best_model, self.best_epoch, self.waited = -math.inf, None, 0, 0
        self.scores: list[float] = []
        self.losses: list[float] = []
        self.validation_losses: list[float] = []
        self.validation_accuracies: list[float] = []
        self.began, self.done, self.ended = time.monotonic(), 0, False
        self.divided = 1.0

    def _scorer(self) -> Any:
        scoring = getattr(self.estimator, "scoring", None)
        if scoring in (None, "accuracy", "loss"):
            return scoring or "accuracy"
        return check_scoring(self.estimator, scoring=scoring)

    def _copy(self, model: Any) -> dict[str, Any]:
        names = (
            "classes_",
            "n_features_in_",
            "feature_names_in_",
            "_range",
            "_multilabel",
            "_one_column",
            "n_outputs_",
        )
        given = vars(self.estimator)
        held = {name: given[name] for name in names if name in given}
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

        copy, held = clone(self.estimator), self.validation
        vars(copy).update(self._copy(result["model"]))
        weights = {} if held.sample_weights is None else {"sample_weight": held.sample_weights}
        return float(self.scorer(copy, held.X, self.estimator._decode(held.labels), **weights))

    def _validate(self, result: dict[str, Any]) -> None:
        """Evaluate the model on the weighted validation set."""
        estimator, held, model = self.estimator, self.validation, result["model"]
        scores = model.scores(held.X, None, estimator._threads())
        target_loss = estimator._target_loss()
        losses = row_losses(
            scores, held.labels, estimator._loss(), getattr(estimator, "margin", 1.0), target_loss
        )
        loss = float(np.average(losses, weights=held.sample_weights)) + penalty(model, self.reg)
        result["validation_loss"] = loss
        result["validation_accuracy"] = row_scores(scores, held, target_loss)
        self.validation_losses.append(loss)
        self.validation_accuracies.append(result["validation_accuracy"])

    def __call__(self, result: dict[str, Any]) -> Any:
        self.done = result["epoch"]
        stop, factor = False, None
        self.losses.append(result["loss"])
        if self.own:
            self._validate(result)
        if self.stops:
            score = self._score(result)
            self.scores.append(score)
            better = score > self.best + (self.tol or 0.0) or self.best == -math.inf
            if score > self.best:
                self.best = score
                if self.early:
                    self.best_model, self.best_epoch = result["model"], self.done
            self.waited = 0 if better else self.waited + 1
            if self.waited > self.patience:
                # An adaptive learning rate is reduced before training stops.
                if self.schedule == "adaptive" and result["learning_rate"] > 1e-6:
                    factor, self.waited = 0.2, 0
                else:
                    stop = self.ended = True
        if self.schedule == "invscaling":
            wanted = 1.0 / (self.seen + self.done * self.n + 1) ** self.estimator.power_t
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
        line = f"Iteration {self.done} of {self.total}, loss = {result['loss']:.8f}"
        if result["validation_loss"] is not None:
            line += (
                f", validation loss = {result['validation_loss']:.8f}"
                f", validation score = {result['validation_accuracy']:.6f}"
            )
        print(f"{line}; {spent:.1f} s, at most {left:.1f} s left")

    def diverged(self, error: FloatingPointError) -> None:
        """Called if the loss diverges during early stopping, which has the best weights before that."""
        self.scores.append(math.nan)
        self.losses.append(math.nan)
        self.ended = True
        warnings.warn(
            f"{error} The weights of epoch {self.best_epoch} are restored.", ConvergenceWarning, stacklevel=5
        )

    def curves(self, history: dict[str, Any]) -> None:
        """Set the validation curves."""
        if self.validation is None:
            return
        estimator = self.estimator
        losses = self.validation_losses if self.own else history.get("validation_losses", [])
        accuracies = self.validation_accuracies if self.own else history.get("validation_accuracies", [])
        estimator.validation_loss_curve_ = [float(value) for value in losses]
        estimator.validation_accuracy_curve_ = [float(value) for value in accuracies]

    def finish(self, interrupted: bool) -> None:
        """Called after the last epoch: sets the attributes of early stopping and warns if necessary."""
        estimator = self.estimator
        estimator._no_improvement_count = self.waited
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
            estimator.best_loss_ = None
        self.epochs.close()
        if interrupted:
            return
        if self.stops and not self.early and not self.ended and self.tol and self.schedule in _OPEN_ENDED:
            warnings.warn(
                f"Stochastic Optimizer: Maximum iterations ({self.total}) reached "
                "and the optimization hasn't converged yet.",
                ConvergenceWarning,
                stacklevel=5,
            )
