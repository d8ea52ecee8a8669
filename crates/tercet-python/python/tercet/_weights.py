"""The weights of the examples: sample weights times class weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from sklearn.utils.validation import _check_sample_weight


def check_class_weight(class_weight: Any) -> None:
    """Raise an error if ``class_weight`` is of no known kind."""
    if class_weight is None or isinstance(class_weight, Mapping):
        return
    if not isinstance(class_weight, str):
        raise TypeError(
            f"class_weight is {class_weight!r}; expected None, 'balanced' or a dictionary of weights"
        )
    if class_weight != "balanced":
        raise ValueError(
            f"class_weight is {class_weight!r}; expected None, 'balanced' or a dictionary of weights"
        )


def sample_weights(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """The weight of each example in float64, or None."""
    if sample_weight is None:
        return None
    weights = _check_sample_weight(sample_weight, X, dtype=np.float64)
    if (weights < 0).any() or not weights.any():
        raise ValueError("sample_weight: expected non-negative numbers, not all of them 0")
    return weights


def class_weights(class_weight: Any, classes: np.ndarray, labels: np.ndarray, weights: Any) -> np.ndarray:
    """The weight of each class.

    "balanced" gives all classes that have examples of positive weight the same total: the weight is total /
    (number of these classes · total of the class).
    """
    if isinstance(class_weight, Mapping):
        unknown = sorted(set(class_weight) - set(classes.tolist()), key=str)
        if unknown:
            raise ValueError(f"class_weight has {unknown}; expected classes among {classes.tolist()}")
        of_class = np.array([class_weight.get(name, 1.0) for name in classes.tolist()], dtype=np.float64)
        if not np.isfinite(of_class).all() or (of_class < 0).any():
            raise ValueError(f"class_weight is {class_weight!r}; expected finite weights, at least 0")
        return of_class
    totals = np.bincount(labels, weights=weights, minlength=len(classes)).astype(np.float64)
    present = totals > 0
    of_class = np.ones(len(classes))
    of_class[present] = totals.sum() / (present.sum() * totals[present])
    return of_class


def merged(X: np.ndarray, labels: np.ndarray, weights: np.ndarray | None) -> tuple[Any, Any, Any]:
    """Sort the examples and merge duplicates into one example with their total weight.

    A weight of 2 and an example that occurs twice then give the same bits if one batch holds all examples.
    """
    rows = np.column_stack([labels.astype(np.float64), X])
    _, first, place = np.unique(rows, axis=0, return_index=True, return_inverse=True)
    total = np.bincount(place.ravel(), weights=weights)
    plain = weights is None and (total == 1).all()
    return np.ascontiguousarray(X[first]), labels[first], None if plain else total
