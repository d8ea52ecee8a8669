"""Training of linear classifiers and networks, and the fitted attributes."""

import math
import pickle
import warnings

import joblib
import numpy as np
import pandas
import polars
import pytest
import scipy.sparse
import tercet
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import RidgeClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

DESCENDING = [
    tercet.LinearClassifier(random_state=0),
    tercet.LinearClassifier(loss="softmax", random_state=0),
    tercet.MLPClassifier((16,), max_iter=20, random_state=0),
    tercet.CNNClassifier(max_iter=2, random_state=0),
]
ALL = [
    *DESCENDING,
    tercet.LinearClassifier(solver="dual", reg=1e-2, random_state=0),
    tercet.KNeighborsClassifier(),
]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return (X / 16).astype(np.float32), y


@pytest.fixture(autouse=True)
def _no_word_of_convergence():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_pickled_models_give_equal_predictions(estimator, digits, tmp_path):
    X, y = digits
    model = clone(estimator).fit(X[:500], y[:500])
    expected = model.predict(X)
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(model)).predict(X), expected)
    joblib.dump(model, tmp_path / "model")
    np.testing.assert_array_equal(joblib.load(tmp_path / "model").predict(X), expected)


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_predictions_do_not_depend_on_the_container(estimator, digits):
    X, y = digits
    X, y = X[:300], y[:300]
    expected = clone(estimator).fit(X, y).predict(X)
    readonly = X.copy()
    readonly.flags.writeable = False
    wide = np.zeros((300, 128), dtype=np.float32)
    wide[:, ::2] = X
    names = [f"pixel {i}" for i in range(64)]
    for holder in (
        readonly,
        wide[:, ::2],
        np.asfortranarray(X),
        X.astype(np.float64),
        X.tolist(),
        scipy.sparse.csr_matrix(X),
        scipy.sparse.csc_array(X),
        pandas.DataFrame(X, columns=names),
        polars.DataFrame(X, schema=names),
    ):
        model = clone(estimator).fit(holder, y)
        np.testing.assert_array_equal(model.predict(holder), expected, err_msg=str(type(holder)))
        # Which frames have feature names depends on the release of scikit-learn.
        theirs = getattr(RidgeClassifier().fit(holder, y), "feature_names_in_", None)
        assert (getattr(model, "feature_names_in_", None) is None) == (theirs is None)
        if theirs is not None:
            assert list(model.feature_names_in_) == names


@pytest.mark.parametrize("estimator", ALL, ids=str)
def test_labels_of_any_type(estimator, digits):
    X, y = digits
    names = np.array(["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"])
    plain = clone(estimator).fit(X[:300], y[:300])
    named = clone(estimator).fit(X[:300], names[y[:300]])
    assert set(named.classes_) == set(names)
    assert set(named.predict(X[:50])) <= set(names)
    series = clone(estimator).fit(X[:300], pandas.Series(y[:300] * 10))
    np.testing.assert_array_equal(series.predict(X), plain.predict(X) * 10)


@pytest.mark.parametrize("estimator", DESCENDING, ids=str)
def test_one_seed_gives_the_same_bits_for_any_number_of_threads(estimator, digits):
    X, y = digits
    scores = [clone(estimator).set_params(n_jobs=n).fit(X, y).decision_function(X) for n in (1, 2, None)]
    with tercet.threads(3):
        scores.append(clone(estimator).fit(X, y).decision_function(X))
    for other in scores[1:]:
        np.testing.assert_array_equal(scores[0], other)
    other = clone(estimator).set_params(random_state=1).fit(X, y).decision_function(X)
    assert (scores[0] != other).any()


def test_pipelines_and_searches():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), tercet.MLPClassifier((8,), max_iter=50, random_state=0))
    search = GridSearchCV(pipeline, {"mlpclassifier__learning_rate_init": [1e-4, 3e-2]}, cv=3, n_jobs=2).fit(
        X, y
    )
    assert search.best_params_ == {"mlpclassifier__learning_rate_init": 3e-2}
    assert search.best_score_ > 0.9
    alone = GridSearchCV(pipeline, search.param_grid, cv=3, n_jobs=1).fit(X, y)
    np.testing.assert_array_equal(search.cv_results_["mean_test_score"], alone.cv_results_["mean_test_score"])
    assert cross_val_score(tercet.KNeighborsClassifier(), X, y).mean() > 0.95


@pytest.mark.parametrize("estimator", DESCENDING, ids=str)
def test_partial_fit(estimator, digits):
    X, y = digits
    model = clone(estimator).set_params(learning_rate_init=0.03)
    with pytest.raises(ValueError, match="classes must be passed"):
        clone(estimator).partial_fit(X, y)
    for _ in range(10):
        for part in np.array_split(np.arange(1500), 3):
            model.partial_fit(X[part], y[part], classes=range(10))
    assert model.score(X[1500:], y[1500:]) > 0.8
    assert len(model.loss_curve_) == 30 and model.loss_curve_[-1] < model.loss_curve_[0]
    with pytest.raises(ValueError, match="not the same as on last call"):
        model.partial_fit(X, y, classes=[0, 1])
    # The state of the optimizer is kept, in pickles as well.
    copy = pickle.loads(pickle.dumps(model))
    a, b = (m.partial_fit(X[:300], y[:300]).decision_function(X) for m in (model, copy))
    np.testing.assert_array_equal(a, b)


def test_warm_start_continues_from_the_weights(digits):
    X, y = digits
    model = tercet.MLPClassifier((16,), max_iter=5, random_state=0, warm_start=True).fit(X, y)
    first = model.loss_curve_
    model.fit(X, y)
    assert model.loss_curve_[0] < first[-1] * 1.1 < first[0]
    cold = tercet.MLPClassifier((16,), max_iter=5, random_state=0).fit(X, y).fit(X, y)
    assert cold.loss_curve_ == first


def test_loss_curves_and_early_stopping(digits):
    X, y = digits
    model = tercet.MLPClassifier((32,), max_iter=12, random_state=0, tol=0, preprocessing=None).fit(
        X[:1200], y[:1200], X_val=X[1200:], y_val=y[1200:]
    )
    assert len(model.loss_curve_) == len(model.validation_loss_curve_) == model.n_iter_ == 12
    scores = model.decision_function(X[1200:]).astype(float)
    losses = np.log(np.exp(scores).sum(1)) - scores[np.arange(len(scores)), y[1200:]]
    penalty = 0.0001 / (2 * 200) * sum((w.astype(float) ** 2).sum() for w in model.coefs_)
    assert math.isclose(losses.mean() + penalty, model.validation_loss_curve_[-1], rel_tol=1e-5)

    for scoring in ("accuracy", "loss", "f1_macro", "neg_log_loss"):
        early = tercet.MLPClassifier(
            (32,),
            max_iter=60,
            learning_rate_init=0.03,
            random_state=0,
            early_stopping=True,
            scoring=scoring,
            n_iter_no_change=3,
        ).fit(X, y)
        assert early.n_iter_ < 60, scoring
        best = max if scoring != "loss" else min
        assert early.best_validation_score_ == best(early.validation_scores_), scoring
        assert early.best_epoch_ == early.validation_scores_.index(early.best_validation_score_) + 1, scoring


def test_early_stopping_restores_the_best_weights(digits):
    X, y = digits
    held = dict(X_val=X[1500:], y_val=y[1500:])
    model = tercet.MLPClassifier(
        (32,), max_iter=40, learning_rate_init=0.05, early_stopping=True, n_iter_no_change=4, random_state=3
    )
    model.fit(X[:1500], y[:1500], **held)
    assert model.score(X[1500:], y[1500:]) == model.best_validation_score_


KINDS = [np.int8, np.int16, np.int64, np.uint8, np.uint32, np.uint64, np.float64]
NUMBERS = [[3, 1, 1, 7], [0], [5, 5], [-128, 127, -128], [255, 0, 3], [2**40, 1]]
FITTING = [(kind, y) for y in NUMBERS for kind in KINDS if np.array_equal(np.array(y).astype(kind), y)]


@pytest.mark.parametrize(("kind", "y"), [*FITTING, (str, ["b", "a", "b"])])
def test_classes_and_their_indices_are_those_of_numpy(kind, y):
    y, estimator = np.array(y, dtype=kind), tercet.KNeighborsClassifier()
    indices = estimator._labels(y)
    classes, expected = np.unique(y, return_inverse=True)
    assert estimator.classes_.dtype == classes.dtype
    np.testing.assert_array_equal(estimator.classes_, classes)
    np.testing.assert_array_equal(indices, expected)
    assert indices.dtype == np.uint32 and indices.flags.c_contiguous


def test_sample_weights_and_class_weights(digits):
    X, y = digits
    y = (y == 3).astype(int)
    recall = lambda model: model.predict(X)[y == 1].mean()  # noqa: E731
    for estimator in (
        tercet.LinearClassifier(max_iter=5, random_state=0),
        tercet.LinearClassifier(solver="dual", reg=0.3, tol=1e-6),
    ):
        plain, balanced = (
            clone(estimator).fit(X, y),
            clone(estimator).set_params(class_weight="balanced").fit(X, y),
        )
        assert recall(balanced) > recall(plain), estimator
        by_hand = clone(estimator).fit(
            X, y, sample_weight=np.where(y == 1, (y == 0).sum() / (y == 1).sum(), 1.0)
        )
        np.testing.assert_allclose(by_hand.decision_function(X), balanced.decision_function(X), atol=1e-2)


def test_the_dual_solver_proves_its_gap_and_beats_gradient_descent(digits):
    X, y = digits
    for loss in ("svm", "softmax"):
        # Without preprocessing, coef_ is what the objective is about.
        plain = tercet.LinearClassifier(loss, reg=1e-3, max_iter=20, random_state=0, preprocessing=None)
        exact = clone(plain).set_params(solver="dual", max_iter=None).fit(X, y)
        assert exact.bound_ <= exact.objective_ and 0 <= exact.gap_ <= 1e-3
        descended = clone(plain).fit(X, y)
        scores = X.astype(float) @ descended.coef_.T.astype(float) + descended.intercept_
        of_label = scores[np.arange(len(y)), y][:, None]
        if loss == "svm":
            data = np.maximum(scores - of_label + 1, 0).sum(1).mean() - 1
        else:
            data = (np.log(np.exp(scores).sum(1)) - of_label[:, 0]).mean()
        assert exact.bound_ <= data + 1e-3 * (descended.coef_.astype(float) ** 2).sum()
    with pytest.raises(AttributeError, match=r"partial_fit|solver is 'dual'"):
        exact.partial_fit(X, y)


def test_history_frame_and_plot(digits):
    import matplotlib

    matplotlib.use("agg")
    X, y = digits
    model = tercet.MLPClassifier((16,), max_iter=4, random_state=0).fit(
        X[:900], y[:900], X_val=X[900:], y_val=y[900:]
    )
    frame = model.history_frame()
    assert frame.index.tolist() == [1, 2, 3, 4] and frame["loss"].tolist() == model.loss_curve_
    assert frame["validation_accuracy"].iloc[-1] == model.score(X[900:], y[900:])
    axes = model.plot_curves()
    assert [line.get_label() for line in axes.lines] == ["training", "validation"]
    assert "dense 64 → 16, relu, dense 16 → 10" in model._repr_html_()


def test_dropout_and_other_regularisation(digits):
    X, y = digits
    plain = tercet.MLPClassifier((64,), max_iter=30, random_state=0).fit(X[:1200], y[:1200])
    for params in (
        {"dropout": 0.3},
        {"input_dropout": 0.1},
        {"label_smoothing": 0.1},
        {"ema": 0.9},
        {"clip": 0.1},
        {"loss": "svm"},
    ):
        model = clone(plain).set_params(**params).fit(X[:1200], y[:1200])
        assert model.score(X[1200:], y[1200:]) > 0.85, params
        assert (model.coefs_[0] != plain.coefs_[0]).any(), params


@pytest.mark.parametrize(
    "rate", ["constant", "adaptive", "invscaling", "linear", "cosine", "exponential", "one_cycle"]
)
def test_learning_rates(rate, digits):
    X, y = digits
    model = tercet.MLPClassifier(
        (16,), solver="sgd", learning_rate=rate, learning_rate_init=0.2, max_iter=15, random_state=0
    )
    # invscaling divides by the square root of the examples seen.
    assert model.fit(X, y).score(X, y) > (0.7 if rate == "invscaling" else 0.8)


def test_arrays_of_images(digits):
    X, y = digits
    rows = tercet.CNNClassifier(
        "conv3-8 relu pool flatten", max_iter=3, random_state=0, image_shape=(8, 8)
    ).fit(X, y)
    images = tercet.CNNClassifier("conv3-8 relu pool flatten", max_iter=3, random_state=0).fit(
        X.reshape(-1, 8, 8), y
    )
    np.testing.assert_array_equal(rows.predict(X), images.predict(X.reshape(-1, 8, 8, 1)))
    assert images.layers_ == "conv3-8 relu pool flatten dense10"
    with pytest.raises(ValueError, match="image_shape is"):
        tercet.CNNClassifier(image_shape=(7, 8)).fit(X, y)
    with pytest.raises(ValueError, match="expected a list of features"):
        tercet.CNNClassifier("conv3-8 dense10 relu").fit(X, y)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"learning_rate_init": 0}, "learning_rate_init is 0; expected above 0"),
        ({"solver": "newton"}, "solver is 'newton'; expected one of adam"),
        ({"activation": "step"}, "activation is 'step'"),
        ({"hidden_layer_sizes": (0,)}, "hidden_layer_sizes is 0"),
        ({"dropout": 1.0}, "dropout is 1"),
        ({"loss": "squared"}, "loss is 'squared'"),
        ({"class_weight": {77: 2}}, "class_weight has"),
    ],
)
def test_errors_of_invalid_parameters_name_the_parameter(params, words, digits):
    with pytest.raises(ValueError, match=words):
        tercet.MLPClassifier(**params).fit(digits[0][:50], digits[1][:50])


def test_a_diverging_loss_is_reported(digits):
    with pytest.raises(FloatingPointError, match="Try a smaller learning rate"):
        tercet.MLPClassifier(solver="sgd", learning_rate_init=1e6, random_state=0).fit(*digits)
