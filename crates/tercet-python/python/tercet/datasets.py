"""Data sets as NumPy arrays."""

from __future__ import annotations

import warnings
from typing import NamedTuple

import numpy as np

from . import _core


class Part(NamedTuple):
    """A training or test set.

    Attributes
    ----------
    X : ndarray of shape (n_samples, n_features)
        Features, uint8 or float32.
    y : ndarray of shape (n_samples,)
        Class indices.
    """

    X: np.ndarray
    y: np.ndarray


class Collection(NamedTuple):
    """A data set with its split into training and test set.

    Attributes
    ----------
    train : Part
    test : Part or None
    classes : list of str
        Names of the classes.
    image_shape : tuple of int or None
        Height, width and channels, if the examples are images.
    notes : list of str
        What is not obvious about how the data was read: which column holds the labels, which files were
        skipped. :func:`load_data` warns of them too.
    """

    train: Part
    test: Part | None
    classes: list[str]
    image_shape: tuple[int, int, int] | None
    notes: list[str]


class Mnist(Collection):
    """MNIST, which is a data set that always has a test set."""

    __slots__ = ()
    test: Part


def load_data(name: str) -> Collection:
    """Load a data set.

    Parameters
    ----------
    name : str
        "mnist", or a path that ``tercet --data`` accepts.

    Returns
    -------
    collection : Collection
    """
    train, test, classes, image, notes = _core.load(name)
    for note in notes:
        warnings.warn(note, UserWarning, stacklevel=2)
    return Collection(Part(*train), None if test is None else Part(*test), classes, image, notes)


def load_mnist() -> Mnist:
    """Load MNIST, which is part of this package: 60,000 + 10,000 images of 28 × 28 pixels.

    Returns
    -------
    mnist : Mnist
    """
    return Mnist(*load_data("mnist"))
