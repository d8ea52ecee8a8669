"""Draws the figures of Part I of the book into `docs/src`.

    tercet data convert mnist mnist.npz
    python docs/figures/draw.py --mnist mnist.npz            # all of them
    python docs/figures/draw.py --mnist mnist.npz hinge      # only some

It needs NumPy. Every curve, region and number is computed here; only arrows and boxes are placed by hand.
"""

import argparse
from pathlib import Path

import classifiers
import learning
import losses
import neurons
import numpy as np

FIGURES = {**classifiers.FIGURES, **losses.FIGURES, **neurons.FIGURES, **learning.FIGURES}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("names", nargs="*", help=f"the figures to draw: {', '.join(FIGURES)}")
    parser.add_argument("--mnist", default="mnist.npz", help="MNIST, as `tercet data convert` writes it")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent.parent / "src")
    arguments = parser.parse_args()
    mnist = np.load(arguments.mnist)
    for name in arguments.names or FIGURES:
        FIGURES[name](mnist).save(arguments.out, name)
        print(arguments.out / f"{name}.svg")


if __name__ == "__main__":
    main()
