"""The metric of an estimator: its name in the core, and its parameters."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.metrics import DistanceMetric
from sklearn.neighbors import VALID_METRICS

#: Names of scikit-learn, and those of the core for the same metrics.
_ALIASES = {
    "manhattan": "l1", "cityblock": "l1", "euclidean": "l2", "infinity": "chebyshev", "p": "minkowski",
}  # fmt: skip

#: The metrics of the core that models are made of.
_NAMED = (
    "l1", "l2", "l3", "cosine", "dot", "chebyshev", "sqeuclidean", "canberra", "braycurtis", "correlation",
    "hamming", "jaccard", "dice", "rogerstanimoto", "russellrao", "sokalmichener", "sokalsneath", "yule",
)  # fmt: skip

#: The metrics that have parameters, need two features, or allow missing values.
_OTHERS = ("minkowski", "seuclidean", "mahalanobis", "haversine", "nan_euclidean")

#: The metrics to which a feature that is 0 in both rows contributes nothing.
_WITHOUT_ZEROS = (
    "l1", "l2", "l3", "cosine", "dot", "chebyshev", "sqeuclidean", "canberra", "braycurtis", "jaccard",
    "dice", "sokalsneath", "minkowski", "seuclidean",
)  # fmt: skip


@dataclass(frozen=True)
class Metric:
    """A metric that was checked."""

    #: The name in the core; "precomputed", or "callable".
    name: str
    #: What ``effective_metric_`` and ``effective_metric_params_`` become.
    effective: Any
    effective_params: dict[str, Any] = field(default_factory=dict)
    #: p of minkowski.
    power: float | None = None
    #: Weights of minkowski, variances of seuclidean, or the inverse covariance matrix of mahalanobis.
    numbers: np.ndarray | None = None
    #: The function, if the metric is one.
    function: Any = None

    @property
    def is_named(self) -> bool:
        """Whether a model can hold it."""
        return self.name in _NAMED

    @property
    def ignores_zeros(self) -> bool:
        """Whether a feature that is 0 in both rows contributes nothing."""
        return self.name in _WITHOUT_ZEROS

    def pairwise(self, q: Any, x: Any) -> np.ndarray:
        """The distance of each row of q to each row of x, by the function."""
        if isinstance(self.function, DistanceMetric):
            return np.asarray(self.function.pairwise(_floats(q), _floats(x)))
        return _of_pairs(self.function, self.effective_params, q, x)

    def of_columns(self, columns: np.ndarray) -> np.ndarray | None:
        """The numbers that belong to some of the features."""
        return None if self.numbers is None or self.name == "mahalanobis" else self.numbers[columns]


def check_algorithm(estimator: Any) -> None:
    """Reject the combinations of ``algorithm`` and ``metric`` that scikit-learn rejects."""
    algorithm, metric = estimator.algorithm, estimator.metric
    expected = ("auto", "brute", "kd_tree", "ball_tree")
    if algorithm not in expected:
        raise ValueError(f"algorithm is {algorithm!r}; expected one of {', '.join(expected)}")
    if algorithm not in ("kd_tree", "ball_tree") or isinstance(metric, DistanceMetric):
        return
    if callable(metric):
        if algorithm == "kd_tree":
            raise ValueError(f"algorithm is 'kd_tree', which does not support callable metric {metric!r}")
    elif metric not in VALID_METRICS[algorithm] and metric not in ("l3", "dot"):
        raise ValueError(
            f"Metric '{metric}' not valid. Use sorted(sklearn.neighbors.VALID_METRICS['{algorithm}']) to get "
            "valid options, or algorithm='brute'"
        )
    params = estimator.metric_params or {}
    if metric == "minkowski" and params.get("p", estimator.p) is not None:
        if params.get("p", estimator.p) < 1:
            raise ValueError(
                f'algorithm="{algorithm}" does not support 0 < p < 1 for the Minkowski metric. '
                'To resolve this problem either set p >= 1 or algorithm="brute".'
            )
        if algorithm == "kd_tree" and params.get("w") is not None:
            raise ValueError(
                "algorithm='kd_tree' is not valid for metric='minkowski' with a weight parameter 'w': "
                "try algorithm='ball_tree' or algorithm='brute' instead."
            )


def resolve(estimator: Any, X: Any) -> Metric:
    """The metric that the parameters of an estimator describe, for these rows."""
    metric, params = estimator.metric, dict(estimator.metric_params or {})
    if isinstance(metric, DistanceMetric) or callable(metric):
        return Metric("callable", metric, params, function=metric)
    if metric == "precomputed":
        return Metric("precomputed", metric, params)
    name = _ALIASES.get(metric, metric) if isinstance(metric, str) else metric
    if name not in (*_NAMED, *_OTHERS):
        expected = ", ".join([*_OTHERS, *_NAMED, *_ALIASES, "precomputed"])
        raise ValueError(f"metric is {metric!r}; expected a function or one of {expected}")
    if name == "minkowski":
        return _minkowski(estimator, params)
    unknown = set(params) - {"seuclidean": {"V"}, "mahalanobis": {"V", "VI"}}.get(name, set())
    if unknown:
        raise ValueError(f"metric_params has {', '.join(sorted(unknown))}, which {metric} does not have")
    return Metric(name, metric, params, numbers=_statistics(name, params, X))


def _minkowski(estimator: Any, params: dict[str, Any]) -> Metric:
    if "p" in params and estimator.p is not None:
        warnings.warn(
            "Parameter p is found in metric_params. The corresponding parameter from __init__ is ignored.",
            SyntaxWarning,
            stacklevel=5,
        )
    p, weights = params.pop("p", estimator.p), params.pop("w", None)
    if isinstance(p, bool) or not isinstance(p, (int, float, np.number)) or not p > 0:
        raise ValueError(f"p is {p!r}; expected a number above 0")
    if p < 1:
        warnings.warn(
            "Mind that for 0 < p < 1, Minkowski metrics are not distance metrics. "
            "Continuing the execution with `algorithm='brute'`.",
            UserWarning,
            stacklevel=5,
        )
    short: dict[Any, tuple[str, str]] = {
        1: ("l1", "manhattan"),
        2: ("l2", "euclidean"),
        np.inf: ("chebyshev", "chebyshev"),
    }
    if weights is None and p in short:
        return Metric(*short[p], params)
    params |= {"p": p, "w": weights}
    if weights is None:
        return Metric("l3" if p == 3 else "minkowski", "minkowski", params, power=float(p))
    weights = np.ascontiguousarray(weights, dtype=np.float64)
    return Metric("minkowski", "minkowski", params, power=float(p), numbers=weights)


def _statistics(name: str, params: dict[str, Any], X: Any) -> np.ndarray | None:
    """The variances of the features, or their inverse covariance matrix; by default, those of X."""
    if name == "seuclidean":
        variances = params.get("V")
        found = np.var(_floats(X), axis=0, ddof=1) if variances is None else variances
        return np.ascontiguousarray(found, dtype=np.float64)
    if name == "mahalanobis":
        inverse = params.get("VI")
        if inverse is None:
            covariance = params.get("V")
            covariance = np.cov(_floats(X), rowvar=False) if covariance is None else covariance
            inverse = np.linalg.inv(np.atleast_2d(covariance))
        return np.asarray(inverse, dtype=np.float64).ravel()
    return None


def _floats(X: Any) -> np.ndarray:
    return np.ascontiguousarray(X.toarray() if scipy.sparse.issparse(X) else X, dtype=np.float64)


def _of_pairs(metric: Callable[..., float], params: dict[str, Any], q: Any, x: Any) -> np.ndarray:
    """The distance of every row of q to every x. Functions of sparse rows receive matrices of one row."""

    def rows(X: Any) -> list[Any]:
        if scipy.sparse.issparse(X):
            return [X[[i], :] for i in range(X.shape[0])]
        return list(np.asarray(X, dtype=np.float64))

    stored = rows(x)
    return np.array([[metric(a, b, **params) for b in stored] for a in rows(q)], dtype=np.float64)
