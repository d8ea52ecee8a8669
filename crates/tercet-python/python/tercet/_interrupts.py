"""What happens after Ctrl-C."""

from __future__ import annotations

import sys
import warnings

#: Modules of scikit-learn that call ``fit`` for a user who fits this one model.
_TRANSPARENT = ("base", "callback", "compose", "pipeline", "utils")


def within_search() -> bool:
    """Whether ``fit`` was called by code that would score the model and fit others.

    This is true of searches, cross-validation and ensembles: everything in joblib, and everything in
    scikit-learn except pipelines.
    """
    frame = sys._getframe(1)
    while frame is not None:
        package, _, module = str(frame.f_globals.get("__name__", "")).partition(".")
        if package == "joblib" or (package == "sklearn" and module.split(".")[0] not in _TRANSPARENT):
            return True
        frame = frame.f_back  # type: ignore[assignment]
    return False


def interrupted(which: str) -> None:
    """End a search; keep the model of a single fit, with a warning, as scikit-learn does."""
    if within_search():
        raise KeyboardInterrupt
    warnings.warn(f"Training interrupted by user: the model is {which}.", stacklevel=6)
