"""The training history of an estimator as a table and as a figure."""

from __future__ import annotations

from typing import Any

from sklearn.utils.validation import check_is_fitted


class History:
    """Mixin of estimators with the attribute ``loss_curve_``."""

    loss_curve_: list[float]
    validation_loss_curve_: list[float] | None
    validation_accuracy_curve_: list[float] | None

    def history_frame(self) -> Any:
        """Return the training history as a pandas DataFrame, one row per epoch.

        The columns are the training loss and, with a validation set, validation loss and accuracy.

        Returns
        -------
        history : pandas.DataFrame
        """
        import pandas

        check_is_fitted(self, "model_")
        columns: dict[str, Any] = {"epoch": range(1, len(self.loss_curve_) + 1), "loss": self.loss_curve_}
        if self.validation_loss_curve_:
            columns["validation_loss"] = self.validation_loss_curve_
            columns["validation_accuracy"] = self.validation_accuracy_curve_
        return pandas.DataFrame(columns).set_index("epoch")

    def plot_curves(self, ax: Any = None) -> Any:
        """Plot training and validation loss per epoch with matplotlib.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            Axes to plot into; new ones by default.

        Returns
        -------
        ax : matplotlib.axes.Axes
        """
        if ax is None:
            import matplotlib.pyplot

            _, ax = matplotlib.pyplot.subplots(layout="constrained")
        check_is_fitted(self, "model_")
        epochs = range(1, len(self.loss_curve_) + 1)
        ax.plot(epochs, self.loss_curve_, label="training")
        if self.validation_loss_curve_:
            ax.plot(epochs, self.validation_loss_curve_, label="validation")
            ax.legend()
        ax.set(xlabel="epoch", ylabel="loss")
        return ax
