"""Training and validation examples, and the evaluation of a model during training."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import r2_score
from sklearn.model_selection import train_test_split

from . import _core


@dataclass
class Data:
    """Examples with what is to be learned of them.

    ``labels`` are class indices, (N), or target values, (N, C). ``weights`` are the weights in the loss, and
    ``sample_weights`` those that were passed; None if all are equal.
    """

    X: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None
    sample_weights: np.ndarray | None = None
    image: tuple[int, int, int] | None = None

    def take(self, rows: np.ndarray) -> Data:
        """The examples at these rows."""

        def of(array: np.ndarray | None) -> Any:
            return None if array is None else np.ascontiguousarray(array[rows])

        return Data(of(self.X), of(self.labels), of(self.weights), of(self.sample_weights), self.image)

    @property
    def total(self) -> float:
        """The total weight."""
        return len(self.X) if self.weights is None else float(self.weights.sum())


def hold_out(data: Data, fraction: float, seed: int) -> tuple[Data, Data]:
    """Split into a training set and a validation set of at least two examples, stratified by class.

    If there are too few examples of a class, or more classes than held-out examples, the held-out examples
    are drawn from all classes, and at least one example of each class is left for training.
    """
    n = len(data.X)
    count = max(2, math.ceil(fraction * n))
    if n < 4 or count >= n:
        raise ValueError(
            "The validation set is too small. Increase 'validation_fraction' or the size of your dataset: "
            f"found {n} examples and validation_fraction={fraction}; expected at least 2 to hold out "
            "and 2 to train on."
        )
    if data.labels.ndim == 2:
        parts = train_test_split(np.arange(n), test_size=count, random_state=seed)
    else:
        counts = np.unique(data.labels, return_counts=True)[1]
        if counts.min() >= 2 and len(counts) <= min(count, n - count):
            parts = train_test_split(np.arange(n), test_size=count, random_state=seed, stratify=data.labels)
        else:
            parts = _without_rare(data.labels, count, seed)
    train, held = (data.take(np.sort(part)) for part in parts)
    return train, held


def _without_rare(labels: np.ndarray, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Training and held-out rows, such that each class keeps a training row."""
    order = np.random.RandomState(seed).permutation(len(labels))
    # The first row of each class in this order is for training.
    first = np.unique(labels[order], return_index=True)[1]
    kept, others = order[first], np.delete(order, first)
    return np.concatenate([kept, others[count:]]), others[:count]


def row_losses(
    scores: np.ndarray, labels: np.ndarray, loss: str, margin: float, target_loss: str | None
) -> np.ndarray:
    """The loss of each example, in float64."""
    scores = scores.astype(np.float64)
    if target_loss == "squared":
        return 0.5 * ((scores - labels) ** 2).sum(axis=1)
    if target_loss == "logistic":
        return (np.logaddexp(0, scores) - labels * scores).sum(axis=1)
    if target_loss == "poisson":
        return (np.exp(scores) - labels * scores).sum(axis=1)
    of_label = scores[np.arange(len(labels)), labels]
    if loss == "svm":
        return np.maximum(scores - of_label[:, None] + margin, 0).sum(axis=1) - margin
    return np.logaddexp.reduce(scores, axis=1) - of_label


def row_scores(scores: np.ndarray, held: Data, target_loss: str | None) -> float:
    """The weighted accuracy of classes and of sets of labels; R² of target values."""
    if not np.isfinite(scores).all():
        return float("nan")
    if target_loss in ("squared", "poisson"):
        predicted = scores if target_loss == "squared" else np.exp(scores)
        return float(r2_score(held.labels, predicted, sample_weight=held.sample_weights))
    if target_loss == "logistic":
        right = ((scores > 0) == (held.labels > 0)).all(axis=1)
    else:
        right = scores.argmax(axis=1) == held.labels
    return float(np.average(right, weights=held.sample_weights))


def penalty(model: _core.Model, reg: float) -> float:
    """reg · Σ W²."""
    return reg * sum(float((w.astype(np.float64) ** 2).sum()) for w, _ in model.weights())
