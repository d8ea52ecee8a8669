"""Sample weights, class weights, early stopping with rare classes, and what a model file keeps."""

import pickle
import subprocess
import sys
import textwrap
import warnings

import numpy as np
import pandas
import pytest
import tercet
from sklearn.exceptions import ConvergenceWarning

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(120, 4))
Y = np.arange(120) % 3
X[np.arange(120), Y] += 2


@pytest.fixture(autouse=True)
def _no_word_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("schedule", ["constant", "invscaling"])
def test_full_batch_gradient_descent_is_plain_arithmetic_on_given_features(schedule):
    settings = dict(
        hidden_layer_sizes=(), solver="sgd", momentum=0.0, alpha=0.0, batch_size=120, random_state=0, tol=0.0
    )
    settings |= {"learning_rate": schedule, "preprocessing": None}
    start = tercet.MLPClassifier(**settings, learning_rate_init=1e-20, max_iter=1).fit(X, Y)
    w, b = start.coefs_[0], start.intercepts_[0]
    for epoch in range(4):
        rate = 0.4 if schedule == "constant" or epoch == 0 else 0.4 / (epoch * 120 + 1) ** 0.5
        p = np.exp(X @ w + b)
        d = (p / p.sum(1, keepdims=True) - np.eye(3)[Y]) / 120
        w, b = w - rate * X.T @ d, b - rate * d.sum(0)
    model = tercet.MLPClassifier(**settings, learning_rate_init=0.4, max_iter=4).fit(X, Y)
    np.testing.assert_allclose(model.coefs_[0], w, atol=1e-5)
    # partial_fit goes through the same epochs.
    steps = tercet.MLPClassifier(**settings, learning_rate_init=0.4)
    for _ in range(4):
        steps.partial_fit(X, Y, classes=[0, 1, 2])
    np.testing.assert_allclose(steps.coefs_[0], w, atol=1e-5)


def test_early_stopping_weighs_the_validation_examples():
    # Half of the rows have wrong labels and hardly any weight.
    wrong = RANDOM.random(120) < 0.5
    y, weights = np.where(wrong, (Y + 1) % 3, Y), np.where(wrong, 1e-3, 1.0)
    model = tercet.MLPClassifier((8,), early_stopping=True, validation_fraction=0.4, random_state=0)
    model.set_params(learning_rate_init=0.02).fit(X, y, sample_weight=weights)
    assert model.best_validation_score_ > 0.7
    unweighted = tercet.MLPClassifier((8,), early_stopping=True, validation_fraction=0.4, random_state=0)
    assert unweighted.fit(X, y).best_validation_score_ < 0.7


def test_early_stopping_accepts_rare_classes():
    rare = np.r_[np.repeat([0, 1], 30), 2]
    model = tercet.MLPClassifier(early_stopping=True, max_iter=5, random_state=0).fit(X[:61], rare)
    assert model.classes_.tolist() == [0, 1, 2]
    many = np.repeat(np.arange(40), 3)
    model = tercet.MLPClassifier(early_stopping=True, max_iter=5, random_state=0).fit(X, many)
    assert len(model.classes_) == 40
    with pytest.raises(ValueError, match="The validation set is too small"):
        tercet.MLPClassifier(early_stopping=True).fit(X[:3], Y[:3])


def test_balanced_classes_leave_out_those_without_weight():
    weights = (Y > 0).astype(float) * RANDOM.uniform(0.5, 2, 120)
    totals = np.bincount(Y, weights=weights)
    expected = np.where(Y > 0, weights * totals.sum() / (2 * np.maximum(totals[Y], 1e-9)), 0.0)
    model = tercet.LinearClassifier("softmax", class_weight="balanced", random_state=0)
    by_hand = tercet.LinearClassifier("softmax", random_state=0).fit(X, Y, sample_weight=expected)
    np.testing.assert_allclose(
        model.fit(X, Y, sample_weight=weights).coef_, by_hand.coef_, rtol=1e-3, atol=1e-4
    )


@pytest.mark.parametrize(
    ("class_weight", "error", "words"),
    [
        ([1, 2, 3], TypeError, "class_weight is .1, 2, 3.; expected None, 'balanced' or a dictionary"),
        ("equal", ValueError, "class_weight is 'equal'; expected None, 'balanced'"),
        ({0: -1.0}, ValueError, "expected finite weights, at least 0"),
    ],
)
def test_invalid_class_weights_are_named(class_weight, error, words):
    with pytest.raises(error, match=words):
        tercet.LinearClassifier(class_weight=class_weight).fit(X, Y)


def test_errors_about_y_say_what_was_found():
    model = tercet.MLPClassifier((4,), max_iter=2).fit(X, Y.astype(str))
    with pytest.raises(ValueError, match="y has labels such as 0, of type int64; expected classes among"):
        model.partial_fit(X, Y)
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        model.partial_fit(X, None)
    for name in ("coefs_", "layers_", "n_layers_", "n_outputs_", "out_activation_"):
        with pytest.raises(AttributeError, match="not fitted yet"):
            getattr(tercet.MLPClassifier(), name)


@pytest.mark.parametrize(
    "estimator",
    [
        tercet.LinearClassifier(random_state=0, max_iter=3),
        tercet.LinearClassifier(solver="dual"),
        tercet.MLPClassifier((4,), max_iter=3, random_state=0),
        tercet.MLPClassifier((4,), max_iter=3, random_state=0, early_stopping=True),
        tercet.CNNClassifier(max_iter=2, random_state=0),
    ],
    ids=str,
)
def test_files_keep_the_attributes_and_the_type_of_the_labels(estimator, tmp_path):
    frame = pandas.DataFrame(X, columns=list("abcd"))
    labels = np.array(["0", "7", "9"])[Y]
    model = estimator.fit(frame, labels)
    # Parameters that change after fit do not change the model that is saved.
    model.set_params(random_state=5, preprocessing=None)
    model.save(tmp_path / "model.safetensors")
    for other in (tercet.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.predict(frame), model.predict(frame))
        np.testing.assert_array_equal(other.decision_function(frame), model.decision_function(frame))
        assert other.classes_.dtype == model.classes_.dtype and other.get_params() == model.get_params()
        assert list(other.feature_names_in_) == list("abcd")
        for name in ("n_iter_", "loss_curve_", "t_", "validation_scores_", "best_validation_score_", "gap_"):
            assert getattr(other, name, None) == getattr(model, name, None), name
        if hasattr(model, "partial_fit") and not getattr(model, "early_stopping", False):
            n_iter = other.n_iter_
            other.partial_fit(frame, labels)
            assert other.n_iter_ == n_iter + 1 and len(other.loss_curve_) == n_iter + 1


def test_ctrl_c_ends_a_search():
    code = """
        import os, signal, threading, numpy as np, tercet
        from sklearn.model_selection import GridSearchCV
        X = np.random.default_rng(0).normal(size=(500, 20))
        model = tercet.MLPClassifier((300,), max_iter=10**7, n_iter_no_change=10**9, tol=0)
        threading.Timer(3, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
        try:
            GridSearchCV(model, {"alpha": [0.1, 0.2]}, cv=2).fit(X, X[:, 0] > 0)
        except KeyboardInterrupt:
            print("ended")
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.stdout.strip() == "ended", done.stderr


def test_tables_of_counts_are_not_taken_for_scaled_pixels():
    counts = RANDOM.integers(0, 200, size=(100, 64)).astype(float)
    model = tercet.MLPClassifier((4,), max_iter=2).fit(counts, Y[:100])
    table = tercet.MLPClassifier((4,), max_iter=2).fit(X * 50 + 100, Y)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.predict((counts > 150).astype(float))
        table.predict(RANDOM.random(size=(5, 4)))


def test_a_diverging_loss_after_a_validation_keeps_the_best_weights():
    model = tercet.MLPRegressor(
        hidden_layer_sizes=(50,),
        activation="identity",
        solver="sgd",
        learning_rate_init=1,
        early_stopping=True,
    )
    with pytest.warns(ConvergenceWarning):
        model.fit(X, Y)
    assert np.isfinite(model.predict(X)).all()
