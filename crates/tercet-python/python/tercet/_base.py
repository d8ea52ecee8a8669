"""Base class of all estimators."""

from __future__ import annotations

import html
import json
import math
import os
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, column_or_1d

from . import _core, _figures, _rows, _threads

#: Integer labels within a range of this size are mapped to class indices by counting instead of sorting.
_FEW = 1 << 16


#: The type of labels in a model file, by the kind of the array's dtype; all others are text.
_LABEL_TYPES = {"b": "boolean", "i": "integer", "u": "integer", "f": "float", "M": "date"}


def names_of(classes: np.ndarray) -> list[str]:
    """The names of the classes in a model file."""
    if classes.dtype.kind == "M":
        return np.datetime_as_string(classes).tolist()
    return [str(c) for c in classes.tolist()]


def list_of(classes: np.ndarray) -> tuple[list[str], str]:
    """The names of the classes and the type of the labels, as a model file stores them."""
    return names_of(classes), _LABEL_TYPES.get(classes.dtype.kind, "text")


def classes_of(names: list[str], label_type: str) -> np.ndarray:
    """The classes of a model file, with the type that the labels had."""
    if label_type == "boolean":
        return np.array([name.lower() == "true" for name in names])
    if label_type == "integer":
        return np.array([int(name) for name in names])
    if label_type == "float":
        return np.array([float(name) for name in names])
    if label_type == "date":
        return np.array(names, dtype=np.datetime64)
    return np.array(names)


def square_of(width: int) -> tuple[int, int, int] | None:
    """The square image of this number of pixels, if there is one of at least 8 pixels a side."""
    side = math.isqrt(width)
    return (side, side, 1) if side >= 8 and side * side == width else None


def spec_of(preprocessing: Any) -> str:
    """The specification that a parameter ``preprocessing`` stands for."""
    if preprocessing is None:
        return "none"
    if not isinstance(preprocessing, str):
        raise TypeError(f"preprocessing is {preprocessing!r}; expected a string such as 'auto', or None")
    return preprocessing


def _writable(values: dict[str, Any]) -> dict[str, Any]:
    """The values that can be written as JSON, a dictionary as the list of its items."""
    plain = {}
    for name, value in values.items():
        value = {"items": _plain([*value.items()])} if isinstance(value, dict) else _plain(value)
        try:
            json.dumps(value, allow_nan=False)
        except (TypeError, ValueError):
            continue
        plain[name] = value
    return plain


def _plain(value: Any) -> Any:
    """Numbers of NumPy as those of Python, alone or in sequences."""
    if isinstance(value, (np.generic, np.ndarray)):
        return value.tolist()
    return [_plain(each) for each in value] if isinstance(value, (list, tuple)) else value


class Estimator(BaseEstimator):
    """An estimator around a model of the core, ``model_``."""

    #: Whether arrays of images, (N, height, width) or (N, height, width, channels), are accepted.
    _takes_images = True

    model_: _core.Model
    n_features_in_: int

    #: Fitted attributes, apart from those that the model itself implies, that a model file keeps.
    _kept: tuple[str, ...] = ()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _threads(self) -> int | None:
        return _threads.resolve(getattr(self, "n_jobs", None))

    def _require(self, y: Any) -> None:
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )

    def _scores(self, X: Any) -> np.ndarray:
        """The scores of each row of X: float32 if X is, otherwise float64, as in scikit-learn."""
        scores = self.model_.scores(*_rows.queries(self, X), self._threads())
        return scores if getattr(X, "dtype", None) == np.float32 else scores.astype(np.float64)

    def _repr_html_inner(self) -> str:
        """scikit-learn's diagram of the estimator, followed by a description of the fitted model."""
        drawing = super()._repr_html_inner()
        if not hasattr(self, "model_"):
            return drawing
        named = {
            "training loss": getattr(self, "loss_curve_", None),
            "validation loss": getattr(self, "validation_loss_curve_", None),
        }
        lines = _figures.curves({name: values for name, values in named.items() if values})
        return f"{drawing}<p>{html.escape(self.model_.describe())}</p>{lines}"

    @property
    def preprocessing_(self) -> _core.Preprocessing:
        """The fitted preprocessing: ``str`` shows its steps, ``mean`` and ``std`` its statistics."""
        check_is_fitted(self, "model_")
        return self.model_.preprocessing

    def save(self, path: str | os.PathLike[str]) -> None:
        """Save the model to a file. :func:`tercet.load` and the program ``tercet`` open it.

        The file holds the preprocessing, the classes with their type, the parameters of the estimator, and
        its attributes, such as ``n_iter_`` and the names of the features. The state of the optimizer is only
        kept in pickles.

        Parameters
        ----------
        path : str or path-like
        """
        check_is_fitted(self)
        model = self._model_to_save()
        card = json.loads(model.card)
        if hasattr(self, "classes_"):
            names, label_type = list_of(self.classes_)
            card["classes"] = {"names": names, "type": label_type}
        card["settings"] = {
            "estimator": type(self).__name__,
            "params": _writable(self.get_params(deep=False)),
            "fitted": self._fitted(),
        }
        card["metrics"] = {k: float(v) for k, v in getattr(self, "_metrics", {}).items() if np.isfinite(v)}
        if isinstance(getattr(self, "random_state", None), (int, np.integer)):
            card["seed"] = int(self.random_state)
        model.with_card(json.dumps(card)).save(os.fspath(path))

    def _model_to_save(self) -> _core.Model:
        return self.model_

    def _fitted(self) -> dict[str, Any]:
        """The fitted attributes that a model file keeps."""
        names = ("feature_names_in_", *self._kept)
        fitted = _writable({name: getattr(self, name) for name in names if hasattr(self, name)})
        if self._range is not None:
            fitted["range"] = [self._range.low, self._range.high, self._range.mean]
        if hasattr(self, "classes_"):
            fitted["label_dtype"] = self.classes_.dtype.str
        return fitted

    def _adopt(self, model: _core.Model, fitted: dict[str, Any] | None = None) -> None:
        """Become the estimator of a model that was loaded from a file, with these fitted attributes."""
        fitted = fitted or {}
        self.model_ = model
        self._adopt_classes(model, fitted.get("label_dtype"))
        self.n_features_in_ = model.features
        self._range = _rows.Range(0.0, 255.0, 127.5, warned=False) if model.is_pixels else None
        if "range" in fitted:
            self._range = _rows.Range(*fitted["range"])
        if "feature_names_in_" in fitted:
            self.feature_names_in_ = np.array(fitted["feature_names_in_"], dtype=object)
        for name in self._kept:
            if name in fitted:
                setattr(self, name, fitted[name])

    def _adopt_classes(self, model: _core.Model, dtype: str | None) -> None:
        """Set what the labels were."""

    def _describe_model(self) -> None:
        """Set the parameters that the model file implies, for a model from another program."""


class Classifier(ClassifierMixin, Estimator):
    """A classifier around a model of the core."""

    classes_: np.ndarray

    def _labels(self, y: Any) -> np.ndarray:
        """Convert y to class indices and set ``classes_``."""
        self._require(y)
        y = column_or_1d(y, warn=True)
        if len(y) and y.dtype.kind in "iu" and y.dtype != np.uint64:
            numbers = y.astype(np.int64, copy=False)
            low = int(numbers.min())
            if int(numbers.max()) - low < _FEW:
                # The same as below, by counting instead of sorting.
                there = np.bincount(numbers - low) > 0
                self.classes_ = (np.flatnonzero(there) + low).astype(y.dtype)
                return (np.cumsum(there, dtype=np.uint32) - 1)[numbers - low]
        if y.dtype.kind != "M":
            check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        return np.ascontiguousarray(indices, dtype=np.uint32)

    def _adopt_classes(self, model: _core.Model, dtype: str | None) -> None:
        self.classes_ = classes_of(*model.classes)
        if dtype is not None:
            self.classes_ = self.classes_.astype(dtype)

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,)
        """
        check_is_fitted(self, "model_")
        return self.classes_[self._scores(X).argmax(axis=1)]
