"""Python and the program ``tercet`` open the model files of each other, with equal predictions."""

import json
import os
import subprocess

import numpy as np
import pytest
import tercet

PROGRAM = os.environ.get("TERCET_PROGRAM")
needs_program = pytest.mark.skipif(
    PROGRAM is None, reason="TERCET_PROGRAM names no program; cargo xtask test does"
)


def tercet_program(*arguments):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def test_set():
    whole = tercet.load_mnist()
    return whole.train.X[:2000], whole.train.y[:2000], whole.test.X, whole.test.y


MODELS = [
    tercet.KNeighborsClassifier(3),
    tercet.LinearClassifier(random_state=0, max_iter=2),
    tercet.LinearClassifier(solver="dual", reg=1e-2),
    tercet.MLPClassifier((32,), max_iter=3, random_state=0, tol=0),
    tercet.CNNClassifier("conv5-4 relu pool", max_iter=1, random_state=0),
]


@pytest.mark.parametrize("estimator", MODELS, ids=str)
def test_a_file_loads_as_the_estimator_that_saved_it(estimator, test_set, tmp_path):
    X, y, test, _ = test_set
    estimator.fit(X, y).save(tmp_path / "model.safetensors")
    loaded = tercet.load(tmp_path / "model.safetensors")
    assert type(loaded) is type(estimator)
    np.testing.assert_array_equal(loaded.predict(test[:200]), estimator.predict(test[:200]))
    np.testing.assert_array_equal(loaded.classes_, estimator.classes_)
    assert loaded.get_params() == estimator.get_params()


@needs_program
@pytest.mark.parametrize("estimator", MODELS, ids=str)
def test_the_program_evaluates_a_model_from_python(estimator, test_set, tmp_path):
    X, y, test, labels = test_set
    estimator.fit(X, y).save(tmp_path / "model.safetensors")
    told = json.loads(tercet_program("evaluate", "--json", "--quiet", tmp_path / "model.safetensors"))
    accuracy = next(iter(_find(told, "accuracy")))
    assert accuracy == pytest.approx(estimator.score(test, labels), abs=1e-12)


@needs_program
@pytest.mark.parametrize(
    "model",
    [
        ["neighbors", "--k", "3"],
        ["linear", "--iterations", "200"],
        ["network", "--iterations", "200"],
        ["network", "--layers", "conv5-4 relu pool flatten", "--iterations", "50"],
    ],
    ids=str,
)
def test_python_predicts_with_a_model_from_the_program(model, test_set, tmp_path):
    path = tmp_path / "model.safetensors"
    tercet_program("train", *model, "--quiet", "--out", path)
    told = json.loads(tercet_program("evaluate", "--json", "--quiet", path))
    loaded = tercet.load(path)
    assert loaded.score(test_set[2], test_set[3]) == pytest.approx(
        next(iter(_find(told, "accuracy"))), abs=1e-12
    )


def _find(tree, key):
    if isinstance(tree, dict):
        if isinstance(tree.get(key), float):
            yield tree[key]
        for value in tree.values():
            yield from _find(value, key)
    elif isinstance(tree, list):
        for value in tree:
            yield from _find(value, key)


def test_errors_of_invalid_files_name_the_file(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nothing\.safetensors"):
        tercet.load(tmp_path / "nothing.safetensors")
    (tmp_path / "text").write_text("no model")
    with pytest.raises(ValueError, match="text: found a file of 8 bytes that claims a header"):
        tercet.load(tmp_path / "text")
    with pytest.raises(OSError, match="no-such-folder"):
        tercet.KNeighborsClassifier(1).fit([[0]], [0]).save(tmp_path / "no-such-folder" / "model")
