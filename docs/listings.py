"""Runs the Python listings of Part I of the book, and writes the notebook that is made of them.

    tercet data convert mnist mnist.npz
    python docs/listings.py --mnist mnist.npz                 # runs every listing, compares what it prints
    python docs/listings.py --mnist mnist.npz linear          # only a chapter
    python docs/listings.py --mnist mnist.npz --together      # all in one namespace, as the notebook does
    python docs/listings.py --mnist mnist.npz --fill          # writes their output into the chapters
    python docs/listings.py --notebook                        # writes docs/notebook/part-one.ipynb

A block of text that follows a listing is what the listing prints. Every chapter runs from top to bottom in a
namespace of its own, in a temporary folder that contains `mnist.npz`. The listings need NumPy.
"""

import argparse
import contextlib
import io
import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

BOOK = Path(__file__).resolve().parent
NOTEBOOK = BOOK / "notebook" / "part-one.ipynb"


@dataclass
class Listing:
    """A block of Python: its place, the text above it, and the block of its output, if there is one."""

    chapter: str
    line: int
    headings: list[str]
    paragraph: str
    code: str
    expected: str | None
    output_lines: tuple[int, int] | None


def chapters() -> list[str]:
    """The names of the chapters of Part I, in order."""
    summary = (BOOK / "src" / "SUMMARY.md").read_text(encoding="utf-8")
    part = summary.split("# Part I:")[1].split("# Part II:")[0]
    return [line.split("](")[1].split(".md")[0] for line in part.splitlines() if "](" in line]


def listings(chapter: str) -> list[Listing]:
    """The blocks of Python of a chapter, without those that include a file."""
    lines = (BOOK / "src" / f"{chapter}.md").read_text(encoding="utf-8").splitlines()
    found, headings, paragraph, i = [], [], [], 0
    while i < len(lines):
        line = lines[i]
        if not line.startswith("```"):
            if line.startswith("#"):
                headings.append(line)
                paragraph = []
            elif line.strip() and not line.startswith("<!--"):
                paragraph.append(line)
            elif paragraph and paragraph[-1]:
                paragraph.append("")
            i += 1
            continue
        end = next(at for at in range(i + 1, len(lines)) if lines[at] == "```")
        if line == "```python":
            code = "\n".join(lines[i + 1 : end])
            after = next((at for at in range(end + 1, len(lines)) if lines[at].strip()), len(lines))
            expected = span = None
            if after < len(lines) and lines[after] == "```text":
                close = next(at for at in range(after + 1, len(lines)) if lines[at] == "```")
                expected, span = "\n".join(lines[after + 1 : close]), (after + 1, close)
            if "{{#include" not in code:
                text = "\n".join(paragraph).strip().split("\n\n")[-1]
                found.append(Listing(chapter, i + 1, headings, text, code, expected, span))
                headings, paragraph = [], []
        i = end + 1
    return found


def run(listing: Listing, namespace: dict) -> str:
    """Executes a listing and returns what it prints."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(listing.code, f"{listing.chapter}.md:{listing.line}", "exec"), namespace)
    return "\n".join(line.rstrip() for line in printed.getvalue().rstrip().splitlines())


def fill(listing: Listing, printed: str) -> None:
    """Replaces the output that the chapter shows. Later listings of the chapter must be read again."""
    path = BOOK / "src" / f"{listing.chapter}.md"
    lines = path.read_text(encoding="utf-8").splitlines()
    first, last = listing.output_lines or (0, 0)
    lines[first:last] = printed.splitlines()
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def run_all(names: list[str], together: bool, write: bool) -> int:
    """Runs the chapters and returns the number of listings that print something else than the book says."""
    wrong, namespace = 0, {}
    for chapter in names:
        if not together:
            namespace = {}
        for number in range(len(listings(chapter))):
            listing = listings(chapter)[number]
            place = f"{chapter}.md:{listing.line}"
            printed = run(listing, namespace)
            if write and listing.output_lines and printed != listing.expected:
                fill(listing, printed)
                print(f"{place}: written")
            elif printed != (listing.expected or ""):
                wrong += 1
                print(f"{place}: prints\n{printed}\nThe chapter says\n{listing.expected}")
            else:
                print(f"{place}: runs")
    return wrong


def notebook() -> str:
    """The notebook as JSON."""
    intro = (
        "# Tercet, Part I in Python\n\nThe listings of the book, in its order. They need NumPy, and MNIST as "
        "`mnist.npz` next to this notebook, which `tercet data convert mnist mnist.npz` writes.\n\n"
        "This file is written by `python docs/listings.py --notebook`: change the chapters, not the notebook."
    )
    cells = [_cell("markdown", intro, 0)]
    for chapter in chapters():
        for number, listing in enumerate(listings(chapter)):
            words = [listing.headings[-1] if listing.headings else "", listing.paragraph]
            if number == 0:
                words = [listing.headings[0], _question(chapter), *words]
            text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", "\n\n".join(words)).strip()
            if text:
                cells.append(_cell("markdown", text, len(cells)))
            cells.append(_cell("code", listing.code, len(cells)))
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    content = {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}
    return json.dumps(content, indent=1, ensure_ascii=False) + "\n"


def _question(chapter: str) -> str:
    """The first paragraph of a chapter."""
    return (BOOK / "src" / f"{chapter}.md").read_text(encoding="utf-8").split("\n\n")[1]


def _cell(kind: str, text: str, number: int) -> dict:
    lines = text.splitlines(keepends=True)
    cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": lines}
    return cell | ({"execution_count": None, "outputs": []} if kind == "code" else {})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help="the chapters to run, such as linear")
    parser.add_argument("--mnist", type=Path, default=Path("mnist.npz"))
    parser.add_argument("--fill", action="store_true", help="write what the listings print into the chapters")
    parser.add_argument("--together", action="store_true", help="run all chapters in one namespace")
    parser.add_argument("--notebook", action="store_true", help="write the notebook, run nothing")
    arguments = parser.parse_args()
    if arguments.notebook:
        NOTEBOOK.parent.mkdir(exist_ok=True)
        NOTEBOOK.write_text(notebook(), encoding="utf-8")
        return
    # The matrices are small: several threads take longer than one.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    mnist = arguments.mnist.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(mnist, Path(folder) / "mnist.npz")
        os.chdir(folder)
        wrong = run_all(arguments.names or chapters(), arguments.together, arguments.fill)
        os.chdir(BOOK)
    if not NOTEBOOK.exists() or NOTEBOOK.read_text(encoding="utf-8") != notebook():
        print("the notebook is out of date: python docs/listings.py --notebook")
        wrong += not arguments.fill
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
