"""Estimators that are trained by gradient descent: linear classifiers and networks."""

from __future__ import annotations

import json
import math
import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from . import _core, _lbfgs, _rows
from ._base import Estimator, spec_of, square_of
from ._callbacks import CallbackSupportMixin, with_callbacks
from ._history import History
from ._interrupts import interrupted
from ._monitor import Monitor
from ._validation import Data, hold_out
from ._weights import merged, sample_weights

_SCHEDULES: dict[str, Any] = {
    "constant": "constant",
    "adaptive": "constant",
    "invscaling": "constant",
    "linear": "linear-to-zero",
    "cosine": "cosine",
    "one_cycle": {"one-cycle": {}},
    "exponential": {"exponential": {}},
}


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


def _check_size(found: _rows.Range | None, preprocessing: Any) -> None:
    """Raise an error if the variance of the features, or the features themselves, cannot be represented."""
    largest = 0.0 if found is None else max(-found.low, found.high)
    if largest > (np.finfo(np.float32).max if preprocessing is None else 1e150):
        raise ValueError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need "
            f"to be preprocessed. Largest absolute value of X: {largest:.3g}."
        )


class GradientDescent(CallbackSupportMixin, History, Estimator):
    """Base class of linear classifiers and networks that are trained by gradient descent.

    The training loop runs in the core. This class prepares its input and follows it after each epoch.
    """

    _kept = (
        "n_iter_",
        "t_",
        "loss_",
        "best_loss_",
        "loss_curve_",
        "validation_loss_curve_",
        "validation_accuracy_curve_",
        "validation_scores_",
        "best_validation_score_",
        "best_epoch_",
        "_calls",
        "_first_seed",
        "_single_precision",
    )

    # What is learned: classes or target values.

    def _target_loss(self) -> str | None:
        """The loss of target values; None for classes."""
        return None

    def _loss(self) -> str:
        """The loss of classes."""
        return "softmax"

    def _encode(self, y: Any, reset: bool, classes: np.ndarray | None) -> np.ndarray:
        """Convert y to class indices or target values; if ``reset``, set the attributes that describe y."""
        raise NotImplementedError

    def _decode(self, labels: np.ndarray) -> np.ndarray:
        """The y of class indices or target values."""
        raise NotImplementedError

    def _outputs(self) -> int:
        """The number of scores of an example."""
        raise NotImplementedError

    def _class_list(self) -> tuple[list[str], str]:
        """The names of the outputs and the type of the labels, as a model file stores them."""
        raise NotImplementedError

    def _loss_weights(self, labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        """The weight of each example in the loss, given its sample weight."""
        return weights

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
            "shuffle": bool(getattr(self, "shuffle", True)),
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

    def _request(self, X: np.ndarray, image: Any, settings: dict[str, Any], seed: int) -> str:
        request = {
            "layers": self._layers(X.shape[1], image),
            "init": "he",
            "settings": settings,
            "targets": self._target_loss(),
            "seed": seed,
        }
        return json.dumps(request)

    def _seed(self) -> int:
        return int(check_random_state(self.random_state).randint(np.iinfo(np.int32).max))

    # Fitting.

    def _prepare(
        self, X: Any, y: Any, sample_weight: Any, reset: bool, classes: np.ndarray | None = None
    ) -> Data:
        """The examples, without those whose weight is 0.

        ``classes`` are all classes, if y need not have all of them.
        """
        raw = X
        self._require(y)
        X = _rows.checked(self, X, reset=reset)
        labels = self._encode(y, reset, classes)
        if len(labels) != len(X):
            raise ValueError(
                f"Found input variables with inconsistent numbers of samples: {[len(X), len(labels)]}"
            )
        given = sample_weights(sample_weight, X)
        data = Data(X, labels, self._loss_weights(labels, given), given)
        if data.weights is not None and not data.weights.all():
            data = data.take(np.flatnonzero(data.weights > 0))
        data.image = self._image(raw, X) if reset else self.model_.image
        self._seen = data.total
        if reset:
            self._single_precision = getattr(raw, "dtype", None) == np.float32
        return data

    def _merge(self, data: Data) -> Data:
        """Merge duplicates if one batch holds all examples; scale the weights to a mean of 1.

        Merging changes nothing but rounding: an example of weight 2 gives the same bits as one that occurs
        twice. With dropout or a batch norm, every copy counts separately.
        """
        X, labels, weights = data.X, data.labels, data.weights
        separate = any(getattr(self, name, 0.0) for name in ("dropout", "input_dropout"))
        separate = separate or "bn" in (getattr(self, "layers", None) or "")
        if len(X) <= self._batch(len(X)) and not separate:
            X, labels, weights = merged(X, labels, weights)
        if weights is not None:
            weights = np.ascontiguousarray(weights / weights.mean(), dtype=np.float32)
        return Data(X, labels, weights, None, data.image)

    def _fitted_preprocessing(self, data: Data) -> _core.Preprocessing:
        """The preprocessing of the parameter ``preprocessing``, fitted on training rows."""
        return _core.Preprocessing.fit(
            spec_of(self.preprocessing),
            data.X,
            weights=data.weights,
            image=data.image,
            threads=self._threads(),
        )

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
        start = self.model_ if getattr(self, "warm_start", False) and hasattr(self, "model_") else None
        before = getattr(self, "classes_", None)
        data = self._prepare(X, y, sample_weight, reset=True)
        if start is not None and before is not None and not np.array_equal(before, self.classes_):
            after, self.classes_ = self.classes_, before
            raise ValueError(
                "warm_start can only be used where `y` has the same classes as in the previous call to fit. "
                f"Previously got {before}, `y` has {after}"
            )
        self._descend(data, (X_val, y_val), start)
        return self

    def _descend(self, data: Data, held_out: Any, start: Any) -> None:
        lbfgs = getattr(self, "solver", None) == "lbfgs"
        early = bool(getattr(self, "early_stopping", False)) and not lbfgs
        validation = None
        if held_out[0] is not None:
            X_val = _rows.checked(self, held_out[0], reset=False)
            validation = Data(X_val, self._encode(held_out[1], False, None))
        elif early:
            number("validation_fraction", self.validation_fraction, 0, 1, open=True)
            data, validation = hold_out(data, self.validation_fraction, self._seed())
            self._seen = data.total
        n, seen = len(data.X), getattr(self, "t_", 0) if start is not None else 0
        data = self._merge(data)
        self._range = _rows.Range.of(data.X)
        _check_size(self._range, self.preprocessing)
        # Held-out rows have no influence on the preprocessing; weights from before were learned with theirs.
        preprocessing = start.preprocessing if start else self._fitted_preprocessing(data)
        if lbfgs:
            _lbfgs.minimize(self, data, start, preprocessing)
            return
        settings = self._settings(len(data.X))
        watch = Monitor(self, data, validation, settings, early, n, seen)
        try:
            model, history, optimizer_state, was_interrupted = _core.train(
                data.X,
                data.labels,
                self._class_list(),
                self._request(data.X, data.image, settings, self._seed()),
                preprocessing,
                weights=data.weights,
                validation=watch.core_validation,
                start=start,
                on_epoch=watch if watch.needed else None,
                snapshots=watch.snapshots,
                threads=self._threads(),
            )
        except FloatingPointError as error:
            if watch.best_model is None:
                raise
            watch.diverged(error)
            model, history, optimizer_state, was_interrupted = watch.best_model, {}, None, False
        losses = np.asarray(history.get("losses", watch.losses), dtype=np.float64)
        each = math.ceil(len(data.X) / settings["batch"]) if history else 1
        curve = [float(losses[i : i + each].mean()) for i in range(0, len(losses), each)]
        self._keep(model, curve, optimizer_state)
        self.t_ = seen + self.n_iter_ * n
        watch.curves(history)
        for warning in [] if was_interrupted else history.get("warnings", []):
            warnings.warn(warning, ConvergenceWarning, stacklevel=3)
        watch.finish(was_interrupted)
        if was_interrupted:
            interrupted("that of the last step")

    def _keep(self, model: Any, curve: list[float], optimizer_state: Any) -> None:
        """Store the attributes of a fitted model."""
        self.model_ = model
        self._optimizer_state = optimizer_state
        self.loss_curve_ = curve
        self.validation_loss_curve_ = self.validation_accuracy_curve_ = None
        self.n_iter_ = max(1, len(curve))
        self.loss_ = curve[-1] if curve else math.nan
        self.best_loss_ = min(curve, default=math.nan)
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
        """W and b of each layer; those of a dense first layer are for the features as given.

        With x' = x · scale + shift, x' · W + b = x · (scale · W) + (b + shift · W). They are float32 if the
        training data was, otherwise float64.
        """
        check_is_fitted(self, "model_")
        layers = [(w.astype(np.float64), b.astype(np.float64)) for w, b in self.model_.weights()]
        if self.model_.layers.removeprefix("flatten ").startswith("dense"):
            scale, shift = self.model_.preprocessing.affine()
            w, b = layers[0]
            layers[0] = (scale[:, None] * w, b + shift @ w)
        dtype = np.float32 if getattr(self, "_single_precision", False) else np.float64
        return [(w.astype(dtype), b.astype(dtype)) for w, b in layers]

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Any:
        if getattr(self, "early_stopping", False):
            raise ValueError("partial_fit does not support early_stopping=True")
        first = not hasattr(self, "model_")
        data = self._prepare(X, y, sample_weight, reset=first, classes=classes)
        if first:
            self._range, self._calls, self.loss_curve_, self.t_ = _rows.Range.of(data.X), 0, [], 0
            self._first_seed = self._seed()
        n = len(data.X)
        data = self._merge(data)
        curve = list(getattr(self, "loss_curve_", []))
        calls, seen = getattr(self, "_calls", 0), getattr(self, "t_", 0)
        settings = self._settings(len(data.X), epochs=1)
        if self.learning_rate == "invscaling" and seen:
            settings["learning_rate"] /= (seen + 1) ** self.power_t
        seed = (getattr(self, "_first_seed", 0) + calls) % 2**32
        if first:
            # The statistics of a first batch are not those of the data.
            spec = spec_of(self.preprocessing)
            preprocessing = _core.Preprocessing.unfitted(spec, data.X, image=data.image)
        else:
            preprocessing = self.model_.preprocessing
        model, history, optimizer_state, was_interrupted = _core.train(
            data.X,
            data.labels,
            self._class_list(),
            self._request(data.X, data.image, settings, seed),
            preprocessing,
            weights=data.weights,
            start=None if first else self.model_,
            optimizer_state=getattr(self, "_optimizer_state", None),
            threads=self._threads(),
        )
        self._keep(model, [float(np.mean(history["losses"]))], optimizer_state)
        self.loss_curve_, self._calls = curve + self.loss_curve_, calls + 1
        self.n_iter_, self.t_ = len(self.loss_curve_), seen + n
        if was_interrupted:
            raise KeyboardInterrupt
        return self

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        # Callbacks and the state of a running fit are not pickled.
        return {name: value for name, value in state.items() if name != "_watch"}
