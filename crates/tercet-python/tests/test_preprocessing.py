"""Preprocessing: decided by the core, saved with the model, and the same through every interface."""

import pickle
import warnings

import numpy as np
import pytest
import tercet
from sklearn.base import clone
from sklearn.datasets import load_digits, load_wine
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

WEIGHTS = [
    tercet.LinearClassifier(random_state=0),
    tercet.LinearClassifier("softmax", solver="dual", reg=1e-2),
    tercet.MLPClassifier((16,), max_iter=10, random_state=0),
    tercet.CNNClassifier(max_iter=1, random_state=0),
]
ALL = [*WEIGHTS, tercet.KNeighborsClassifier(3)]

DIGITS, LABELS = load_digits(return_X_y=True)
BYTES = (DIGITS * 15).astype(np.uint8)


@pytest.fixture(autouse=True)
def _no_convergence_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def steps(estimator, X, y):
    return str(clone(estimator).fit(X, y).preprocessing_)


@pytest.mark.parametrize("estimator", WEIGHTS, ids=str)
def test_features_are_standardised_and_images_of_bytes_scaled(estimator):
    y = LABELS[:300]
    assert steps(estimator, DIGITS[:300], y).startswith("standardize")
    for images in (BYTES[:300], BYTES[:300].reshape(-1, 8, 8)):
        assert steps(estimator, images, y).endswith("scale by 1/255")
    assert steps(clone(estimator).set_params(preprocessing=None), DIGITS[:300], y) == "none"
    assert steps(clone(estimator).set_params(preprocessing="auto, -standardize"), DIGITS[:300], y) == "none"
    blurred = clone(estimator).set_params(preprocessing="auto, blur 0.7")
    assert "blur 0.7" in steps(blurred, BYTES[:300], y)
    with pytest.raises(ValueError, match="preprocessing is sharpen"):
        clone(estimator).set_params(preprocessing="sharpen").fit(DIGITS[:300], y)
    with pytest.raises(TypeError, match="preprocessing is 3"):
        clone(estimator).set_params(preprocessing=3).fit(DIGITS[:300], y)


def test_neighbours_compare_numbers_as_they_are_unless_told_otherwise():
    X, y = load_wine(return_X_y=True)
    assert steps(tercet.KNeighborsClassifier(), X, y) == "none"
    scaled = tercet.KNeighborsClassifier(preprocessing="standardize").fit(X[::2], y[::2])
    by_hand = StandardScaler().fit(X[::2])
    theirs = tercet.KNeighborsClassifier().fit(by_hand.transform(X[::2]), y[::2])
    np.testing.assert_array_equal(scaled.kneighbors(X)[1], theirs.kneighbors(by_hand.transform(X))[1])
    # The stored rows are not standardised twice.
    np.testing.assert_array_equal(scaled.kneighbors()[1], theirs.kneighbors()[1])


@pytest.mark.parametrize(
    ("rows", "pixels"),
    [
        (BYTES, True),
        (np.minimum(BYTES, 64), False),
        (BYTES // 64 * 64, False),
        ((BYTES > 0).astype(np.uint8), False),
        (BYTES[:, :63], False),
        (BYTES[:, :49], False),
    ],
)
def test_bytes_are_images_only_if_they_look_like_it(rows, pixels):
    model = tercet.LinearClassifier(random_state=0).fit(rows[:300], LABELS[:300])
    assert model.preprocessing_.is_pixels == pixels
    # Whatever they look like, rows with a shape are images, and neighbours compare integers.
    told = tercet.LinearClassifier(random_state=0, image_shape=(1, rows.shape[1])).fit(
        rows[:300], LABELS[:300]
    )
    assert told.preprocessing_.is_pixels and told.preprocessing_.image == (1, rows.shape[1], 1)
    assert tercet.KNeighborsClassifier().fit(rows[:300], LABELS[:300]).preprocessing_.is_pixels


@pytest.mark.parametrize("estimator", ALL, ids=str)
@pytest.mark.parametrize("held", [BYTES, BYTES.reshape(-1, 8, 8), DIGITS, DIGITS.reshape(-1, 8, 8)], ids=str)
def test_files_and_pickles_keep_the_bits(estimator, held, tmp_path):
    model = clone(estimator).fit(held[:500], LABELS[:500])
    model.save(tmp_path / "model.safetensors")
    answer = "predict_proba" if hasattr(model, "predict_proba") else "decision_function"
    expected = getattr(model, answer)(held)
    for other in (tercet.load(tmp_path / "model.safetensors"), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(getattr(other, answer)(held), expected)
        assert str(other.preprocessing_) == str(model.preprocessing_)
        # The type of the numbers is not what decides.
        np.testing.assert_allclose(getattr(other, answer)(held.astype(np.float64)), expected, atol=1e-4)


def test_units_and_offsets_change_nothing():
    X, y = load_wine(return_X_y=True)
    plain = tercet.MLPClassifier(max_iter=30, random_state=0).fit(X, y)
    for other in (X * 2.0**20, X * 2.0**-20):
        model = clone(plain).fit(other, y)
        np.testing.assert_array_equal(model.predict(other), plain.predict(X))
    seconds = X + 1.7e9
    model = clone(plain).fit(seconds, y)
    np.testing.assert_allclose(model.predict_proba(seconds), plain.predict_proba(X), atol=1e-5)
    integers = (X[:, [12]] * 1000).astype(np.int64) + 1_700_000_000_000
    floats = clone(plain).fit(X[:, [12]] * 1000, y)
    assert clone(plain).fit(integers, y).score(integers, y) == floats.score(X[:, [12]] * 1000, y)


@pytest.mark.parametrize("dtype", [np.float16, np.int8, np.uint16, np.int32, np.int64, np.float32, bool])
def test_every_type_of_number_is_read_exactly(dtype):
    X = (DIGITS[:300] > 7 if dtype is bool else DIGITS[:300]).astype(dtype)
    expected = tercet.LinearClassifier(random_state=0).fit(X.astype(np.float64), LABELS[:300])
    found = tercet.LinearClassifier(random_state=0).fit(X, LABELS[:300])
    np.testing.assert_array_equal(found.coef_, expected.coef_.astype(found.coef_.dtype))


@pytest.mark.parametrize(
    "X", [DIGITS, BYTES, 255 - BYTES, DIGITS + 100.0], ids=["floats", "bytes", "dark", "offset"]
)
def test_coefficients_are_for_the_features_as_given(X):
    linear = tercet.LinearClassifier(random_state=0).fit(X[:900], LABELS[:900])
    scores = X @ linear.coef_.T + linear.intercept_
    np.testing.assert_allclose(linear.decision_function(X), scores, atol=1e-3)
    network = tercet.MLPClassifier((16,), max_iter=20, random_state=0).fit(X[:900], LABELS[:900])
    (w1, w2), (b1, b2) = network.coefs_, network.intercepts_
    scores = np.maximum(X @ w1 + b1, 0) @ w2 + b2
    probabilities = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(network.predict_proba(X), probabilities, atol=1e-3)


def test_rows_of_weight_0_and_held_out_rows_have_no_influence():
    X, y = load_wine(return_X_y=True)
    weights = np.ones(len(X))
    weights[100:] = 0
    wild = X.copy()
    wild[100:] = 1e9
    found = tercet.LinearClassifier(random_state=0).fit(wild, y, sample_weight=weights)
    np.testing.assert_allclose(found.preprocessing_.mean, X[:100].mean(axis=0), rtol=1e-12)
    found = tercet.LinearClassifier(random_state=0).fit(X[:150], y[:150], X_val=X[150:] + 1e9, y_val=y[150:])
    np.testing.assert_allclose(found.preprocessing_.std, X[:150].std(axis=0), rtol=1e-12)
    # A weight of 3 counts as three rows.
    weights = np.where(np.arange(len(X)) < 10, 3, 1)
    found = tercet.LinearClassifier(random_state=0).fit(X, y, sample_weight=weights)
    np.testing.assert_allclose(found.preprocessing_.mean, np.average(X, axis=0, weights=weights), rtol=1e-6)


def test_a_stream_of_batches_is_not_standardised_until_there_was_a_fit():
    X, y = load_wine(return_X_y=True)
    stream = tercet.LinearClassifier(random_state=0).partial_fit(X[:50], y[:50], classes=[0, 1, 2])
    assert str(stream.preprocessing_) == "none"
    images = tercet.MLPClassifier(random_state=0).partial_fit(BYTES[:50], LABELS[:50], classes=range(10))
    assert str(images.preprocessing_) == "grayscale, resize, scale by 1/255"
    fitted = tercet.LinearClassifier(random_state=0).fit(X, y)
    before = fitted.preprocessing_.mean
    fitted.partial_fit(X[:50], y[:50])
    np.testing.assert_array_equal(fitted.preprocessing_.mean, before)
    warm = tercet.MLPClassifier(max_iter=3, random_state=0, warm_start=True).fit(X, y)
    before = warm.preprocessing_.mean
    np.testing.assert_array_equal(warm.fit(X[::2], y[::2]).preprocessing_.mean, before)


@pytest.mark.parametrize(
    "kinds",
    [
        np.arange(10) - 5,
        np.arange(10).astype(np.uint8),
        np.array([str(digit) for digit in range(10)]),
        np.array([f"{digit:03}" for digit in range(10)]),
        np.array([f"{digit:03}" for digit in range(10)], dtype=object),
        np.arange(10) > 4,
        np.arange(10.0),
        np.datetime64("2026-01-01") + np.arange(10),
        np.datetime64("2026-01-01T12:30:00.25") + np.arange(10),
    ],
    ids=["int", "uint8", "digits", "padded", "objects", "bool", "float", "date", "time"],
)
@pytest.mark.parametrize(
    "estimator", [tercet.KNeighborsClassifier(3), tercet.LinearClassifier(random_state=0)], ids=str
)
def test_labels_keep_their_type_in_files(estimator, kinds, tmp_path):
    y = kinds[LABELS[:300]]
    model = clone(estimator).fit(DIGITS[:300], y)
    assert model.classes_.dtype == kinds.dtype
    model.save(tmp_path / "model.safetensors")
    loaded = tercet.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.classes_, model.classes_)
    kind = {"u": "i", "O": "U"}
    found, expected = (kind.get(c.dtype.kind, c.dtype.kind) for c in (loaded.classes_, model.classes_))
    assert found == expected
    np.testing.assert_array_equal(loaded.predict(DIGITS[:300]), model.predict(DIGITS[:300]))
    assert loaded.score(DIGITS[:300], y) == model.score(DIGITS[:300], y)


def test_a_file_has_the_neighbours_and_the_vote_of_now(tmp_path):
    X, y = load_wine(return_X_y=True)
    model = tercet.KNeighborsClassifier(5).fit(X, y).set_params(n_neighbors=9, weights="distance")
    model.save(tmp_path / "model.safetensors")
    loaded = tercet.load(tmp_path / "model.safetensors")
    assert loaded.get_params() == model.get_params()
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    model.set_params(weights=lambda distances: np.exp(-distances))
    with pytest.raises(ValueError, match="weights is a function, which a model file cannot hold"):
        model.save(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(
        tercet.load(tmp_path / "model.safetensors").predict_proba(X), loaded.predict_proba(X)
    )


def test_parameters_come_back_from_files(tmp_path):
    X, y = load_wine(return_X_y=True)
    model = tercet.MLPClassifier(
        (8, np.int64(4)),
        class_weight={0: 1.0, 1: 2.0, 2: np.float32(0.5)},
        max_iter=3,
        preprocessing="standardize",
    )
    model.fit(X, y).save(tmp_path / "model.safetensors")
    loaded = tercet.load(tmp_path / "model.safetensors")
    assert loaded.class_weight == {0: 1.0, 1: 2.0, 2: 0.5} and loaded.preprocessing == "standardize"
    loaded.partial_fit(X, y)
