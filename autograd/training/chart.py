"""Draw the curves of training runs with matplotlib, several runs on one chart, with a legend that covers none of them.

What is on a chart is read from the chart itself: each curve has the number of its run as its `gid`, the name that
matplotlib lets users give to what they draw.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from autograd.text import quoted

_RUN, _ACCURACIES = "run ", "accuracies of runs"  # names of curves and of the axis at the right
_LOSS_COLOR, _ACCURACY_COLOR = "#1f77b4", "#d95f02"  # of a single run, whose axes have these colours too
_MOST_COLUMNS, _MOST_OF_THE_HEIGHT = 4, 0.6  # of the legend
LOGARITHMIC = 100.0  # the ratio of the largest to the smallest loss from which the scale is logarithmic


class Curve(NamedTuple):
    """The numbers of a run, epoch by epoch."""

    name: str
    kind: str  # "loss" or "accuracy"
    values: Sequence[float]

    @property
    def held_out(self) -> bool:
        return self.name.startswith("validation")


def draw_curves(curves: Sequence[Curve], ax: Any, label: str | None) -> Any:
    """Draw the curves of a run on a chart, and return its Axes: losses on these, accuracies on others at the right.

    Arguments:
        curves: those that have numbers.
        ax: the Axes, or None for new ones.
        label: the name of the run.
    """
    ax = chosen_axes(ax, label)
    other = _accuracies(ax, make=any(curve.kind == "accuracy" for curve in curves))
    run = len({line.get_gid() for line in _lines(ax, other) if str(line.get_gid()).startswith(_RUN)})
    alone = label is None and run == 0
    for curve in curves:
        name = curve.name if alone else label or f"{_RUN}{run + 1}"
        (other if curve.kind == "accuracy" else ax).plot(
            range(1, len(curve.values) + 1),
            curve.values,
            _style(curve, alone),
            color=_color(curve, alone, run),
            label=name if alone or (label and len(curves) == 1) else f"{name}: {curve.name}",
            gid=f"{_RUN}{run}",
        )
    ours = [line for line in ax.lines if str(line.get_gid()).startswith(_RUN)]
    if spread([float(y) for line in ours for y in line.get_ydata()]) > LOGARITHMIC:
        ax.set_yscale("log")
    ax.set_xlabel("epoch")
    _count_epochs(ax.xaxis)
    ax.set_ylabel("loss")
    shown = [line for line in _lines(ax, other) if not str(line.get_label()).startswith("_")]
    if shown:
        _add_legend(ax, other, shown)
    return ax


def chosen_axes(ax: Any, label: str | None = None) -> Any:
    """Return the Axes that a user has chosen to plot on; None: new ones, in a new figure.

    Arguments:
        ax: the user's argument.
        label: that for the legend, which is checked, too.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: these are no Axes, or the label is no text.
    """
    if label is not None and not isinstance(label, str):
        raise TypeError(f"label is a name for the legend, got {type(label).__name__} {quoted(label)}")
    if hasattr(ax, "set_xlim"):  # pyplot has none
        return ax
    if ax is not None:
        raise TypeError(
            f"ax is matplotlib's Axes, such as an earlier plot() has returned, got {type(ax).__name__} {quoted(ax)}"
        )
    try:
        import matplotlib.pyplot as plt  # noqa: PLC0415  # optional
    except ImportError as error:
        raise ImportError("plots need matplotlib: pip install matplotlib") from error
    return plt.subplots()[1]


def _count_epochs(axis: Any) -> None:
    """Put the ticks of an axis at whole numbers, unless the user has chosen where."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415  # as above

    if isinstance(axis.get_major_locator(), MaxNLocator):
        axis.get_major_locator().set_params(integer=True, min_n_ticks=1)


def spread(values: Iterable[float]) -> float:
    """Return the ratio of the largest to the smallest value; 1 if the smallest is not positive.

    >>> spread([1.0, 4.0, 0.5]), spread([0.0, 1.0])
    (8.0, 1.0)
    """
    finite = [y for y in values if math.isfinite(y)]
    return max(finite) / min(finite) if finite and min(finite) > 0 else 1.0


def _accuracies(ax: Any, *, make: bool) -> Any:
    """Return the Axes of the accuracies, at the right of the same chart; None if there are none and none is wanted."""
    for axes in ax.get_shared_x_axes().get_siblings(ax):
        if axes.get_gid() == _ACCURACIES and axes.get_subplotspec() is ax.get_subplotspec():
            return axes
    if not make:
        return None
    other = ax.twinx()
    other.set_gid(_ACCURACIES)
    other.set_ylabel("accuracy")
    return other


def _lines(ax: Any, other: Any) -> list[Any]:
    return [*ax.lines, *(other.lines if other is not None else [])]


def _style(curve: Curve, alone: bool) -> str:
    """Return the style of a curve. The runs of a chart have a colour each, so styles tell losses from accuracies."""
    if curve.kind == "accuracy" and not alone:
        return "-." if curve.held_out else ":"
    return "--" if curve.held_out else "-"


def _color(curve: Curve, alone: bool, run: int) -> Any:
    if alone:
        return _ACCURACY_COLOR if curve.kind == "accuracy" else _LOSS_COLOR
    import matplotlib as mpl  # noqa: PLC0415  # it has made the Axes

    colors = mpl.rcParams["axes.prop_cycle"].by_key().get("color", [_LOSS_COLOR])
    return colors[run % len(colors)]


def _add_legend(ax: Any, other: Any, lines: list[Any]) -> None:
    """Put a legend at the top, above all curves: the scales are extended to make room for it."""
    ax.autoscale(axis="y")  # the room that an earlier call has made is no longer that which is needed
    share = legend_at_top(ax, lines)
    low, high = ax.get_ylim()
    extend(ax, low, high, share)
    if other is not None:
        other.set_yticks([0, 0.25, 0.5, 0.75, 1])
        extend(other, -0.02, 1.02, share)


def legend_at_top(ax: Any, lines: list[Any]) -> float:
    """Put a legend at the top, and return the share of the height that it takes; 0 if it stands beside the chart."""
    labels = [line.get_label() for line in lines]
    for columns in range(min(len(lines), _MOST_COLUMNS), 0, -1):
        legend = ax.legend(lines, labels, loc="upper center", ncols=columns, fontsize="small", framealpha=0.5)
        taken, whole = legend.get_window_extent(), ax.get_window_extent()
        if taken.width <= whole.width:
            break
    share = (whole.y1 - taken.y0) / whole.height + 0.02
    if share > _MOST_OF_THE_HEIGHT:
        ax.legend(lines, labels, loc="upper left", bbox_to_anchor=(1.12, 1.0), fontsize="small")
        share = 0.0
    return float(share)


def extend(ax: Any, low: float, high: float, share: float) -> None:
    """Set the limits of the y axis so that `high` is that share of the height below the top."""
    scale = ax.yaxis.get_transform()
    bottom, top = scale.transform([low, high])
    ax.set_ylim(low, scale.inverted().transform([bottom + (top - bottom) / (1 - share)])[0])
