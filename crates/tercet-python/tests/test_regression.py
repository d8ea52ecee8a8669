"""MLPRegressor, several labels for an example, and the solver lbfgs."""

import pickle
import warnings

import numpy as np
import pytest
import tercet
from sklearn.base import clone
from sklearn.datasets import load_iris, make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import PoissonRegressor
from sklearn.model_selection import GridSearchCV

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(300, 4))
LINE = X @ np.array([1.0, -2.0, 0.5, 0.0]) + 3.0


@pytest.fixture(autouse=True)
def _no_word_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("solver", ["adam", "sgd", "lbfgs"])
@pytest.mark.parametrize("preprocessing", ["auto", None])
def test_a_regressor_learns_a_line(solver, preprocessing):
    model = tercet.MLPRegressor(
        hidden_layer_sizes=(),
        solver=solver,
        alpha=0.0,
        learning_rate_init=0.02,
        max_iter=400,
        tol=1e-7,
        random_state=0,
        preprocessing=preprocessing,
    ).fit(X, LINE)
    np.testing.assert_allclose(model.coefs_[0][:, 0], [1.0, -2.0, 0.5, 0.0], atol=1e-2)
    np.testing.assert_allclose(model.predict(X), X @ model.coefs_[0][:, 0] + model.intercepts_[0], atol=1e-4)


def test_one_step_of_gradient_descent_on_the_squared_error():
    settings = dict(
        hidden_layer_sizes=(), solver="sgd", momentum=0.0, alpha=0.0, batch_size=300, random_state=0
    )
    both, weights = np.column_stack([LINE, X[:, 0]]), RANDOM.uniform(0.1, 4, 300)
    start = tercet.MLPRegressor(**settings, learning_rate_init=1e-20).partial_fit(X, both)
    found = tercet.MLPRegressor(**settings, learning_rate_init=0.1).partial_fit(
        X, both, sample_weight=weights
    )
    errors = (X @ start.coefs_[0] + start.intercepts_[0] - both) * (weights / weights.mean())[:, None] / 300
    np.testing.assert_allclose(found.coefs_[0], start.coefs_[0] - 0.1 * X.T @ errors, atol=1e-5)
    np.testing.assert_allclose(found.intercepts_[0], start.intercepts_[0] - 0.1 * errors.sum(0), atol=1e-5)
    assert found.predict(X).shape == (300, 2)


def test_poisson_regression_is_the_generalised_linear_model():
    counts = RANDOM.poisson(np.exp(X[:, 0] / 2 + 1))
    expected = PoissonRegressor(alpha=0, tol=1e-8).fit(X, counts)
    model = tercet.MLPRegressor("poisson", (), solver="lbfgs", alpha=0.0, tol=1e-7, random_state=0).fit(
        X, counts
    )
    np.testing.assert_allclose(model.predict(X), expected.predict(X), rtol=1e-3)


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_a_regressor_is_saved_and_pickled(solver, tmp_path):
    both = np.column_stack([LINE, X[:, 0]])
    for y in (LINE, both):
        model = tercet.MLPRegressor(solver=solver, max_iter=5, random_state=0).fit(X, y)
        model.save(tmp_path / "model.safetensors")
        for other in (tercet.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
            assert isinstance(other, tercet.MLPRegressor)
            np.testing.assert_array_equal(other.predict(X), model.predict(X))
            assert (other.n_iter_, other.loss_curve_, other.n_outputs_) == (
                5,
                model.loss_curve_,
                model.n_outputs_,
            )
            if solver == "adam":
                other.partial_fit(X, y)


def test_early_stopping_of_a_regressor_uses_r2():
    model = tercet.MLPRegressor(early_stopping=True, learning_rate_init=0.01, random_state=0).fit(X, LINE)
    assert model.best_validation_score_ == max(model.validation_scores_) > 0.95
    assert model.validation_scores_ == model.validation_accuracy_curve_
    assert len(model.validation_loss_curve_) == model.n_iter_ and model.best_loss_ is None
    search = GridSearchCV(model, {"learning_rate_init": [1e-6, 1e-2]}, cv=2).fit(X, LINE)
    assert search.best_params_ == {"learning_rate_init": 1e-2}


def test_several_labels_of_an_example(tmp_path):
    features, labels = make_multilabel_classification(n_samples=80, random_state=0, return_indicator=True)
    model = tercet.MLPClassifier(solver="lbfgs", random_state=0).fit(features, labels)
    assert model.out_activation_ == "logistic" and model.n_outputs_ == 5
    np.testing.assert_array_equal(model.predict(features), labels)
    np.testing.assert_array_equal(model.predict_proba(features) > 0.5, labels == 1)
    assert model.score(features, labels) == 1.0
    model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(tercet.load(tmp_path / "model.safetensors").predict(features), labels)
    with pytest.raises(ValueError, match="found a list of labels; expected a matrix"):
        clone(model).set_params(solver="adam").fit(features, labels).partial_fit(features, labels[:, 0])


def test_lbfgs_reaches_the_optimum_of_scikit_learn():
    from sklearn.neural_network import MLPClassifier

    features, y = load_iris(return_X_y=True)
    settings = dict(hidden_layer_sizes=(), solver="lbfgs", alpha=0.1, max_iter=1000, tol=1e-6, random_state=0)
    model = tercet.MLPClassifier(**settings, preprocessing=None).fit(features, y)
    theirs = MLPClassifier(**settings).fit(features, y)
    np.testing.assert_allclose(model.predict_proba(features), theirs.predict_proba(features), atol=5e-3)
    assert abs(model.loss_ - theirs.loss_) < 1e-3
    assert not hasattr(model, "partial_fit")
    with pytest.raises(ValueError, match=r"dropout is 0\.5; expected 0\.0 with solver='lbfgs'"):
        clone(model).set_params(dropout=0.5).fit(features, y)


def test_coefficients_reproduce_the_probabilities_of_two_classes():
    y = X[:, 0] > 0
    model = tercet.MLPClassifier((4,), activation="tanh", max_iter=50, random_state=0).fit(X, y)
    assert model.coefs_[-1].shape == (4, 1) and model.n_outputs_ == 1 and model.out_activation_ == "logistic"
    hidden = np.tanh(X @ model.coefs_[0] + model.intercepts_[0])
    expected = 1 / (1 + np.exp(-(hidden @ model.coefs_[1] + model.intercepts_[1])))
    np.testing.assert_allclose(model.predict_proba(X)[:, 1], expected[:, 0], atol=1e-6)
    assert model.predict_proba(X).dtype == np.float64


def test_shuffle_decides_the_order():
    settings = dict(hidden_layer_sizes=(), solver="sgd", batch_size=1, max_iter=1, momentum=0.0, alpha=0.0)
    rows, y = X[:3], LINE[:3]
    model = tercet.MLPRegressor(
        **settings, shuffle=False, learning_rate_init=0.1, preprocessing=None, random_state=0
    )
    start = clone(model).set_params(learning_rate_init=1e-20).fit(rows, y)
    w, b = start.coefs_[0][:, 0], start.intercepts_[0][0]
    for x, t in zip(rows, y, strict=True):
        error = x @ w + b - t
        w, b = w - 0.1 * error * x, b - 0.1 * error
    np.testing.assert_allclose(model.fit(rows, y).coefs_[0][:, 0], w, atol=1e-5)
