"""The first Python examples of the READMEs and of the book's chapter on Python run, and mypy accepts them."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
PAGES = ["README.md", "crates/tercet-python/README.md", "docs/src/python.md"]


def example(page):
    """The first Python block of a page."""
    found = re.search(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
    assert found, f"{page} has no Python example"
    return found[1]


@pytest.mark.parametrize("page", PAGES)
def test_the_example_runs(page):
    names = {}
    exec(example(page), names)
    mnist, model = names["mnist"], names.get("model")
    if model is not None:
        assert model.score(mnist.test.X, mnist.test.y) > 0.97


@pytest.mark.parametrize("page", PAGES)
def test_the_example_has_the_right_types(page, tmp_path):
    pytest.importorskip("mypy")
    (tmp_path / "example.py").write_text(example(page), encoding="utf-8")
    command = [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", "example.py"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
