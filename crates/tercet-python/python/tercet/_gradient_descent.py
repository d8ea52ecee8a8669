"""Estimators that are trained by gradient descent: linear classifiers and networks."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import _check_sample_weight, check_is_fitted, column_or_1d

from . import _core, _rows
from ._base import Classifier, list_of, spec_of, square_of
from ._callbacks import CallbackSupportMixin, with_callbacks
from ._monitor import Monitor

_LOSSES = {"svm": "svm", "hinge": "svm", "softmax": "softmax", "log_loss": "softmax"}
_SCHEDULES: dict[str, Any] = {
    "constant": "constant",
    "adaptive": "constant",
    "invscaling": "constant",
    "linear": "linear-to-zero",
    "cosine": "cosine",
    "one_cycle": {"one-cycle": {}},
    "exponential": {"exponential": {}},
}


def merged(X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any, Any]:
    """Sort the examples and merge duplicates into one example with their total weight.

    A weight of 2 and an example that occurs twice then give the same bits if one batch holds all examples.
    """
    rows = np.column_stack([labels.astype(np.float64), X])
    _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(place.ravel(), weights=weights)
    plain = weights is None and (total == 1).all()
    return np.ascontiguousarray(X[first]), labels[first], None if plain else total


def _has_probabilities(estimator: Any) -> bool:
    if estimator._loss() != "softmax":
        raise AttributeError(
            f"loss is {estimator.loss!r}, whose scores are not probabilities; use loss='softmax'"
        )
    return True


def number(
    name: str, value: Any, low: float, high: float = math.inf, *, whole: bool = False, open: bool = False
) -> None:
    """Raise an error if a parameter is not a number in its range."""
    kinds = (int, np.integer) if whole else (int, float, np.integer, np.floating)
    if isinstance(value, bool) or not isinstance(value, kinds):
        raise TypeError(f"{name} is {value!r}; expected {'an integer' if whole else 'a number'}")
    if not (low < value if open else low <= value) or value > high or math.isnan(value):
        above = f"above {low}" if open else f"at least {low}"
        raise ValueError(
            f"{name} is {value!r}; expected {above}" + (f" and at most {high}" if high < math.inf else "")
        )


class GradientDescent(CallbackSupportMixin, Classifier):
    """Base class of linear classifiers and networks that are trained by gradient descent.

    The training loop runs in the core. This class prepares its input and follows it after each epoch.
    """

    loss_curve_: list[float]

    def _loss(self) -> str:
        if self.loss not in _LOSSES:
            raise ValueError(f"loss is {self.loss!r}; expected one of {', '.join(_LOSSES)}")
        return _LOSSES[self.loss]

    def _layers(self, width: int, image: tuple[int, int, int] | None) -> str | None:
        return None

    def _image(self, X: Any, rows: np.ndarray) -> tuple[int, int, int] | None:
        """Height, width and channels of the images in X, or None if X is a table of features."""
        shape, width = getattr(self, "image_shape", None), rows.shape[1]
        if shape is not None:
            sides = tuple(int(side) for side in shape) + ((1,) if len(shape) == 2 else ())
            if len(sides) != 3 or math.prod(sides) != width:
                raise ValueError(
                    f"image_shape is {shape!r}; expected height and width (and channels) of {width} features"
                )
            return sides
        if (sides := _rows.sides_of(X)) is not None:
            return sides
        square = square_of(width) if rows.dtype == np.uint8 else None
        return square if square and _core.looks_like_pixels(rows) else None

    # Settings of the core.

    def _optimizer(self) -> dict[str, Any]:
        raise NotImplementedError

    def _reg(self, batch: float) -> float:
        raise NotImplementedError

    def _epochs(self, n: int, batch: int) -> int:
        number("max_iter", self.max_iter, 1, whole=True)
        return int(self.max_iter)

    def _batch(self, n: int) -> int:
        """The batch size for n examples."""
        if self.batch_size == "auto":
            return min(200, n)
        number("batch_size", self.batch_size, 1, whole=True)
        return min(int(self.batch_size), n)

    def _settings(self, n: int, epochs: int | None = None) -> dict[str, Any]:
        batch = self._batch(n)
        if self.learning_rate not in _SCHEDULES:
            raise ValueError(
                f"learning_rate is {self.learning_rate!r}; expected one of {', '.join(_SCHEDULES)}"
            )
        number("learning_rate_init", self.learning_rate_init, 0, open=True)
        for name in ("dropout", "input_dropout", "label_smoothing"):
            number(name, getattr(self, name, 0.0), 0, 1)
        loss = self._loss()
        settings = {
            "loss": {"svm": {"margin": float(getattr(self, "margin", 1.0))}} if loss == "svm" else "softmax",
            # As in scikit-learn, an example counts as often as its weight says.
            "reg": self._reg(batch * self._seen / n),
            "batch": batch,
            "length": {"epochs": epochs or self._epochs(n, batch)},
            "learning_rate": float(self.learning_rate_init),
            "schedule": "constant" if epochs else _SCHEDULES[self.learning_rate],
            "optimizer": self._optimizer(),
            "dropout": float(getattr(self, "dropout", 0.0)),
            "input_dropout": float(getattr(self, "input_dropout", 0.0)),
            "label_smoothing": float(getattr(self, "label_smoothing", 0.0)),
        }
        for name in ("clip", "ema"):
            if getattr(self, name, None) is not None:
                settings[name] = float(getattr(self, name))
        return settings

    def _weights(self, labels: np.ndarray, sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
        """The weight of each example: its sample weight times its class weight, or None if all are equal."""
        if sample_weight is None and self.class_weight is None:
            return None
        weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
        if (weights < 0).any() or not weights.any():
            raise ValueError("sample_weight: expected non-negative numbers, not all of them 0")
        if self.class_weight is not None:
            counted = weights > 0
            present, y = np.unique(labels[counted]), self.classes_[labels[counted]]
            of_class = np.ones(len(self.classes_))
            if isinstance(self.class_weight, str) or set(self.class_weight) <= set(
                self.classes_[present].tolist()
            ):
                own = None if sample_weight is None else {"sample_weight": weights[counted]}
                balanced = own if own and self.class_weight == "balanced" else {}
                classes = self.classes_[present]
                try:
                    found = compute_class_weight(self.class_weight, classes=classes, y=y, **balanced)
                except TypeError:
                    found = compute_class_weight(self.class_weight, classes=classes, y=y)
                of_class[present] = found
            else:
                unknown = sorted(set(self.class_weight) - set(self.classes_.tolist()), key=str)
                if unknown:
                    raise ValueError(
                        f"class_weight has {unknown}; expected classes among {self.classes_.tolist()}"
                    )
                for place, name in enumerate(self.classes_.tolist()):
                    of_class[place] = self.class_weight.get(name, 1.0)
            weights = weights * of_class[labels]
        if not weights.any():
            raise ValueError("class_weight: expected a positive weight for at least one class of y")
        return weights

    # Fitting.

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, reset: bool, classes: np.ndarray | None = None
    ) -> tuple[Any, ...]:
        """X, labels, weights and image shape, without the examples whose weight is 0.

        ``classes`` are all classes, if y need not have all of them.
        """
        raw = X
        if y is None:
            self._labels(y)
        X = _rows.checked(self, X, reset=reset)
        if classes is not None:
            self.classes_ = classes
        labels = self._labels(y) if reset and classes is None else self._known(y)
        if len(labels) != len(X):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(X), len(labels)]}"
            )
        weights = self._weights(labels, sample_weight, X)
        if weights is not None and not weights.all():
            kept = weights > 0
            X, labels, weights = np.ascontiguousarray(X[kept]), labels[kept], weights[kept]
        image = self._image(raw, X) if reset else self.model_.image
        self._seen = len(X) if weights is None else float(weights.sum())
        return X, labels, weights, image

    def _merge(self, X: np.ndarray, labels: np.ndarray, weights: Any) -> tuple[Any, Any, Any]:
        """Merge duplicates if one batch holds all examples; scale the weights to a mean of 1."""
        if len(X) <= self._batch(len(X)):
            X, labels, weights = merged(X, labels, weights)
        if weights is not None:
            weights = np.ascontiguousarray(weights / weights.mean(), dtype=np.float32)
        return X, labels, weights

    def _fitted_preprocessing(self, X: Any, weights: Any, image: Any) -> _core.Preprocessing:
        """The preprocessing of the parameter ``preprocessing``, fitted on training rows."""
        return _core.Preprocessing.fit(
            spec_of(self.preprocessing), X, weights=weights, image=image, threads=self._threads()
        )

    def _known(self, y: Any) -> np.ndarray:
        y = column_or_1d(y, warn=True)
        places = np.searchsorted(self.classes_, y)
        places[places == len(self.classes_)] = 0
        if (self.classes_[places] != y).any():
            unknown = np.setdiff1d(y, self.classes_).tolist()
            raise ValueError(f"y has the classes {unknown}, which are not among {self.classes_.tolist()}")
        return np.ascontiguousarray(places, dtype=np.uint32)

    def _request(self, X: np.ndarray, image: Any, settings: dict[str, Any], seed: int) -> str:
        request = {
            "layers": self._layers(X.shape[1], image),
            "init": self._init(),
            "settings": settings,
            "seed": seed,
        }
        return json.dumps(request)

    def _init(self) -> Any:
        return "he"

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    @with_callbacks
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, X_val: Any = None, y_val: Any = None) -> Any:
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
            Validation set, which is evaluated after each epoch. Early stopping uses it instead of holding out
            a part of X.

        Returns
        -------
        self : object
            The fitted estimator.
        """
        return self._fit(X, y, sample_weight, X_val, y_val)

    def _fit(self, X: Any, y: Any, sample_weight: Any, X_val: Any, y_val: Any) -> Any:
        warm = bool(getattr(self, "warm_start", False)) and hasattr(self, "model_")
        before: np.ndarray = self.classes_ if warm else np.empty(0)
        X, labels, weights, image = self._prepare(X, y, sample_weight, reset=True)
        if warm and not np.array_equal(before, self.classes_):
            after, self.classes_ = self.classes_, before
            if not np.isin(after, before).all():
                raise ValueError(
                    f"warm_start: y has the classes {after.tolist()}; "
                    f"expected those before, {before.tolist()}"
                )
            labels = np.searchsorted(before, after)[labels].astype(np.uint32)
        self._descend(X, labels, weights, image, (X_val, y_val), self.model_ if warm else None)
        return self

    def _descend(self, X: Any, labels: Any, weights: Any, image: Any, held_out: Any, start: Any) -> None:
        early = bool(getattr(self, "early_stopping", False))
        validation = None
        if held_out[0] is not None:
            X_val = _rows.checked(self, held_out[0], reset=False)
            validation = (X_val, self._known(held_out[1]))
        elif early:
            number("validation_fraction", self.validation_fraction, 0, 1, open=True)
            parts = train_test_split(
                np.arange(len(X)),
                test_size=self.validation_fraction,
                random_state=self._seed(),
                stratify=labels,
            )
            train, held = (np.sort(part) for part in parts)
            validation = (np.ascontiguousarray(X[held]), labels[held])
            X, labels = np.ascontiguousarray(X[train]), labels[train]
            weights = None if weights is None else weights[train]
            self._seen = len(X) if weights is None else float(weights.sum())
        n = len(X)
        X, labels, weights = self._merge(X, labels, weights)
        settings = self._settings(len(X))
        watch = Monitor(self, X, labels, validation, settings, early, n)
        self._range = _rows.Range.of(X)
        seed = self._seed()
        # Held-out rows have no influence on the preprocessing; weights from before were learned with theirs.
        preprocessing = start.preprocessing if start else self._fitted_preprocessing(X, weights, image)
        model, history, optimizer_state, interrupted = _core.train(
            X,
            labels,
            list_of(self.classes_),
            self._request(X, image, settings, seed),
            preprocessing,
            weights=weights,
            validation=validation,
            start=start,
            on_epoch=watch if watch.needed else None,
            snapshots=watch.snapshots,
            threads=self._threads(),
        )
        self._keep(model, history, optimizer_state, settings, len(X), validation is not None)
        for warning in [] if interrupted else history["warnings"]:
            warnings.warn(warning, ConvergenceWarning, stacklevel=3)
        self.t_ = self.n_iter_ * n
        watch.finish(interrupted)

    def _keep(
        self, model: Any, history: Any, optimizer_state: Any, settings: Any, n: int, validated: bool
    ) -> None:
        """Store the attributes of a fitted model."""
        self.model_ = model
        self._optimizer_state = optimizer_state
        each = math.ceil(n / settings["batch"])
        losses = np.asarray(history["losses"], dtype=np.float64)
        self.loss_curve_ = [float(losses[i : i + each].mean()) for i in range(0, len(losses), each)]
        self.validation_loss_curve_ = [float(v) for v in history["validation_losses"]] if validated else None
        self.validation_accuracy_curve_ = (
            [float(v) for v in history["validation_accuracies"]] if validated else None
        )
        self.n_iter_ = max(1, len(self.loss_curve_))
        self.loss_ = self.loss_curve_[-1] if self.loss_curve_ else math.nan
        self.best_loss_ = min(self.loss_curve_, default=math.nan)
        self.t_ = self.n_iter_ * n
        self._metrics = {"training loss": self.loss_}

    def to_state_dict(self) -> dict[str, np.ndarray]:
        """Return the weights with the names and layout of a ``torch.nn.Sequential``, one module per layer.

        ``model.load_state_dict({name: torch.from_numpy(array) for name, array in
        estimator.to_state_dict().items()})`` gives a model with the same scores. Its images are (channels,
        height, width), and uint8 enters as value / 255. Its inputs are those after the preprocessing: if
        ``preprocessing_.mean`` is not None, standardise them by ``preprocessing_.mean`` and
        ``preprocessing_.std``, as torchvision's ``Normalize`` does for images.
        :func:`tercet.from_state_dict` is the inverse.

        Returns
        -------
        state : dict of str to ndarray
        """
        check_is_fitted(self, "model_")
        state: dict[str, np.ndarray] = {}
        for name, array in self.model_.state():
            state[name] = array
            if name.endswith(".running_var"):
                state[f"{name.removesuffix('running_var')}num_batches_tracked"] = np.array(0)
        return state

    def _unfolded(self) -> list[tuple[np.ndarray, np.ndarray]]:
        """W and b of each layer, in float64; those of a dense first layer are for the features as given.

        With x' = x · scale + shift, x' · W + b = x · (scale · W) + (b + shift · W).
        """
        check_is_fitted(self, "model_")
        layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in self.model_.weights()]
        if self.model_.layers.removeprefix("flatten ").startswith("dense"):
            scale, shift = self.model_.preprocessing.affine()
            w, b = layers[0]
            layers[0] = (scale[:, None] * w, b + shift @ w)
        return layers

    def _describe_model(self) -> None:
        self.loss = "svm" if self.model_.score_kind == "margins" else "softmax"

    def history_frame(self) -> Any:
        """Return the training history as a pandas DataFrame, one row per epoch.

        The columns are the training loss and, with a validation set, validation loss and accuracy.

        Returns
        -------
        history : pandas.DataFrame
        """
        import pandas

        check_is_fitted(self, "model_")
        columns: dict[str, Any] = {"epoch": range(1, len(self.loss_curve_) + 1), "loss": self.loss_curve_}
        if self.validation_loss_curve_:
            columns["validation_loss"] = self.validation_loss_curve_
            columns["validation_accuracy"] = self.validation_accuracy_curve_
        return pandas.DataFrame(columns).set_index("epoch")

    def plot_curves(self, ax: Any = None) -> Any:
        """Plot training and validation loss per epoch with matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot into; new ones by default.

        Returns
        -------
        ax : matplotlib.axes.Axes
        """
        if ax is None:
            import matplotlib.pyplot

            _, ax = matplotlib.pyplot.subplots(layout="constrained")
        check_is_fitted(self, "model_")
        epochs = range(1, len(self.loss_curve_) + 1)
        ax.plot(epochs, self.loss_curve_, label="training")
        if self.validation_loss_curve_:
            ax.plot(epochs, self.validation_loss_curve_, label="validation")
            ax.legend()
        ax.set(xlabel="epoch", ylabel="loss")
        return ax

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Any:
        first = not hasattr(self, "model_")
        if first:
            if classes is None:
                raise ValueError("classes must be passed on the first call to partial_fit.")
            classes = np.unique(classes)
            X, labels, weights, image = self._prepare(X, y, sample_weight, reset=True, classes=classes)
            self._range, self._calls = _rows.Range.of(X), 0
            self._first_seed = self._seed()
            self.loss_curve_ = []
        else:
            if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
                raise ValueError(
                    f"`classes={np.asarray(classes).tolist()}` is not the same as on last call to "
                    f"partial_fit, was: {self.classes_.tolist()}"
                )
            X, labels, weights, image = self._prepare(X, y, sample_weight, reset=False)
        n = len(X)
        X, labels, weights = self._merge(X, labels, weights)
        curve = list(getattr(self, "loss_curve_", []))
        calls, seen = getattr(self, "_calls", 0), getattr(self, "t_", 0)
        settings = self._settings(len(X), epochs=1)
        seed = (getattr(self, "_first_seed", 0) + calls) % 2**32
        if first:
            # The statistics of a first batch are not those of the data.
            preprocessing = _core.Preprocessing.unfitted(spec_of(self.preprocessing), X, image=image)
        else:
            preprocessing = self.model_.preprocessing
        model, history, optimizer_state, interrupted = _core.train(
            X,
            labels,
            list_of(self.classes_),
            self._request(X, image, settings, seed),
            preprocessing,
            weights=weights,
            start=None if first else self.model_,
            optimizer_state=getattr(self, "_optimizer_state", None),
            threads=self._threads(),
        )
        self._keep(model, history, optimizer_state, settings, len(X), False)
        self.loss_curve_, self._calls = curve + self.loss_curve_, calls + 1
        self.n_iter_, self.t_ = len(self.loss_curve_), seen + n
        if interrupted:
            raise KeyboardInterrupt
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        # Callbacks and the state of a running fit are not pickled.
        return {name: value for name, value in state.items() if name != "_watch"}

    # Predicting.

    def decision_function(self, X: Any) -> np.ndarray:
        """Compute the scores of the classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        scores : ndarray of shape (n_samples, n_classes) or (n_samples,)
            With two classes, the score of the second minus that of the first.
        """
        check_is_fitted(self, "model_")
        scores = self._scores(X)
        return scores[:, 1] - scores[:, 0] if len(self.classes_) == 2 else scores

    @available_if(_has_probabilities)
    def predict_proba(self, X: Any) -> np.ndarray:
        """Estimate the probabilities of the classes. Only available with ``loss="softmax"``.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self, "model_")
        scores = self._scores(X)
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        return scores / scores.sum(axis=1, keepdims=True)

    @available_if(_has_probabilities)
    def predict_log_proba(self, X: Any) -> np.ndarray:
        """Return the logarithm of :meth:`predict_proba`.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        log_probabilities : ndarray of shape (n_samples, n_classes)
        """
        check_is_fitted(self, "model_")
        scores = self._scores(X)
        scores = scores - scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
