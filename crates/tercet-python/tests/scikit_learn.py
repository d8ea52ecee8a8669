"""Runs the tests of the installed scikit-learn on the estimators of tercet: only the imports are changed.

A test file is copied to a temporary folder, and after its imports, the names of scikit-learn's estimators are
replaced by those of tercet. The tests in ``EXCEPTIONS`` are expected to fail, each for the reason given
there; it is an error if one of them passes.

    python scikit_learn.py [arguments of pytest]
"""

import ast
import fnmatch
import importlib.util
import pathlib
import sys
import tempfile

import pytest

#: The test modules, and the estimators that are replaced in each.
SUITES = {
    "sklearn.neighbors.tests.test_neighbors": [
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "NearestNeighbors",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
    ],
    "sklearn.neighbors.tests.test_neighbors_pipeline": [
        "KNeighborsClassifier",
        "KNeighborsRegressor",
        "NearestNeighbors",
        "RadiusNeighborsClassifier",
        "RadiusNeighborsRegressor",
    ],
}

#: Tests that do not pass, by name, and why. A pattern may end in ``*``.
EXCEPTIONS: dict[str, str] = {
    "test_auto_algorithm[*": "reads the private attribute _fit_method",
    "test_neighbors_minkowski_semimetric_algo_warn[*": "reads the private attribute _fit_method",
    "test_k_and_radius_neighbors_duplicates[*": "of equal rows, those with the smallest indices are nearest",
    "test_predict_sparse_ball_kd_tree[*": "expects an error, but every algorithm accepts sparse queries",
    "test_neighbors_validate_parameters[*": "haversine rejects three features in fit, not only in predict",
}

REPLACEMENT = """
import types as _types
import tercet as _tercet
_ours = {{name: getattr(_tercet, name) for name in {names!r}}}
globals().update((name, value) for name, value in _ours.items() if name in globals())
if "KNeighborsMixin" in globals():
    from tercet._search import KSearch as KNeighborsMixin
if "neighbors" in globals():
    neighbors = _types.SimpleNamespace(**{{**vars(neighbors), **_ours}})
"""


def with_our_estimators(source: str, names: list[str]) -> str:
    """The source of a test module whose estimators are replaced after the imports."""
    lines = source.splitlines(keepends=True)
    body = ast.parse(source).body
    first = next(
        node
        for i, node in enumerate(body)
        if not isinstance(node, (ast.Import, ast.ImportFrom)) and not (i == 0 and isinstance(node, ast.Expr))
    )
    at = min([first.lineno, *(each.lineno for each in getattr(first, "decorator_list", []))]) - 1
    return "".join([*lines[:at], REPLACEMENT.format(names=names), "\n", *lines[at:]])


class Expectations:
    """Marks the exceptions, and counts."""

    def __init__(self) -> None:
        self.unused = set(EXCEPTIONS)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            for pattern, reason in EXCEPTIONS.items():
                if fnmatch.fnmatchcase(item.name.replace("[", "("), pattern.replace("[", "(")):
                    item.add_marker(pytest.mark.xfail(reason=reason, strict=True))
                    self.unused.discard(pattern)


def main(arguments: list[str]) -> int:
    with tempfile.TemporaryDirectory() as folder:
        for module, names in SUITES.items():
            spec = importlib.util.find_spec(module)
            if spec is None or spec.origin is None:
                raise SystemExit(f"{module}: this scikit-learn is installed without its tests")
            path = pathlib.Path(spec.origin)
            copy = pathlib.Path(folder) / path.name
            copy.write_text(with_our_estimators(path.read_text(encoding="utf-8"), names), encoding="utf-8")
        expectations = Expectations()
        options = ["--quiet", "-p", "no:cacheprovider", "-p", "sklearn.conftest", "-W", "ignore::UserWarning"]
        status = pytest.main([*options, "--rootdir", folder, folder, *arguments], plugins=[expectations])
    if not arguments and expectations.unused:
        print(f"exceptions that match no test: {', '.join(sorted(expectations.unused))}")
        return 1
    return int(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
