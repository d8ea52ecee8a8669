"""Classifiers that are trained by gradient descent."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import check_is_fitted, column_or_1d

from ._base import Classifier, list_of
from ._gradient_descent import GradientDescent
from ._weights import check_class_weight, class_weights

_LOSSES = {"svm": "svm", "hinge": "svm", "softmax": "softmax", "log_loss": "softmax"}


def _has_probabilities(estimator: Any) -> bool:
    if estimator._loss() != "softmax":
        raise AttributeError(
            f"loss is {estimator.loss!r}, whose scores are not probabilities; use loss='softmax'"
        )
    return True


class GradientDescentClassifier(GradientDescent, Classifier):
    """Base class of linear classifiers and networks that predict classes."""

    #: Whether y may be a matrix of zeros and ones, with a column for each label.
    _takes_multilabel = False

    _multilabel = False
    _kept = (*GradientDescent._kept, "_multilabel")

    def _loss(self) -> str:
        if not isinstance(self.loss, str) or self.loss not in _LOSSES:
            raise ValueError(f"loss is {self.loss!r}; expected one of {', '.join(_LOSSES)}")
        return _LOSSES[self.loss]

    def _target_loss(self) -> str | None:
        return "logistic" if self._multilabel else None

    def _encode(self, y: Any, reset: bool, classes: Any) -> np.ndarray:
        shape = y.shape if hasattr(y, "shape") else np.asarray(y).shape
        table = scipy.sparse.issparse(y) or (len(shape) == 2 and shape[1] > 1)
        multilabel = self._takes_multilabel and table and type_of_target(y) == "multilabel-indicator"
        if not reset:
            self._check_same(classes)
            if multilabel != self._multilabel:
                was = "a matrix of labels" if self._multilabel else "one label of each example"
                raise ValueError(
                    f"y: found {'a matrix' if multilabel else 'a list'} of labels; expected {was}"
                )
            return self._indicators(y) if multilabel else self._known(y)
        self._multilabel = multilabel
        if multilabel:
            values = self._indicators(y)
            self.classes_ = np.arange(values.shape[1]) if classes is None else np.unique(classes)
            return values
        if classes is None:
            return self._labels(y)
        self.classes_ = np.unique(classes)
        return self._known(y)

    def _check_same(self, classes: Any) -> None:
        if classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise ValueError(
                f"`classes={np.asarray(classes).tolist()}` is not the same as on last call to "
                f"partial_fit, was: {self.classes_.tolist()}"
            )

    @staticmethod
    def _indicators(y: Any) -> np.ndarray:
        y = y.toarray() if scipy.sparse.issparse(y) else np.asarray(y)
        return np.ascontiguousarray(y, dtype=np.float32)

    def _known(self, y: Any) -> np.ndarray:
        """The indices of the classes of y, which are among ``classes_``."""
        self._require(y)
        y = column_or_1d(y, warn=True)
        if len(y) and (y.dtype.kind in "OUS") != (self.classes_.dtype.kind in "OUS"):
            raise ValueError(
                f"y has labels such as {y[:1].tolist()[0]!r}, of type {y.dtype}; expected classes among "
                f"{self.classes_.tolist()}, of type {self.classes_.dtype}"
            )
        places = np.searchsorted(self.classes_, y)
        places[places == len(self.classes_)] = 0
        if (self.classes_[places] != y).any():
            unknown = np.setdiff1d(y, self.classes_).tolist()
            raise ValueError(f"y has the classes {unknown}, which are not among {self.classes_.tolist()}")
        return np.ascontiguousarray(places, dtype=np.uint32)

    def _decode(self, labels: np.ndarray) -> np.ndarray:
        return labels.astype(np.int64) if labels.ndim == 2 else self.classes_[labels]

    def _outputs(self) -> int:
        return len(self.classes_)

    def _class_list(self) -> tuple[list[str], str]:
        return list_of(self.classes_)

    def _loss_weights(self, labels: np.ndarray, weights: np.ndarray | None) -> np.ndarray | None:
        check_class_weight(self.class_weight)
        if self.class_weight is None:
            return weights
        if labels.ndim == 2:
            raise ValueError("class_weight: expected None if y is a matrix of labels")
        of_class = class_weights(self.class_weight, self.classes_, labels, weights)[labels]
        weights = of_class if weights is None else weights * of_class
        if not weights.any():
            raise ValueError("class_weight: expected a positive weight for at least one class of y")
        return weights

    def _partial_fit(self, X: Any, y: Any, classes: Any, sample_weight: Any) -> Any:
        if classes is None and not hasattr(self, "model_"):
            raise ValueError("classes must be passed on the first call to partial_fit.")
        return super()._partial_fit(X, y, classes, sample_weight)

    def _describe_model(self) -> None:
        self.loss = "svm" if self.model_.score_kind == "margins" else "softmax"

    # Predicting.

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row of X, or its labels if y was a matrix of labels.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_classes)
        """
        if self._multilabel:
            check_is_fitted(self, "model_")
            return (self._scores(X) > 0).astype(np.int64)
        return super().predict(X)

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
        binary = len(self.classes_) == 2 and not self._multilabel
        return scores[:, 1] - scores[:, 0] if binary else scores

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
        scores = self._scores(X).astype(np.float64)
        if self._multilabel:
            return np.exp(-np.logaddexp(0, -scores))
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
        if self._multilabel:
            return np.log(self.predict_proba(X))
        scores = self._scores(X).astype(np.float64)
        scores = scores - scores.max(axis=1, keepdims=True)
        return scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
