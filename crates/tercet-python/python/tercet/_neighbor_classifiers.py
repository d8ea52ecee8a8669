"""Votes of nearest neighbours."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
from sklearn.base import MultiOutputMixin
from sklearn.utils import check_consistent_length
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from . import _core, _engines, _metrics, _rows, _threads
from ._base import Classifier, list_of, spec_of
from ._search import KSearch, RadiusSearch, Search, Weights, image_of, votes_of, warn_of_column, weights_of


class _Classifier(MultiOutputMixin, Search, Classifier):
    """Classes of one or more outputs."""

    classes_: Any

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _targets(self, y: Any, rows: Any) -> np.ndarray:
        """Convert y to class indices, (n_samples, n_outputs), and set ``classes_`` and ``outputs_2d_``."""
        if y is None:
            self._labels(y)
        given = y
        y = np.asarray(y)
        check_consistent_length(rows, y)
        self.outputs_2d_ = y.ndim == 2 and y.shape[1] > 1
        if not self.outputs_2d_:
            if y.ndim == 2:
                warn_of_column()
                given = y.ravel()
            return self._labels(given)[:, None]
        check_classification_targets(y)
        columns = [np.unique(column, return_inverse=True) for column in y.T]
        self.classes_ = [classes for classes, _ in columns]
        return np.stack([indices for _, indices in columns], axis=1)

    def _each(self) -> list[np.ndarray]:
        """The classes of every output."""
        return self.classes_ if self.outputs_2d_ else [self.classes_]

    def _answer(self, columns: list[np.ndarray]) -> np.ndarray:
        if not self.outputs_2d_:
            return columns[0]
        answer = np.empty((len(columns[0]), len(columns)), dtype=self.classes_[0].dtype)
        for k, column in enumerate(columns):
            answer[:, k] = column
        return answer


class KNeighborsClassifier(KSearch, _Classifier):
    """The k-nearest-neighbours classifier with the interface of ``sklearn.neighbors.KNeighborsClassifier``.

    The search is that of :class:`NearestNeighbors`. The class with the most votes is predicted; of several,
    the first.

    Parameters
    ----------
    n_neighbors : int, default=5
        Number of neighbours that vote.
    weights : {"uniform", "distance"} or callable, default="uniform"
        Weight of a vote: 1, or 1 / distance. A function receives an array of distances and returns one of
        weights; pickles keep it, model files cannot.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    metric : str or callable, default="minkowski"
        Any metric of ``sklearn.neighbors``, "l3", "dot" (−q·x), "precomputed" (X is a matrix of distances),
        or a function of two rows.
    p : float, default=2
        Power of the Minkowski metric.
    metric_params : dict, default=None
        Parameters of the metric: ``w`` of "minkowski", ``V`` of "seuclidean", ``VI`` or ``V`` of
        "mahalanobis", or keyword arguments of a function.
    preprocessing : str or None, default="auto"
        What is done to each row: "auto" and None compare the numbers as they are. Steps can be added:
        "auto, standardize", or "auto, deskew, blur 0.7" for images of uint8. They are fitted on X, applied
        to all queries, and saved with the model.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or a list of one array for each output
        Class labels.
    outputs_2d_ : bool
        Whether y had several outputs.
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str or callable
        Name of the metric.
    effective_metric_params_ : dict
        Parameters of the metric.

    Examples
    --------
    >>> from tercet import KNeighborsClassifier
    >>> model = KNeighborsClassifier(n_neighbors=3).fit([[0], [1], [2], [3]], ["a", "a", "b", "b"])
    >>> model.predict([[1.1]])
    array(['a'], dtype='<U1')
    >>> model.predict_proba([[0.9]])
    array([[0.66666667, 0.33333333]])
    """

    def __init__(
        self,
        n_neighbors: int = 5,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: Any = "minkowski",
        metric_params: dict[str, Any] | None = None,
        preprocessing: str | None = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.n_neighbors = n_neighbors
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.metric_params = metric_params
        self.preprocessing = preprocessing
        self.n_jobs = n_jobs

    def _keeps_sparse(self) -> bool:
        return self._has_no_steps()

    def _has_no_steps(self) -> bool:
        """Whether rows are compared as they are."""
        return spec_of(self.preprocessing).strip() in ("auto", "none")

    def fit(self, X: Any, y: Any) -> KNeighborsClassifier:
        """Store the rows of X and their classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            Training data. Arrays of images, (n_samples, height, width) or (n_samples, height, width,
            channels), are accepted too. The distances between all rows with ``metric="precomputed"``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.

        Returns
        -------
        self : object
        """
        if y is None:
            self._labels(y)
        raw, rows = self._start(X)
        targets = self._targets(y, rows)
        if isinstance(rows, np.ndarray) and not self.outputs_2d_:
            metric = _metrics.resolve(self, rows)
            if metric.is_named:
                self._y = targets
                self.model_ = self._model(rows, metric.name, image_of(raw, rows))
                self._remember(rows, metric, _engines.Dense(self.model_))
                return self
        if not self._has_no_steps():
            raise ValueError(
                f"preprocessing is {self.preprocessing!r}; expected 'auto' or None with several outputs, "
                "or with a metric that is a function, is precomputed or has parameters"
            )
        self._y = targets
        if hasattr(self, "model_"):
            del self.model_
        self._store(raw, rows)
        return self

    def _model(self, rows: np.ndarray, metric: str, image: Any) -> _core.Model:
        return _core.fit_neighbors(
            rows,
            np.ascontiguousarray(self._y[:, 0], dtype=np.uint32),
            list_of(self.classes_),
            spec=spec_of(self.preprocessing),
            metric=metric,
            k=min(self.n_neighbors, len(rows)),
            vote=self._vote(),
            image=image,
            threads=_threads.resolve(self.n_jobs),
        )

    def _vote(self) -> str:
        self._check_weights()
        return self.weights if isinstance(self.weights, str) else "uniform"

    def predict_proba(self, X: Any) -> Any:
        """Compute the share of the votes for each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or a list of one array for each output
        """
        check_is_fitted(self)
        if hasattr(self, "model_") and X is not None and not callable(self.weights):
            rows, image = self._queries(X)
            if self.n_neighbors > self.n_samples_fit_:
                raise ValueError(
                    f"Expected n_neighbors <= n_samples_fit, but n_neighbors = {self.n_neighbors}, "
                    f"n_samples_fit = {self.n_samples_fit_}, n_samples = {len(rows)}"
                )
            return self._model_to_save().shares(rows, image, _threads.resolve(self.n_jobs))
        distances, indices = self.kneighbors(X)
        n, k = indices.shape
        starts = np.arange(0, n * k + 1, k)
        weights = weights_of(self.weights, distances.ravel(), starts, k)
        if weights is not None and n and (weights.reshape(n, k) == 0).all(axis=1).any():
            raise ValueError(
                "All neighbors of some sample is getting zero weights. Please modify 'weights' to avoid this "
                "case if you are using a user-defined function."
            )
        shares = []
        for output, classes in enumerate(self._each()):
            votes = votes_of(self._y[indices.ravel(), output], starts, weights, len(classes))
            shares.append(votes / votes.sum(axis=1, keepdims=True))
        return shares if self.outputs_2d_ else shares[0]

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        shares = self.predict_proba(X)
        # The core compares shares as float32.
        shares = [each.astype(np.float32) for each in (shares if self.outputs_2d_ else [shares])]
        return self._answer([classes[each.argmax(axis=1)] for classes, each in zip(self._each(), shares)])

    def _model_to_save(self) -> _core.Model:
        """The model with the parameters as they are now: they may have changed since ``fit``."""
        if callable(self.weights):
            raise ValueError(
                "weights is a function, which a model file cannot hold: pickle the estimator, "
                "or set weights to 'uniform' or 'distance'"
            )
        if not hasattr(self, "model_"):
            engine = self._engine
            if not isinstance(engine, _engines.Sparse) or not engine.metric.is_named or self.outputs_2d_:
                raise ValueError(
                    "a model file holds one output, and a metric without parameters that is neither a "
                    "function nor precomputed: pickle the estimator"
                )
            return self._model(_rows.dense(engine.rows), engine.metric.name, None)
        k, vote = min(self.n_neighbors, self.n_samples_fit_), self._vote()
        _, *now = self.model_.choices
        return self.model_ if now == [k, vote] else self.model_.with_vote(k, vote)

    def _adopt(self, model: _core.Model, fitted: dict[str, Any] | None = None) -> None:
        super()._adopt(model, fitted)
        self.outputs_2d_ = False
        self._y = model.labels[:, None]
        self._engine = _engines.Dense(model)
        self.n_samples_fit_ = len(model.labels)

    def _describe_model(self) -> None:
        self.metric, self.n_neighbors, self.weights = self.model_.choices
        self.p = {"l1": 1, "l2": 2, "l3": 3}.get(self.metric, 2)


class RadiusNeighborsClassifier(RadiusSearch, _Classifier):
    """Vote of all neighbours within a radius.

    The interface is that of ``sklearn.neighbors.RadiusNeighborsClassifier``, the search that of
    :class:`NearestNeighbors`.

    Parameters
    ----------
    radius : float, default=1.0
        Largest distance of the neighbours that vote.
    weights : {"uniform", "distance"} or callable, default="uniform"
        Weight of a neighbour: 1, or 1 / distance. A function receives an array of arrays of distances, one
        for each query, and returns their weights.
    algorithm : {"auto", "brute", "kd_tree", "ball_tree"}, default="auto"
        Accepted for compatibility; it does not change the result.
    leaf_size : int, default=30
        Accepted for compatibility; it does not change the result.
    p : float, default=2
        Power of the Minkowski metric.
    metric : str or callable, default="minkowski"
        Any metric of ``sklearn.neighbors``, "l3", "dot" (−q·x), "precomputed" (X is a matrix of distances),
        or a function of two rows.
    metric_params : dict, default=None
        Parameters of the metric: ``w`` of "minkowski", ``V`` of "seuclidean", ``VI`` or ``V`` of
        "mahalanobis", or keyword arguments of a function.
    outlier_label : label, list of labels, "most_frequent" or None, default=None
        Class of queries without neighbours, for each output. None raises an error.
    n_jobs : int, default=None
        Number of threads; all processors by default.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,), or a list of one array for each output
        Class labels.
    outlier_label_ : list or None
        Class of queries without neighbours, for each output.
    outputs_2d_ : bool
        Whether y had several outputs.
    n_samples_fit_ : int
        Number of stored rows.
    n_features_in_ : int
        Number of features.
    effective_metric_ : str or callable
        Name of the metric.
    effective_metric_params_ : dict
        Parameters of the metric.

    Examples
    --------
    >>> from tercet import RadiusNeighborsClassifier
    >>> model = RadiusNeighborsClassifier(radius=1.0).fit([[0], [1], [2], [3]], [0, 0, 1, 1])
    >>> model.predict([[1.5]])
    array([0])
    >>> model.predict_proba([[1.0]])
    array([[0.66666667, 0.33333333]])
    """

    def __init__(
        self,
        radius: float = 1.0,
        *,
        weights: Weights = "uniform",
        algorithm: str = "auto",
        leaf_size: int = 30,
        p: float = 2,
        metric: Any = "minkowski",
        outlier_label: Any = None,
        metric_params: dict[str, Any] | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.radius = radius
        self.weights = weights
        self.algorithm = algorithm
        self.leaf_size = leaf_size
        self.p = p
        self.metric = metric
        self.outlier_label = outlier_label
        self.metric_params = metric_params
        self.n_jobs = n_jobs

    def fit(self, X: Any, y: Any) -> RadiusNeighborsClassifier:
        """Store the rows of X and their classes.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features)
            The distances between all rows, (n_samples, n_samples), with ``metric="precomputed"``.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
            Class labels.

        Returns
        -------
        self : object
        """
        if y is None:
            self._labels(y)
        raw, rows = self._start(X)
        self._y = self._targets(y, rows)
        self.outlier_label_ = self._outlier_labels()
        self._store(raw, rows)
        return self

    def _outlier_labels(self) -> list[Any] | None:
        classes, label = self._each(), self.outlier_label
        if label is None:
            return None
        if isinstance(label, str) and label == "most_frequent":
            return [each[np.bincount(column).argmax()] for each, column in zip(classes, self._y.T)]
        is_list = isinstance(label, (list, tuple, np.ndarray)) and np.ndim(label) > 0
        labels = list(label) if is_list else [label] * len(classes)
        if len(labels) != len(classes):
            raise ValueError(
                f"The length of outlier_label: {label} is inconsistent with the output length: {len(classes)}"
            )
        for each, one in zip(classes, labels):
            if np.ndim(one) > 0:
                raise TypeError(f"The outlier_label of classes {each} is supposed to be a scalar, got {one}.")
            if np.append(each, one).dtype != each.dtype:
                raise TypeError(f"The dtype of outlier_label {one} is inconsistent with classes {each} in y.")
        return labels

    def predict_proba(self, X: Any) -> Any:
        """Compute the share of the votes for each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), or a list of one array for each output
        """
        starts, distances, indices = self._within(X, None)
        outliers = np.flatnonzero(np.diff(starts) == 0)
        if len(outliers) and self.outlier_label_ is None:
            raise ValueError(
                f"No neighbors found for test samples {outliers}, you can try using larger radius, giving a "
                "label for outliers, or considering removing them from your dataset."
            )
        weights = weights_of(self.weights, distances, starts, None)
        shares = []
        for output, classes in enumerate(self._each()):
            votes = votes_of(self._y[indices, output], starts, weights, len(classes))
            if len(outliers):
                label = self.outlier_label_[output]  # type: ignore[index]
                place = np.flatnonzero(classes == label)
                votes[outliers[:, None], place] = 1.0
                if not len(place):
                    warnings.warn(
                        f"Outlier label {label} is not in training classes. All class probabilities of "
                        "outliers will be assigned with 0.",
                        stacklevel=2,
                    )
            total = votes.sum(axis=1, keepdims=True)
            shares.append(votes / np.where(total == 0, 1.0, total))
        return shares if self.outputs_2d_ else shares[0]

    def predict(self, X: Any) -> np.ndarray:
        """Predict the class of each row of X.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_samples, n_features), or None
            None stands for the stored rows, none of which counts as its own neighbour.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_outputs)
        """
        shares = self.predict_proba(X)
        columns = []
        for k, (classes, each) in enumerate(zip(self._each(), shares if self.outputs_2d_ else [shares])):
            column = classes[each.argmax(axis=1)]
            none = (each == 0).all(axis=1)
            if none.any():
                column[none] = self.outlier_label_[k]  # type: ignore[index]
            columns.append(column)
        return self._answer(columns)

    def _model_to_save(self) -> _core.Model:
        raise ValueError("a model file cannot hold a vote within a radius: pickle the estimator")
