"""Evaluation and tuning: data frames, and the display in notebooks."""

import xml.etree.ElementTree

import numpy as np
import pytest
import tercet
from sklearn.datasets import load_iris
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from tercet import _figures


def evaluated():
    X, y = load_iris(return_X_y=True)
    names = np.array(["setosa", "<b>versicolor</b>", "virginica"])[y]
    model = tercet.LinearClassifier(solver="dual", loss="softmax", reg=1e-2).fit(X[::2], names[::2])
    return model, X[1::2], names[1::2], tercet.evaluate(model, X[1::2], names[1::2])


def test_evaluation_equals_that_of_scikit_learn():
    model, X, y, found = evaluated()
    predicted = model.predict(X)
    np.testing.assert_array_equal(found.confusion, confusion_matrix(y, predicted, labels=model.classes_))
    assert found.accuracy == model.score(X, y) and found.count == len(y)
    assert found.interval[0] < found.accuracy < found.interval[1]
    frame = found.classes_frame()
    expected = precision_recall_fscore_support(y, predicted, labels=model.classes_)
    for column, values in zip(["precision", "recall", "f1", "support"], expected):
        np.testing.assert_allclose(frame[column], values)
    assert found.confusion_frame().loc["virginica", "virginica"] == found.confusion[2, 2]
    wrong = found.mistakes_frame()
    assert sorted(wrong["row"]) == np.flatnonzero(predicted != y).tolist()
    assert (wrong["truth"] == y[wrong["row"]]).all() and (wrong["margin"].diff().dropna() <= 0).all()


def test_the_display_in_notebooks_is_well_formed_and_escaped():
    _, _, _, found = evaluated()
    page = found._repr_html_()
    xml.etree.ElementTree.fromstring(page)
    assert "&lt;b&gt;versicolor" in page and "<b>" not in page and "accuracy" in page
    network = tercet.MLPClassifier((8,), max_iter=5, random_state=0, early_stopping=True)
    assert "<svg" not in network._repr_html_()
    X, y = load_iris(return_X_y=True)
    shown = network.fit(X, y)._repr_html_()
    assert "training loss" in shown and "validation loss" in shown
    svg = shown[shown.index("<svg xmlns") : shown.rindex("</svg>") + 6]
    assert len(xml.etree.ElementTree.fromstring(svg).findall("{http://www.w3.org/2000/svg}polyline")) == 2


def test_curves_skip_non_finite_values():
    assert _figures.curves({"a": [1.0]}) == "" and _figures.curves({}) == ""
    assert _figures.curves({"a": [float("nan"), float("inf")]}) == ""
    drawn = _figures.curves({"<a>": [1.0, float("inf"), 0.5], "b": [2.0, 2.0, 2.0]})
    root = xml.etree.ElementTree.fromstring(drawn)
    lines = root.findall("{http://www.w3.org/2000/svg}polyline")
    assert [len(line.get("points").split()) for line in lines] == [2, 3]


def test_unknown_labels_and_inconsistent_lengths_are_rejected():
    model, X, y, _ = evaluated()
    with pytest.raises(ValueError, match="not among"):
        tercet.evaluate(model, X[:2], ["setosa", "daisy"])
    with pytest.raises(ValueError, match="inconsistent"):
        tercet.evaluate(model, X[:2], y[:1])


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_tuning_gives_the_same_result_for_any_number_of_processes(n_jobs):
    X, y = load_iris(return_X_y=True)
    params = {"n_neighbors": [1, 5, 60], "weights": ["uniform", "distance"]}
    tuned = tercet.tune(tercet.KNeighborsClassifier(), params, X, y, cv=3, n_jobs=n_jobs)
    frame = tuned.frame()
    assert (
        list(frame.columns) == ["n_neighbors", "weights", "score", "deviation", "seconds"] and len(frame) == 6
    )
    assert frame["score"][0] == tuned.best_score == frame["score"].max()
    assert (
        tuned.best_params["n_neighbors"] == frame["n_neighbors"][0] and tuned.best_params["n_neighbors"] < 60
    )
    assert tuned.best_estimator.score(X, y) > 0.9
    assert "<table" in tuned._repr_html_() and repr(tuned).startswith("best of 6: n_neighbors=")
    drawn = tercet.tune(tercet.KNeighborsClassifier(), params, X, y, cv=3, n_iter=2, random_state=0)
    assert len(drawn.frame()) == 2
