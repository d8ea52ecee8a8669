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
from ._callbacks import with_callbacks
from ._classification import GradientDescentClassifier
from ._gradient_descent import number
from ._interrupts import interrupted


def _is_sgd(estimator: Any) -> bool:
    if estimator.solver != "sgd":
        raise AttributeError(
            f"solver is {estimator.solver!r}, which needs all examples at once; use solver='sgd'"
        )
    return True


class LinearClassifier(GradientDescentClassifier):
    """The linear classifier, scores = X · W + b, with SVM or softmax loss.

    The objective is the mean loss plus ``reg`` · Σ W², without the biases. It is minimised by gradient
    descent or solved exactly.

    Parameters
    ----------
    loss : {"svm", "softmax"}, default="svm"
        The lecture's multi-class SVM loss ("hinge"), or softmax ("log_loss").
    solver : {"sgd", "dual"}, default="sgd"
        Gradient descent on batches, or a dual solver that stops at a proven relative gap of ``tol``.
    reg : float, default=1e-4
        Strength of the L2 regularisation.
    margin : float, default=1.0
        Margin Δ of the SVM loss.
    batch_size : int or "auto", default="auto"
        Batch size; "auto" is min(200, n_samples).
    learning_rate : str, default="linear"
        Learning-rate schedule: "constant", "adaptive", "linear", "cosine", "exponential" or "one_cycle".
    learning_rate_init : float, default=0.05
        Initial learning rate.
    momentum : float, default=0.9
        Momentum of gradient descent.
    max_iter : int, default=None
        Maximum number of epochs. By default at least 15 epochs and at least 1,000 steps; 1,000 epochs
        with the dual solver.
    tol : float, default=None
        Dual solver: the relative gap at which it stops, 1e-3 by default. Gradient descent: the improvement
        of the loss below which ``n_iter_no_change`` epochs end the training; by default, all epochs run.
    n_iter_no_change : int, default=10
        Number of epochs without improvement after which training stops.
    early_stopping : bool, default=False
        Whether to stop when the validation score no longer improves, and to restore the best weights.
    validation_fraction : float, default=0.1
        Fraction of X that early stopping holds out.
    scoring : str or callable, default=None
        Score for early stopping: "accuracy" (default), "loss", or a scorer of scikit-learn.
    class_weight : dict or "balanced", default=None
        Weights of the classes in the loss.
    warm_start : bool, default=False
        Whether ``fit`` continues from the weights of the previous call.
    random_state : int, RandomState or None, default=None
        Seed. The same seed gives the same bits for any number of threads.
    verbose : bool, default=False
        Whether to print the progress.
    image_shape : tuple of int, default=None
        (height, width) or (height, width, channels), if the features are pixels. Without it, rows of uint8
        are images if their number of features is the square of 8 or more and their values look like pixels.
    preprocessing : str or None, default="auto"
        What is done to each row before the model sees it; fitted on the training rows, applied to all others
        and saved with the model. "auto" standardises features, and scales uint8 images to value / 255. None
        uses the numbers as they are, as in scikit-learn. Other specifications change the defaults, such as
        "auto, -standardize" or "auto, deskew, blur 0.7". ``partial_fit`` without a previous ``fit`` does not
        standardise, because the statistics of a first batch are not those of the data.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        Class labels.
    preprocessing_ : Preprocessing
        The fitted preprocessing.
    coef_ : ndarray of shape (n_classes, n_features) or (1, n_features)
        Weights, for the features as given.
    intercept_ : ndarray of shape (n_classes,) or (1,)
        Biases, for the features as given.
    templates_ : ndarray of shape (n_classes, ...)
        Weights of each class, as images if the features are pixels.
    n_iter_ : int
        Number of epochs.
    loss_curve_ : list of float
        Mean loss of each epoch (gradient descent).
    validation_loss_curve_, validation_accuracy_curve_ : list of float or None
        Validation loss and accuracy of each epoch (gradient descent with a validation set).
    objective_, bound_, gap_ : float
        Objective, its lower bound, and their relative gap (dual solver).

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from tercet import LinearClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> bool(LinearClassifier(solver="dual", reg=1e-3).fit(X, y).score(X, y) > 0.95)
    True
    """

    _kept = (*GradientDescentClassifier._kept, "objective_", "bound_", "gap_")

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
        preprocessing: str | None = "auto",
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
        self.preprocessing = preprocessing
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
        """Fit the model to X and y. Ctrl-C stops the training and keeps the model.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training data. Arrays of images, (n_samples, height, width) or (n_samples, height, width,
            channels), are accepted too.
        y : array-like of shape (n_samples,)
            Class labels.
        sample_weight : array-like of shape (n_samples,), default=None
            Weight of each example in the loss.
        X_val, y_val : array-like, default=None
            Validation set, only with ``solver="sgd"``.

        Returns
        -------
        self : object
        """
        if self.solver not in ("sgd", "dual"):
            raise ValueError(f"solver is {self.solver!r}; expected sgd or dual")
        if self.solver == "sgd":
            return self._fit(X, y, sample_weight, X_val, y_val)
        if self.early_stopping or X_val is not None:
            raise ValueError(
                "solver is 'dual', which stops at the gap tol; use solver='sgd' for early stopping"
            )
        data = self._merge(self._prepare(X, y, sample_weight, reset=True))
        number("reg", self.reg, 0, open=True)
        settings = {
            "reg": float(self.reg),
            "loss": {"svm": {"margin": float(self.margin)}} if self._loss() == "svm" else "softmax",
            "tolerance": 1e-3 if self.tol is None else float(self.tol),
            "max_epochs": 1000 if self.max_iter is None else int(self.max_iter),
            "seed": self._seed(),
        }
        self._range = _rows.Range.of(data.X)
        model, last, was_interrupted = _core.solve(
            data.X,
            data.labels,
            self._class_list(),
            json.dumps(settings),
            self._fitted_preprocessing(data),
            weights=data.weights,
            on_gap_check=_show if self.verbose else None,
            threads=self._threads(),
        )
        self.model_ = model
        self.objective_, self.bound_, self.gap_ = last["objective"], last["bound"], last["gap"]
        self.n_iter_ = max(1, round(last["epochs"]))
        self._metrics = {"objective": self.objective_, "gap": self.gap_}
        if was_interrupted:
            interrupted("the best so far")
        elif not last["converged"]:
            warnings.warn(
                f"The gap is {self.gap_:.2g} after {self.n_iter_} epochs, above tol; raise max_iter or tol.",
                ConvergenceWarning,
                stacklevel=3,
            )
        return self

    @available_if(_is_sgd)
    def partial_fit(self, X: Any, y: Any, classes: Any = None, sample_weight: Any = None) -> LinearClassifier:
        """Train for one epoch on the rows of X, continuing from the previous call.

        The state of the optimizer is kept between calls, and in pickles. After ``fit`` or loading, the fitted
        preprocessing is applied. Otherwise the features are used as they are (images of uint8 as value /
        255): the statistics of a first batch are not those of the data.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
        y : array-like of shape (n_samples,)
        classes : array-like of shape (n_classes,), default=None
            All classes; required in the first call.
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        self : object
        """
        return self._partial_fit(X, y, classes, sample_weight)

    @property
    def coef_(self) -> np.ndarray:
        """W for the features as given, (C, D); with two classes their difference, (1, D)."""
        w = self._unfolded()[0][0].T
        return w[1:] - w[:1] if len(self.classes_) == 2 else w

    @property
    def intercept_(self) -> np.ndarray:
        """b for the features as given, (C); with two classes their difference, (1)."""
        b = self._unfolded()[0][1]
        return b[1:] - b[:1] if len(self.classes_) == 2 else b

    @property
    def templates_(self) -> np.ndarray:
        """The column of W of each class for the preprocessed features, as an image if X holds images."""
        w = self.model_.weights()[0][0].T
        image = self.model_.image
        return w if image is None else w.reshape(-1, *(image if image[2] > 1 else image[:2]))


def _show(progress: dict[str, Any]) -> None:
    print(
        f"{progress['epochs']:.1f} epochs: objective {progress['objective']:.6g}, "
        f"at least {progress['bound']:.6g}, gap {progress['gap']:.2g}"
    )
