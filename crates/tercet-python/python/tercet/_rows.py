"""Input conversion: from array-likes of all kinds to the arrays of the core."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.utils import assert_all_finite
from sklearn.utils.validation import check_is_fitted, validate_data

from . import _core

#: Integers up to this size are exact in float32.
_EXACT = 1 << 24


def checked(estimator: Any, X: Any, *, reset: bool) -> np.ndarray:
    """Validate X with scikit-learn; return a dense C-contiguous array of uint8, float32 or float64."""
    return checked_with_range(estimator, X, reset=reset)[0]


def checked_with_range(
    estimator: Any, X: Any, *, reset: bool, keep_sparse: bool = False, allow_nan: bool = False
) -> tuple[Any, Range | None]:
    """Like :func:`checked`, and return the range of the floats, which the search for NaN finds anyway.

    With ``keep_sparse``, a sparse matrix is returned in CSR format; with ``allow_nan``, X may have NaN.
    """
    if isinstance(X, np.ndarray) and X.ndim in (3, 4) and estimator._takes_images:
        X = X.reshape(len(X), -1)
    X = validate_data(
        estimator,
        X,
        reset=reset,
        accept_sparse=("csr", "csc", "coo", "bsr", "lil", "dok", "dia"),
        dtype="numeric",
        ensure_all_finite=False,
    )
    if scipy.sparse.issparse(X):
        if keep_sparse:
            X = X.tocsr()
            assert_all_finite(X.data, estimator_name=type(estimator).__name__, input_name="X")
            return X, None
        X = X.toarray()
    X = np.ascontiguousarray(_as_number_type(X))
    found = Range.of(X) if X.dtype != np.uint8 else None
    if X.dtype != np.uint8 and not (found and math.isfinite(found.mean)):
        # The mean is finite exactly if all values are, unless their sum leaves float64.
        assert_all_finite(X, allow_nan=allow_nan, estimator_name=type(estimator).__name__, input_name="X")
    return X, found


def dense(X: Any) -> np.ndarray:
    """A sparse matrix as a dense C-contiguous array of uint8, float32 or float64."""
    return np.ascontiguousarray(_as_number_type(X.toarray()))


def queries(estimator: Any, X: Any) -> tuple[np.ndarray, tuple[int, int, int] | None]:
    """Validate X for a fitted estimator; return its rows, and the sides of its images if it holds images."""
    check_is_fitted(estimator, "model_")
    rows, found = checked_with_range(estimator, X, reset=False)
    sides = sides_of(X)
    if estimator._range is not None and may_be_images(estimator, sides, rows.shape[1]):
        estimator._range.compare(rows, found)
    return rows, sides


def may_be_images(estimator: Any, sides: Any, width: int) -> bool:
    """Whether rows can hold pixels: images of known shape, or as many numbers as a square of 8 or more."""
    if sides is not None or getattr(estimator, "image_shape", None) is not None:
        return True
    side = math.isqrt(width)
    return side >= 8 and side * side == width


def _as_number_type(X: np.ndarray) -> np.ndarray:
    """Convert X to uint8, float32 or float64; no number changes."""
    if X.dtype in (np.uint8, np.float32, np.float64):
        return X
    exact = X.dtype.kind == "b" or X.dtype in (np.float16, np.int8, np.int16, np.uint16)
    if X.dtype.kind in "iu" and not exact and X.size:
        exact = int(X.max()) <= _EXACT and int(X.min()) >= -_EXACT
    return X.astype(np.float32 if exact else np.float64)


def sides_of(X: Any) -> tuple[int, int, int] | None:
    """Height, width and channels if X is an array of images, (N, height, width[, channels])."""
    if isinstance(X, np.ndarray) and X.ndim in (3, 4):
        return (*X.shape[1:3], X.shape[3] if X.ndim == 4 else 1)
    return None


def _has_fractions(X: np.ndarray) -> bool:
    """Whether X has pixels divided by 255. Counts and indicators up to 1 are only 0 and 1."""
    return X.dtype.kind == "f" and bool(((X > 0) & (X < 1)).any())


@dataclass
class Range:
    """The range of the training data, to warn about predictions on data with another scale."""

    low: float
    high: float
    mean: float
    warned: bool = field(default=False, compare=False)

    @classmethod
    def of(cls, X: np.ndarray) -> Range | None:
        found = _core.statistics(X)
        return cls(*found) if found else None

    def _is_unit(self) -> bool:
        return self.low >= 0 and 0.5 < self.high <= 1

    def _is_bytes(self) -> bool:
        return self.low >= 0 and 64 < self.high <= 255

    def _text(self) -> str:
        return f"{self.low:.4g} to {self.high:.4g}"

    def compare(self, X: np.ndarray, found: Range | None) -> None:
        """Warn, once, if X looks like the same pixels on another scale, or inverted.

        ``found`` is the range of X, if known.
        """
        if self.warned or not (self._is_unit() or self._is_bytes()):
            return
        other = found or Range.of(X)
        if other is None:
            return
        remedy = None
        if self._is_unit() and other._is_bytes():
            remedy = "divide X by 255"
        elif self._is_bytes() and other._is_unit() and _has_fractions(X):
            remedy = "multiply X by 255"
        elif self.low == other.low == 0 and self._looks_inverted(other):
            remedy = f"pass {'255' if self._is_bytes() else '1'} - X"
            self.warned = True
            warnings.warn(
                f"X looks inverted: fitted on values from {self._text()} with a mean of {self.mean:.3g}, "
                f"predicting on values from {other._text()} with a mean of {other.mean:.3g}. "
                f"If so, {remedy}.",
                UserWarning,
                stacklevel=4,
            )
            return
        if remedy:
            self.warned = True
            warnings.warn(
                f"X is on another scale: fitted on values from {self._text()}, predicting on values from "
                f"{other._text()}. If these are the same pixels, {remedy}.",
                UserWarning,
                stacklevel=4,
            )

    def _looks_inverted(self, other: Range) -> bool:
        """Whether one mean is near black and the other near white. Ink covers only little of a picture."""
        top = 255.0 if self._is_bytes() else 1.0
        if (other.high > 1) != (self.high > 1):
            return False
        mine, theirs = self.mean / top, other.mean / top
        return (mine < 0.35 and theirs > 0.65) or (mine > 0.65 and theirs < 0.35)
