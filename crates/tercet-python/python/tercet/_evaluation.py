"""Evaluation of a classifier: numbers, data frames, and a display for notebooks."""

from __future__ import annotations

import html
import json
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, column_or_1d

from . import _core
from ._base import names_of

#: Confusion matrices of more classes are not displayed.
_MAX_CLASSES = 30


class Evaluation:
    """The evaluation of a classifier on labelled examples. A notebook displays all of it.

    Attributes
    ----------
    count : int
        Number of examples.
    correct : int
        Number of examples classified correctly.
    accuracy : float
    interval : tuple of float
        95 % confidence interval of the accuracy (Wilson's).
    classes : ndarray of shape (n_classes,)
    confusion : ndarray of shape (n_classes, n_classes)
        Confusion matrix: true classes in rows, predicted classes in columns.

    See Also
    --------
    evaluate : Evaluate a fitted classifier.
    """

    def __init__(self, counts: dict[str, Any], classes: np.ndarray) -> None:
        self.count: int = counts["count"]
        self.correct: int = counts["correct"]
        self.accuracy: float = counts["accuracy"]
        self.interval: tuple[float, float] = (counts["interval"]["low"], counts["interval"]["high"])
        self.classes = classes
        self.confusion = np.array(counts["confusion"], dtype=np.int64).reshape(len(classes), len(classes))
        self._classes, self._mistakes = counts["classes"], counts["mistakes"]

    def classes_frame(self) -> Any:
        """Return precision, recall, F1 score and support of each class.

        Returns
        -------
        classes : pandas.DataFrame
        """
        import pandas

        columns = ["precision", "recall", "f1", "support"]
        rows = [[entry[column] for column in columns] for entry in self._classes]
        frame = pandas.DataFrame(rows, columns=columns, index=pandas.Index(self.classes, name="class"))
        return frame.astype({"precision": float, "recall": float, "f1": float})

    def confusion_frame(self) -> Any:
        """Return the confusion matrix, with true classes in rows and predicted classes in columns.

        Returns
        -------
        confusion : pandas.DataFrame
        """
        import pandas

        truth, predicted = (
            pandas.Index(self.classes, name="truth"),
            pandas.Index(self.classes, name="predicted"),
        )
        return pandas.DataFrame(self.confusion, index=truth, columns=predicted)

    def mistakes_frame(self) -> Any:
        """Return the misclassified examples, largest margin first.

        Returns
        -------
        mistakes : pandas.DataFrame
            The columns are the row of X, the true class, the predicted class, and the margin between their
            scores.
        """
        import pandas

        columns: dict[str, Any] = {
            "row": [mistake["index"] for mistake in self._mistakes],
            "truth": self.classes[[mistake["truth"] for mistake in self._mistakes]],
            "predicted": self.classes[[mistake["predicted"] for mistake in self._mistakes]],
            "margin": np.array([mistake["margin"] for mistake in self._mistakes], dtype=float),
        }
        return pandas.DataFrame(columns)

    def __repr__(self) -> str:
        low, high = self.interval
        wrong = self.count - self.correct
        return (
            f"accuracy {100 * self.accuracy:.2f} %, 95 % interval {100 * low:.2f} to {100 * high:.2f}; "
            f"{wrong} of {self.count} wrong"
        )

    def _repr_html_(self) -> str:
        cell = 'style="text-align:right;padding:.15em .6em"'
        head = "".join(
            f"<th {cell}>{name}</th>" for name in ("class", "precision", "recall", "F1", "examples")
        )
        rows = []
        for name, entry in zip(names_of(self.classes), self._classes):
            shares = "".join(
                f"<td {cell}>{_percent(entry[part])}</td>" for part in ("precision", "recall", "f1")
            )
            rows.append(
                f"<tr><td {cell}>{html.escape(name)}</td>{shares}<td {cell}>{entry['support']}</td></tr>"
            )
        tables = f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"
        if len(self.classes) <= _MAX_CLASSES:
            tables += self._confusion_html()
        return (
            f"<div><p>{html.escape(repr(self))}</p>"
            '<div style="display:flex;flex-wrap:wrap;gap:2em;align-items:flex-start">'
            f"{tables}</div></div>"
        )

    def _confusion_html(self) -> str:
        cell = 'style="text-align:right;padding:.15em .5em'
        names = [html.escape(name) for name in names_of(self.classes)]
        head = f'<th {cell}">predicted</th>' + "".join(f'<th {cell}">{name}</th>' for name in names)
        rows = []
        for truth, name in enumerate(names):
            counts, total = self.confusion[truth], max(1, self.confusion[truth].sum())
            cells = []
            for predicted, count in enumerate(counts.tolist()):
                # Correct predictions are blue, mistakes red; larger counts are more opaque.
                colour = "70,130,180" if truth == predicted else "205,60,60"
                share = 0.1 + 0.5 * count / total if truth == predicted else min(0.7, 6 * count / total)
                shade = f";background:rgba({colour},{share:.2f})" if count else ";opacity:.35"
                cells.append(f'<td {cell}{shade}">{count}</td>')
            rows.append(f'<tr><th {cell}">{name}</th>{"".join(cells)}</tr>')
        return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(rows)}</tbody></table>"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.2f} %"


def evaluate(estimator: Any, X: Any, y: Any) -> Evaluation:
    """Evaluate a fitted classifier of this package.

    Parameters
    ----------
    estimator : object
        A fitted classifier.
    X : array-like or sparse matrix of shape (n_samples, n_features)
    y : array-like of shape (n_samples,)
        True classes.

    Returns
    -------
    evaluation : Evaluation

    Examples
    --------
    >>> import tercet
    >>> model = tercet.KNeighborsClassifier(1).fit([[0], [1], [8], [9]], ["low", "low", "high", "high"])
    >>> evaluation = tercet.evaluate(model, [[2], [7], [6]], ["low", "high", "low"])
    >>> evaluation
    accuracy 66.67 %, 95 % interval 20.77 to 93.85; 1 of 3 wrong
    >>> evaluation.mistakes_frame()["truth"].tolist()
    ['low']
    """
    check_is_fitted(estimator, "model_")
    y = column_or_1d(y)
    places = np.searchsorted(estimator.classes_, y)
    places[places == len(estimator.classes_)] = 0
    if (estimator.classes_[places] != y).any():
        unknown = np.setdiff1d(y, estimator.classes_).tolist()
        raise ValueError(f"y has the classes {unknown}, which are not among {estimator.classes_.tolist()}")
    scores = estimator.predict_proba(X) if estimator.model_.kind == "neighbors" else estimator._scores(X)
    if len(scores) != len(y):
        raise ValueError(
            f"Found input variables with inconsistent numbers of samples: {[len(scores), len(y)]}"
        )
    labels = np.ascontiguousarray(places, dtype=np.uint32)
    counts = json.loads(
        _core.evaluate(np.ascontiguousarray(scores, dtype=np.float32), labels, names_of(estimator.classes_))
    )
    return Evaluation(counts, estimator.classes_)
