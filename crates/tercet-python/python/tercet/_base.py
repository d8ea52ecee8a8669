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


def names_of(classes: np.ndarray) -> list[str]:
    """The names of the classes in a model file."""
    return [str(c) for c in classes.tolist()]


def classes_of(names: list[str]) -> np.ndarray:
    """The classes named in a model file: integers if all names are integers, strings otherwise."""
    if all(name.isascii() and name.lstrip("-").isdigit() and str(int(name)) == name for name in names):
        return np.array([int(name) for name in names])
    return np.array(names)


def image_of(X: Any, rows: np.ndarray) -> tuple[int, int, int] | None:
    """Height, width and channels of the images in X, or None if X holds no images.

    Rows of uint8 with a square number of features are taken for square images.
    """
    if isinstance(X, np.ndarray) and X.ndim in (3, 4):
        return (*X.shape[1:3], X.shape[3] if X.ndim == 4 else 1)
    side = math.isqrt(rows.shape[1])
    return (side, side, 1) if rows.dtype == np.uint8 and side >= 8 and side * side == rows.shape[1] else None


class Classifier(ClassifierMixin, BaseEstimator):
    """A classifier around a model of the core, ``model_``."""

    #: Whether arrays of images, (N, height, width) or (N, height, width, channels), are accepted.
    _takes_images = True

    model_: _core.Model
    classes_: np.ndarray
    n_features_in_: int

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def _threads(self) -> int | None:
        return _threads.resolve(getattr(self, "n_jobs", None))

    def _labels(self, y: Any) -> np.ndarray:
        """Convert y to class indices and set ``classes_``."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y is None."
            )
        y = column_or_1d(y, warn=True)
        if len(y) and y.dtype.kind in "iu" and y.dtype != np.uint64:
            numbers = y.astype(np.int64, copy=False)
            low = int(numbers.min())
            if int(numbers.max()) - low < _FEW:
                # The same as below, by counting instead of sorting.
                there = np.bincount(numbers - low) > 0
                self.classes_ = (np.flatnonzero(there) + low).astype(y.dtype)
                return (np.cumsum(there, dtype=np.uint32) - 1)[numbers - low]
        check_classification_targets(y)
        self.classes_, indices = np.unique(y, return_inverse=True)
        return np.ascontiguousarray(indices, dtype=np.uint32)

    def _queries(self, X: Any) -> np.ndarray:
        """Validate X and convert it to the input of the model."""
        check_is_fitted(self, "model_")
        X, found = _rows.looked_at(self, X, reset=False)
        if self._range is not None:
            self._range.compare(X, found)
        return self._as_fitted(X)

    def _as_fitted(self, X: np.ndarray) -> np.ndarray:
        """Scale X as in training: a model fitted on uint8 receives value / 255, whatever the type of X."""
        if self.model_.is_pixels and self._fitted_on_bytes:
            return X if X.dtype == np.uint8 else _rows.as_floats(X) / np.float32(255)
        return _rows.as_floats(X)

    def _scores(self, X: Any) -> np.ndarray:
        return self.model_.scores(self._queries(X), self._threads())

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

    def save(self, path: str | os.PathLike[str], *, preparation: str | None = None) -> None:
        """Save the model to a file. :func:`tercet.load` and the program ``tercet`` open it.

        Parameters
        ----------
        path : str or path-like
        preparation : {"centred", "resize", "as-is"}, default=None
            How pictures of any size become inputs of the model. "centred" crops and centres the ink like
            MNIST.
        """
        check_is_fitted(self, "model_")
        card = json.loads(self.model_.card)
        card["classes"] = names_of(self.classes_)
        card["settings"] = {"estimator": type(self).__name__, "params": self._plain_params()}
        card["metrics"] = {k: float(v) for k, v in getattr(self, "_metrics", {}).items() if np.isfinite(v)}
        if isinstance(getattr(self, "random_state", None), (int, np.integer)):
            card["seed"] = int(self.random_state)
        if preparation is not None:
            card["contract"]["preparation"] = preparation
        self.model_.with_card(json.dumps(card)).save(os.fspath(path))

    def _plain_params(self) -> dict[str, Any]:
        """The parameters that can be written as JSON."""
        plain = {}
        for name, value in self.get_params(deep=False).items():
            if isinstance(value, np.generic):
                value = value.item()
            try:
                json.dumps(value, allow_nan=False)
            except (TypeError, ValueError):
                continue
            plain[name] = value
        return plain

    def _adopt(self, model: _core.Model) -> None:
        """Become the estimator of a model that was loaded from a file."""
        self.model_ = model
        self.classes_ = classes_of(model.classes)
        self.n_features_in_ = model.features
        self._fitted_on_bytes = model.is_pixels
        self._range = _rows.Range(0.0, 255.0, 127.5, warned=False) if model.is_pixels else None
