"""The linear classifier: scores = X · W + b."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.metaestimators import available_if

from . import _core, _rows
from ._base import names_of
from ._callbacks import with_callbacks
from ._descent import Descent, number


def _descends(estimator: Any) -> bool:
    if estimator.solver != "sgd":
        raise AttributeError(
            f"solver is {estimator.solver!r}, which needs all examples at once; use solver='sgd'"
        )
    return True


class LinearClassifier(Descent):
    """The linear classifier, with the lecture's SVM loss or softmax, by gradient descent or exactly.

    What is minimised is the mean loss plus ``reg`` · Σ W², biases left out. ``solver="sgd"`` descends along
    the gradients of batches; ``solver="dual"`` solves the problem to within ``tol``, a relative gap that is
    proven (``gap_``).

    ``max_iter`` counts epochs. None is 15 of them, or as many as make 1,000 steps; 1,000 with the dual
    solver. ``tol`` of None is 1e-3 with the dual solver, and with gradient descent lets it take all its
    steps.

    >>> from sklearn.datasets import load_iris
    >>> from tercet import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(LinearClassifier(solver="dual", reg=1e-3).fit(X, y).score(X, y) > 0.95)
    True
    """

    def __init__(
        self,
        loss: str = "svm",
        *,
        solver: str = "sgd",
        reg: float = 1e-4,
        margin: float = 1.0,
        batch_size: int | str = "auto",
        learning_rate: str = "linear",
        learning_rate_init: float = 0.05,
        momentum: float = 0.9,
        max_iter: int | None = None,
        tol: float | None = None,
        n_iter_no_change: int = 10,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        scoring: Any = None,
        class_weight: Any = None,
        warm_start: bool = False,
        random_state: Any = None,
        verbose: bool = False,
        image_shape: tuple[int, ...] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.loss = loss
        self.solver = solver
        self.reg = reg
        self.margin = margin
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.momentum = momentum
        self.max_iter = max_iter
        self.tol = tol
        self.n_iter_no_change = n_iter_no_change
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.scoring = scoring
        self.class_weight = class_weight
        self.warm_start = warm_start
        self.random_state = random_state
        self.verbose = verbose
        self.image_shape = image_shape
        self.n_jobs = n_jobs

    def _optimizer(self) -> dict[str, Any]:
        number("momentum", self.momentum, 0, 1)
        return {"sgd": {"momentum": float(self.momentum)}}

    def _reg(self, batch: float) -> float:
        number("reg", self.reg, 0)
        return float(self.reg)

    def _epochs(self, n: int, batch: int) -> int:
        if self.max_iter is None:
            return max(15, math.ceil(1000 / math.ceil(n / batch)))
        return super()._epochs(n, batch)

    @with_callbacks
    def fit(
        self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None
    ) -> LinearClassifier:
        """Trains on the rows of X: see :class:`LinearClassifier`. Ctrl-C ends the training and keeps the
        model.
        """
        if self.solver not in ("sgd", "dual"):
            raise ValueError(f"solver is {self.solver!r}; expected sgd or dual")
        if self.solver == "sgd":
            return self._fit(X, y, sample_weight, X_val, y_val)
        if self.early_stopping or X_val is not None:
            raise ValueError(
                "solver is 'dual', which ends by the gap; expected solver='sgd' for early stopping"
            )
        X, labels, weights, image = self._prepare(X, y, sample_weight, reset=True)
        number("reg", self.reg, 0, open=True)
        settings = {
            "reg": float(self.reg),
            "loss": {"svm": {"margin": float(self.margin)}} if self._loss() == "svm" else "softmax",
            "tolerance": 1e-3 if self.tol is None else float(self.tol),
            "max_epochs": 1000 if self.max_iter is None else int(self.max_iter),
            "seed": self._seed(),
        }
        self._range = _rows.Range.of(X)
        model, last, interrupted = _core.solve(
            X, labels, names_of(self.classes_), json.dumps(settings), weights=weights, image=image,
            on_look=_show if self.verbose else None, threads=self._threads(),
        )  # fmt: skip
        self.model_ = model
        self.objective_, self.bound_, self.gap_ = last["objective"], last["bound"], last["gap"]
        self.n_iter_ = max(1, round(last["epochs"]))
        self._metrics = {"objective": self.objective_, "gap": self.gap_}
        if interrupted:
            warnings.warn("Training interrupted by user: the model is the best so far.", stacklevel=3)
        elif not last["converged"]:
            warnings.warn(
                f"The gap is {self.gap_:.2g} after {self.n_iter_} epochs, above tol; raise max_iter or tol.",
                ConvergenceWarning, stacklevel=3,
            )  # fmt: skip
        return self

    @available_if(_descends)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> LinearClassifier:
        """One epoch on the rows of X, from where the last left off. The first call names all ``classes``."""
        return self._partial_fit(X, y, classes, sample_weight)

    @property
    def coef_(self) -> np.ndarray:
        """W as scikit-learn has it, (C, D); with two classes their difference, (1, D)."""
        w = self.model_.weights()[0][0].T
        return w[1:] - w[:1] if len(self.classes_) == 2 else w

    @property
    def intercept_(self) -> np.ndarray:
        """b, (C); with two classes their difference, (1)."""
        b = self.model_.weights()[0][1]
        return b[1:] - b[:1] if len(self.classes_) == 2 else b

    @property
    def templates_(self) -> np.ndarray:
        """What each class looks for: its column of W, as an image where the examples are images."""
        w = self.model_.weights()[0][0].T
        image = self.model_.image
        return w if image is None else w.reshape(-1, *(image if image[2] > 1 else image[:2]))


def _show(look: dict[str, Any]) -> None:
    print(
        f"{look['epochs']:.1f} epochs: objective {look['objective']:.6g}, "
        f"at least {look['bound']:.6g}, gap {look['gap']:.2g}"
    )
