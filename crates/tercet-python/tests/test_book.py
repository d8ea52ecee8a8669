"""The notebook of the book, which consists of the Python listings of its chapters, runs to the end."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import tercet

LISTINGS = Path(__file__).resolve().parents[3] / "docs" / "listings.py"


def test_the_listings_print_what_the_book_says(tmp_path):
    mnist = tercet.load_mnist()
    images, labels = mnist.train.X.reshape(-1, 28, 28), mnist.train.y
    np.savez(tmp_path / "mnist.npz", x_train=images, y_train=labels)
    command = [sys.executable, LISTINGS, "--together", "--mnist", tmp_path / "mnist.npz"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
