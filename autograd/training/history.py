"""Record the losses and accuracies of a training run, and show them: as text, as a sparkline, as curves."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from autograd.hints import HistoryHints
from autograd.text import BARS, at_commas, line_width, printable, short
from autograd.training.chart import LOGARITHMIC, Curve, draw_curves, spread
from autograd.training.picture import (
    BLUE,
    GREY,
    ORANGE,
    Scale,
    above,
    curve,
    frame,
    height_between,
    heights,
    svg,
    text,
)

_MOST_BARS = 40  # characters of a sparkline


@dataclass(eq=False)
class History(HistoryHints):
    """The losses and accuracies of a training run, epoch by epoch; `autograd.fit` returns one.

    Its `repr` is a sparkline of the losses with the latest figures (after `patience`, those of the best epoch), on
    several lines where one has no room for them. A notebook shows the curves, without any library; `plot()` draws them
    with matplotlib. What is shown counts epochs from 1, as `progress` does.

    >>> History(losses=[0.8, 0.4, 0.2, 0.1], accuracy=[0.5, 0.75, 1.0, 1.0])
    █▄▂▁ 4 epochs: loss 0.1, accuracy 100.0 %
    >>> History(losses=[0.8, 0.4, 0.6, 0.5], best_epoch=1)
    █▁▄▃ 4 epochs, the best in epoch 2, with loss 0.4
    """

    losses: list[float] = field(default_factory=list)
    """The loss of each epoch, regularizer included: the mean over its samples, each before its batch's step."""
    accuracy: list[float] = field(default_factory=list)
    """The share of each epoch's samples classified right, from 0 to 1; empty if the loss has no accuracy."""
    validation_losses: list[float] = field(default_factory=list)
    """The loss of the validation data after each epoch, without the regularizer; empty if there are none."""
    validation_accuracy: list[float] = field(default_factory=list)
    """The share of the validation data classified right after each epoch, from 0 to 1."""
    seconds: float = 0.0
    """The time that the epochs took, in seconds."""
    compile_seconds: float = 0.0
    """The time that recording and compiling took, before the epochs and after callbacks, in seconds."""
    check_seconds: float = 0.0
    """The time that the checks of the recorded graph took, before and during the epochs, in seconds."""
    backend: str = ""
    """The backend that computed the steps, at last: "c", "numpy", "python" or "eager"."""
    steps_in_python: str = ""
    """Why Python makes each step, such as "the backend is 'numpy'"; "" where C makes many of them in a call."""
    interrupted: bool = False
    """True if Ctrl-C ended the run."""
    classes: list[str] = field(default_factory=list)
    """The names of the classes in order, where the targets are text: the class of score i, or of target i. The
    model has them too, in its `classes`, and its file."""
    best_epoch: int | None = None
    """The epoch of the lowest loss, whose parameters `patience` has brought back; None without it. It counts from 0, as
    in `losses[best_epoch]`, and as `callback` does."""

    def to_dict(self) -> dict[str, list[float]]:
        """Return the run as a table, a column for each curve and a number in it for each epoch.

        The columns are `loss`, `accuracy`, `validation_loss` and `validation_accuracy`, as far as there are any;
        `pandas.DataFrame(history.to_dict())` takes it as it is.

        >>> History(losses=[0.5, 0.25], validation_losses=[0.75, 0.5]).to_dict()
        {'loss': [0.5, 0.25], 'validation_loss': [0.75, 0.5]}
        """
        return {name.replace(" ", "_"): list(values) for name, _, values in self._series() if values}

    def figures(self, epoch: int = -1) -> str:
        """Return the figures of an epoch as text: of the last one, if none is given.

        >>> History(losses=[0.5], validation_losses=[0.625]).figures()
        'loss 0.5, validation loss 0.625'
        """
        parts = []
        for name, kind, values in self._series():
            if values:
                shown = f"{100 * values[epoch]:.1f} %" if kind == "accuracy" else short(values[epoch])
                parts.append(f"{name} {shown}")
        return ", ".join(parts)

    def plot(self, ax: Any = None, label: str | None = None) -> Any:
        """Plot the losses against the epochs, and accuracies, if there are any, on a second axis at the right.

        The scale is logarithmic if the losses span more than a factor of 100.

        Arguments:
            ax: the matplotlib Axes to draw on; by default, new ones. Those of an earlier plot show several runs, in a
                colour each.
            label: the name of this run in the legend, where there are several.

        Returns the Axes.

        Raises:
            ImportError: matplotlib is not installed.
        """
        return draw_curves([curve for curve in self._series() if curve.values], ax, label)

    def _series(self) -> list[Curve]:
        return [
            Curve("loss", "loss", self.losses),
            Curve("accuracy", "accuracy", self.accuracy),
            Curve("validation loss", "loss", self.validation_losses),
            Curve("validation accuracy", "accuracy", self.validation_accuracy),
        ]

    def __repr__(self) -> str:
        n = len(self.losses)
        if not n:
            return "History of no epochs" + ", interrupted" * self.interrupted
        epochs = f"{n:,} epoch{'s' * (n != 1)}"
        if self.best_epoch is None:
            text = f"{epochs}: {self.figures()}"
        else:
            text = f"{epochs}, the best in epoch {self.best_epoch + 1:,}, with {self.figures(self.best_epoch)}"
        return beside_bars(self.losses, text + ", interrupted" * self.interrupted)

    def _repr_svg_(self) -> str:
        """Return the curves as an SVG picture, for notebooks."""
        losses = [(name, values) for name, kind, values in self._series() if kind == "loss" and values]
        accuracies = [(name, values) for name, kind, values in self._series() if kind == "accuracy" and values]
        logarithmic = spread(self.losses) > LOGARITHMIC
        parts = [frame("1", "epoch", f"{len(self.losses):,}")]
        finite = [y for _, values in losses for y in values if math.isfinite(y) and (y > 0 or not logarithmic)]
        if finite:
            scale = Scale(min(finite), max(finite), logarithmic)
            parts += [curve(name, values, scale, BLUE) for name, values in losses]
            parts += heights(scale, BLUE, "loss, logarithmic" if logarithmic else "loss")
        if accuracies:
            parts += [curve(name, values, Scale(0.0, 1.0), ORANGE) for name, values in accuracies]
            parts += [
                text(356, 22, "100 %", ORANGE),
                text(356, 132, "0 %", ORANGE),
                text(290, 12, "accuracy", ORANGE),
            ]
        if self.validation_losses or self.validation_accuracy:
            parts.append(text(160, 12, "dashed: validation", GREY))
        return svg(parts)

    def _repr_html_(self) -> str:
        return above(self._repr_svg_(), repr(self))


def sparkline(values: Sequence[float]) -> str:
    """Return numbers as a row of at most 40 bars, each a mean of neighbours; `!` marks one that is not finite.

    >>> sparkline([3, 2, 1, 0, float("nan")])
    '█▆▃▁!'
    """
    groups = min(len(values), _MOST_BARS)
    cuts = [i * len(values) // groups for i in range(groups + 1)] if groups else []
    means = [_finite_mean(values[a:b]) for a, b in pairwise(cuts)]
    finite = [mean for mean in means if math.isfinite(mean)]
    low, high = (min(finite), max(finite)) if finite else (0.0, 0.0)
    return "".join(
        BARS[round((len(BARS) - 1) * height_between(mean, low, high))] if math.isfinite(mean) else "!" for mean in means
    )


def beside_bars(values: Sequence[float], text: str) -> str:
    """Return a sparkline with text beside it, or below it where one line has no room for both.

    >>> beside_bars([3.0, 0.0], "2 epochs")
    '█▁ 2 epochs'
    """
    bars = printable(sparkline(values))
    fits = len(bars) + 1 + len(text) <= line_width()
    return f"{bars} {text}" if fits else "\n".join([bars, *at_commas(text, line_width())])


def _finite_mean(values: Sequence[float]) -> float:
    """Return the mean; nan if one of the values is not finite."""
    return math.fsum(v / len(values) for v in values) if all(map(math.isfinite, values)) else math.nan
