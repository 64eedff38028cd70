"""Walk downhill on a function of one number, and show each step on the function's curve: a lesson on learning rates."""

import copy
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, SupportsIndex

from autograd.engine import Value, grad
from autograd.events import unobserved
from autograd.hints import called_as
from autograd.optim import SGD, Groups, Optimizer, Rate, optimizer_of
from autograd.text import quoted, short, visible
from autograd.training.chart import chosen_axes, extend, legend_at_top
from autograd.training.history import beside_bars
from autograd.training.picture import BLUE, GREY, Scale, Window, above, frame, heights, svg, text
from autograd.validation import size_of

_POINTS = 300  # of the curve
# How far above its highest start a chart reaches, in units of what lies between that and its lowest loss.
_IN_VIEW = 1.5
_MARGIN = 0.1  # around the steps, of their range
_RUN, _CURVE, _START = "descent ", "function", "start"  # how the lines of a chart are told apart, by their `gid`
_LARGEST = 1e100  # of a number that a chart shows


@dataclass(eq=False)
class Descent:
    """The steps of `descend`: the numbers, and at each of them the loss and its gradient; the first is the start.

    Its `repr` is a sparkline of the losses with the latest figures. A notebook shows the steps on the function's curve,
    without any library; `plot()` draws them with matplotlib.
    """

    function: Callable[[Any], Any]
    """The function that was walked down."""
    ws: list[float] = field(default_factory=list)
    """The numbers, from the start to the last."""
    losses: list[float] = field(default_factory=list)
    """What the function gives at each."""
    gradients: list[float] = field(default_factory=list)
    """Its derivative at each."""
    label: str = ""
    """The name of the run in a legend: its learning rate, by default."""
    axis: str = "w"
    """The name of the number."""

    @property
    def diverged(self) -> bool:
        """True if the walk ended higher than it began, or with a loss that is not finite."""
        return not (math.isfinite(self.losses[-1]) and self.losses[-1] <= self.losses[0])

    def to_dict(self) -> dict[str, list[float]]:
        """Return the steps as a table, a row each; `pandas.DataFrame(descent.to_dict())` takes it as it is.

        >>> descend(lambda w: w * w, 1.0, lr=0.25, steps=1).to_dict()
        {'w': [1.0, 0.5], 'loss': [1.0, 0.25], 'gradient': [2.0, 1.0]}
        """
        return {"w": list(self.ws), "loss": list(self.losses), "gradient": list(self.gradients)}

    def plot(self, ax: Any = None, label: str | None = None) -> Any:
        """Plot the function, and on its curve the steps, which begin at the ring.

        A walk that climbs far above its start leaves the chart.

        Arguments:
            ax: the matplotlib Axes to draw on; by default, new ones. Those of an earlier plot compare several walks,
                in a colour each.
            label: the name of this walk in the legend, in place of its learning rate.

        Returns the Axes.

        Raises:
            ImportError: matplotlib is not installed.
            TypeError: `ax` is no Axes, or `label` no text.
        """
        ax = chosen_axes(ax, label)
        runs = [line for line in ax.lines if str(line.get_gid()).startswith(_RUN)]
        name = (self.label if label is None else label).replace("$", r"\$")  # no formulas
        [line] = ax.plot(
            self.ws,
            self.losses,
            "-o",
            label=name,
            gid=f"{_RUN}{len(runs)}",
            linewidth=1.0,
            markersize=4,
            zorder=3,
        )
        ring: Any = {"markersize": 9, "fillstyle": "none", "color": line.get_color(), "zorder": 4}
        ax.plot(self.ws[:1], self.losses[:1], "o", gid=_START, **ring)
        self._plot_curve(ax, [*runs, line])
        ax.set_xlabel(self.axis.replace("$", r"\$"))
        ax.set_ylabel("loss")
        return ax

    def _plot_curve(self, ax: Any, runs: list[Any]) -> None:
        """Draw the function as far as the steps reach, in place of an earlier curve of it, and a legend above them."""
        walks = [[(float(w), float(y)) for w, y in zip(*run.get_data())] for run in runs]
        ws, losses, across, up = _curve(self.function, walks)
        for line in [line for line in ax.lines if line.get_gid() == _CURVE]:
            if repr(_values(self.function, line.get_xdata())) == repr([float(y) for y in line.get_ydata()]):
                line.remove()  # it is of the same function
        ax.plot(ws, losses, color=GREY, linewidth=1.5, zorder=2, gid=_CURVE, label="_function")
        ax.set_xlim(across.low, across.high)
        share = legend_at_top(ax, [line for line in ax.lines if not str(line.get_label()).startswith("_")])
        extend(ax, up.low, up.high, share)
        # What climbs leaves the chart below the legend.
        for line in ax.lines:
            if str(line.get_gid()).startswith((_RUN, _CURVE, _START)):
                line.set_clip_path(_below(ax, share))

    def _repr_svg_(self) -> str:
        """Return the steps on the function's curve as an SVG picture, for notebooks."""
        steps = [*zip(self.ws, self.losses)]
        ws, losses, across, up = _curve(self.function, [steps])
        window = Window(across, up)
        drawn = [
            window.lines([*zip(ws, losses)], GREY, 1.5),
            window.lines(steps, BLUE, 1),
            window.marks(steps, BLUE, 2.5),
            window.marks(steps[:1], BLUE, 5, ring=True),
        ]
        left, right = short(across.low), short(across.high)
        parts = [frame(left, visible(self.axis), right), *heights(up, GREY, "loss"), window.clipped(drawn)]
        return svg([*parts, text(160, 12, visible(self.label), BLUE)])

    def _repr_html_(self) -> str:
        return above(self._repr_svg_(), repr(self))

    def __repr__(self) -> str:
        steps = len(self.ws) - 1
        text = f"{steps:,} step{'s' * (steps != 1)}: loss {short(self.losses[-1])}, {self.axis} {short(self.ws[-1])}"
        return beside_bars(self.losses, text + ", diverged" * self.diverged)


@called_as("autograd.descend(lambda w: (w - 3) ** 2, 0.0, lr=0.1, steps=20)")
def descend(
    function: Callable[[Any], Any],
    start: Any,
    *,
    lr: Rate | None = None,
    steps: SupportsIndex = 20,
    optimizer: Optimizer | str | None = None,
) -> Descent:
    """Walk downhill on a function of one number: at each step, against its derivative there.

    Arguments:
        function: takes a Value and returns one. It is called anew at each step, so it may decide by an `if`.
        start: the number to start from. A Value's label names the axis of the chart; it keeps its number.
        lr: the learning rate, a number or a function of the step; 0.1 by default.
        steps: how many. A walk ends before if it comes to no finite number.
        optimizer: another way of walking, such as `optim.SGD(0.1, momentum=0.9)`, with a learning rate of its own, or
            its name, as for `fit`. It keeps its state: a copy of it walks.

    Raises:
        TypeError: the start is no number, the function none, or one that returns something else than a Value; the
            learning rate is no number, or the optimizer none; or there are both.
        ValueError: there are no steps, the learning rate is negative or not finite, or no optimizer has that name.

    >>> descend(lambda w: (w - 3) ** 2, 0.0, lr=0.25, steps=4)
    █▃▁▁▁ 4 steps: loss 0.03516, w 2.812
    >>> descend(lambda w: (w - 3) ** 2, 0.0, lr=1.5, steps=4).diverged
    True
    """
    if not callable(function):
        raise TypeError(
            f"descend takes a function of one Value, such as lambda w: (w - 3) ** 2, got {quoted(function)}"
        )
    count = size_of("steps", steps, "a walk has at least one step")
    if optimizer is not None and lr is not None:
        raise TypeError("the optimizer has the learning rate: pass lr or optimizer, not both")
    if isinstance(lr, Iterable) and not isinstance(lr, str):
        raise TypeError(
            f"a walk has one learning rate, got {quoted(lr)}: for several on one chart, "
            "ax = descend(f, start, lr=0.1).plot(), then descend(f, start, lr=0.5).plot(ax)"
        )
    if isinstance(optimizer, Groups):
        raise TypeError("a walk moves one number: pass one of the optimizers, not optim.Groups")
    walker = SGD(0.1 if lr is None else lr) if optimizer is None else copy.copy(optimizer_of(optimizer))
    walker.reset()
    w = Value(start.data, start.label or "w") if isinstance(start, Value) else Value(start, "w")
    descent = Descent(function, label=_name_of(walker, optimizer is not None), axis=w.label)
    for step in range(count + 1):
        loss = function(w)
        if not isinstance(loss, Value):
            raise TypeError(
                f"the function returned {type(loss).__name__} {quoted(loss)}, not a Value: it is called with a Value, "
                "so write it with operations on that, (w - 3) ** 2 or autograd.sin(w)"
            )
        w.grad = grad(loss, w).data
        descent.ws.append(w.data)
        descent.losses.append(loss.data)
        descent.gradients.append(w.grad)
        if step == count or not all(map(math.isfinite, (w.data, loss.data, w.grad))):
            break
        walker.step([w])
    return descent


def _below(ax: Any, share: float) -> Any:
    """Return the part of a chart below that share of its height."""
    from matplotlib.patches import Rectangle  # noqa: PLC0415  # it has made the Axes

    return Rectangle((0.0, 0.0), 1.0, 1.0 - share, transform=ax.transAxes)


def _name_of(optimizer: Optimizer, named: bool) -> str:
    """Return the name of a run: its learning rate, after the name of an optimizer that was chosen."""
    rate = f"lr = {optimizer.lr:g}" if not callable(optimizer.lr) else "lr by the step"
    momentum = getattr(optimizer, "momentum", 0)
    moving = f", momentum = {momentum:g}" if momentum else ""
    return f"{type(optimizer).__name__}, {rate}{moving}" if named else rate


def _curve(
    function: Callable[[Any], Any], walks: list[list[tuple[float, float]]]
) -> tuple[list[float], list[float], Scale, Scale]:
    """Return points of the function as far as the steps reach, and the ranges of a chart that shows both."""
    walks = [[(w, y) for w, y in walk if _is_shown(w, y)] for walk in walks]
    points = [point for walk in walks for point in walk] or [(0.0, 0.0)]
    bottom = min(y for _, y in points)
    start = max((walk[0][1] for walk in walks if walk), default=bottom)
    top = start + _IN_VIEW * (start - bottom)
    if start == bottom:  # none has come lower
        top = max(y for walk in walks or [points] for _, y in [*walk[:3], (0.0, bottom)])
    seen = [w for w, y in points if y <= top]
    margin = _MARGIN * (max(seen) - min(seen)) or 1.0
    low, high = min(seen) - margin, max(seen) + margin
    ws = [low + (high - low) * i / (_POINTS - 1) for i in range(_POINTS)]
    losses = _values(function, ws)
    levels = [y for y in losses if _is_shown(0.0, y)] + [bottom, start]
    bottom, top = min(levels), min(max(levels), top) if top > bottom else max(levels)
    pad = 0.05 * (top - bottom) or 1.0
    return ws, losses, Scale(low, high), Scale(bottom - pad, top + pad)


@unobserved
def _values(function: Callable[[Any], Any], ws: Iterable[float]) -> list[float]:
    return [_value(function, w) for w in ws]


def _value(function: Callable[[Any], Any], w: float) -> float:
    try:
        value: float = function(Value(w)).data
    except Exception:  # any: no step was there, so that it need not be defined there
        return math.nan
    return value


def _is_shown(w: float, loss: float) -> bool:
    return abs(w) < _LARGEST and abs(loss) < _LARGEST
