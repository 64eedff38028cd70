"""Walks downhill on a function of one number, and their charts."""

from __future__ import annotations

import copy
import itertools
import math
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from importlib.util import find_spec
from typing import Any

import pytest
from hostile import HOSTILE
from needs import lacking

import autograd
from autograd import Descent, History, Value, descend, detect_anomaly, fit, nn, optim, sin
from autograd.text import visible


def valley(w: Any) -> Any:
    return (w - 3) ** 2


@pytest.fixture
def plt() -> Iterator[Any]:
    if not find_spec("matplotlib"):
        lacking('matplotlib is not installed: pip install -e ".[plot]"')
    import matplotlib as mpl  # noqa: PLC0415  # optional

    mpl.use("agg")
    import matplotlib.pyplot as plt  # noqa: PLC0415  # optional

    yield plt
    plt.close("all")


def test_the_steps_are_those_by_hand() -> None:
    walk = descend(valley, -2, lr=0.25, steps=3)
    assert isinstance(walk, Descent)
    assert walk.ws == [-2.0, 0.5, 1.75, 2.375]
    assert walk.losses == [25.0, 6.25, 1.5625, 0.390625] and walk.gradients == [-10.0, -5.0, -2.5, -1.25]
    assert walk.to_dict() == {"w": walk.ws, "loss": walk.losses, "gradient": walk.gradients}
    assert repr(walk) == "█▃▁▁ 3 steps: loss 0.3906, w 2.375" and not walk.diverged
    assert len(descend(valley, 0.0).ws) == 21


def test_rates_and_optimizers() -> None:
    assert descend(valley, 0.0, lr=lambda step: 0.5 if step == 0 else 0.0, steps=2).ws == [0.0, 3.0, 3.0]
    optimizer = optim.SGD(0.1, momentum=0.9)
    walks = [descend(valley, 0.0, optimizer=optimizer, steps=30) for _ in range(2)]
    assert walks[0].ws == walks[1].ws and optimizer.steps == 0
    by_hand, w = copy.deepcopy(optimizer), Value(0.0)
    for number in walks[0].ws:
        assert w.data == number
        w.grad = 0.0
        valley(w).backward()
        by_hand.step([w])
    assert walks[0].label == "SGD, lr = 0.1, momentum = 0.9"
    assert [descend(valley, 0.0, lr=rate).label for rate in (0.5, 1e-3, lambda step: 0.1)] == [
        "lr = 0.5",
        "lr = 0.001",
        "lr by the step",
    ]


def test_an_optimizer_is_what_it_is_for_fit() -> None:
    by_name, made = descend(valley, 0.0, optimizer="adam"), descend(valley, 0.0, optimizer=optim.Adam())
    assert by_name.ws == made.ws and by_name.label == "Adam, lr = 0.001"
    model = nn.MLP(1, [1])
    data: Any = ([1.0], [2.0])
    for wrong in (optim.Adam, 0.1, optim.Groups, [optim.SGD(0.1)], "sdg", None):
        with pytest.raises((TypeError, ValueError)) as of_fit:
            fit(model, *data, loss=nn.mse, optimizer=wrong, epochs=1)  # type: ignore[arg-type]
        with pytest.raises((TypeError, ValueError)) as of_a_group:
            optim.Groups((model, wrong))  # type: ignore[arg-type]
        assert str(of_fit.value) == str(of_a_group.value)
        if wrong is not None:
            with pytest.raises((TypeError, ValueError)) as of_a_walk:
                descend(valley, 0.0, optimizer=wrong)  # type: ignore[arg-type]
            assert str(of_a_walk.value) == str(of_fit.value)


def test_the_start_and_what_else_the_function_uses_stay_as_they_are() -> None:
    start, other = Value(0.5, "weight"), Value(2.0)
    walk = descend(lambda w: (w * other - 1) ** 2 if w > 0 else -w, start, lr=0.01, steps=5)
    assert (start.data, start.grad, other.grad) == (0.5, 0.0, 0.0)
    assert "weight 0.5" in repr(walk)


def test_a_walk_ends_where_numbers_do() -> None:
    far = descend(valley, 0.0, lr=3.0, steps=1000)
    assert far.diverged and len(far.ws) < 1001 and math.isinf(far.losses[-1]) and repr(far).endswith("diverged")
    off = descend(autograd.log, 2.0, lr=0.7, steps=10)
    assert off.diverged and math.isnan(off.losses[-1]) and off.ws[-1] < 0 and math.isfinite(off.losses[-2])
    assert not descend(lambda w: w, 0.0, steps=1).diverged  # its own leaf


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"function": lambda w: 3.0}, TypeError, r"returned float 3.0, not a Value.*autograd.sin"),
        ({"function": lambda w: [w]}, TypeError, "returned list"),
        ({"start": "3"}, TypeError, "number"),
        ({"function": 3}, TypeError, "takes a function of one Value"),
        ({"rate": 0.1}, TypeError, r"autograd\.descend\(lambda w"),
        ({"steps": 0}, ValueError, "at least one step"),
        ({"steps": 2.5}, TypeError, "steps is an integer, got 2.5"),
        ({"steps": True}, TypeError, "steps is an integer, got True"),
        ({"lr": [0.1, 0.5]}, TypeError, r"one learning rate, got \[0\.1, 0\.5\]: for several on one chart"),
        ({"lr": -1.0}, ValueError, "learning rate"),
        ({"lr": 0.1, "optimizer": optim.SGD(0.1)}, TypeError, "lr or optimizer, not both"),
        ({"lr": "0.1"}, TypeError, r"got str '0\.1': convert it first, with float"),
        ({"lr": optim.SGD(0.1)}, TypeError, "a learning rate is a number.*pass it as optimizer="),
        ({"lr": optim.SGD}, TypeError, "a learning rate is a number.*write lr=0.1"),
        ({"lr": True}, TypeError, "a learning rate is a number.*got True: write lr=0.1"),
        ({"optimizer": "sdg"}, ValueError, "no optimizer 'sdg': there are 'sgd'"),
        ({"optimizer": optim.Adam}, TypeError, r"the class Adam: make one of it, such as Adam\(lr=0\.1\)"),
        ({"optimizer": 0.1}, TypeError, r"optimizer is one of.*the learning rate goes there: optim\.SGD\(0\.1\)"),
        ({"optimizer": [optim.SGD(0.1)]}, TypeError, "optimizer is one of.*got list"),
        ({"optimizer": optim.Groups(([], optim.SGD(0.1)))}, TypeError, "one number: pass one of the optimizers"),
    ],
)
def test_mistakes_are_named(arguments: dict[str, Any], error: type[Exception], message: str) -> None:
    function, start = arguments.pop("function", valley), arguments.pop("start", 0.0)
    with pytest.raises(error, match=message):
        descend(function, start, **arguments)


def test_other_names_lead_to_it() -> None:
    for name in ("gradient_descent", "minimize"):
        with pytest.raises(AttributeError, match=r"autograd\.descend"):
            getattr(autograd, name)


# ------------------------------------------------------------------------------------------------------------ charts

SVG = "{http://www.w3.org/2000/svg}"


def drawn(walk: Descent, kind: str) -> list[dict[str, str]]:
    """Return the attributes of what the picture for notebooks has in its frame: of each "circle", or each "path"."""
    inner = ET.fromstring(walk._repr_svg_()).find(f"{SVG}svg")
    assert inner is not None
    return [element.attrib for element in inner.iter(SVG + kind)]


def ends(path: dict[str, str]) -> list[list[tuple[float, float]]]:
    """Return the two ends of each line of a path."""
    numbers = [[float(x) for x in line.replace("L", " ").split()] for line in path["d"].split("M")[1:]]
    return [[(line[0], line[1]), (line[2], line[3])] for line in numbers]


def test_a_notebook_shows_the_steps_on_the_curve() -> None:
    walk = descend(valley, -2.0, lr=0.3, steps=3)
    *dots, ring = [(float(c["cx"]), float(c["cy"])) for c in drawn(walk, "circle")]
    assert ring == dots[0] and len(dots) == 4
    for pixels, numbers in zip(zip(*dots), (walk.ws, walk.losses), strict=True):
        scale = (pixels[-1] - pixels[0]) / (numbers[-1] - numbers[0])
        for pixel, number in zip(pixels, numbers, strict=True):
            assert pixel - pixels[0] == pytest.approx(scale * (number - numbers[0]), abs=0.2)
    curve, steps = drawn(walk, "path")
    assert ends(steps) == [[*pair] for pair in itertools.pairwise(dots)]
    assert len(ends(curve)) > 250
    for x, y in dots:
        assert 0 < x < 300 and 0 < y < 112
        assert min(abs(x - at) + abs(y - height) for (at, height), _ in ends(curve)) < 4
    shown = [text.text for text in ET.fromstring(walk._repr_svg_()).iter(f"{SVG}text")]
    assert {"w", "loss", "lr = 0.3"} <= set(shown)
    svg, page = ET.fromstring(walk._repr_svg_()), ET.fromstring(walk._repr_html_().replace("<br>", "<br/>"))
    assert [text.text for text in page.iter(f"{SVG}text")] == shown
    assert page.findtext("code") == repr(walk)
    # Where the picture is a part of the page, its text is as easy to read as that, on any ground.
    fills = [[text.get("fill") for text in picture.iter(f"{SVG}text")] for picture in (svg, page)]
    assert [*map(set, fills)] == [{"#767676", "#1f77b4"}, {"currentColor", "#1f77b4"}]


def test_the_small_picture_of_a_walk_that_climbs_shows_its_first_steps() -> None:
    walk = descend(valley, 0.0, lr=3.0, steps=400)
    assert len(drawn(walk, "circle")) == 3 + 1
    lines = ends(drawn(walk, "path")[1])
    assert len(lines) == 3 and lines[-1][1][1] < 0  # the last of them leaves the frame
    assert all(abs(x) <= 1e4 + 300 for line in lines for end in line for x in end)


def test_the_small_picture_of_a_long_walk_is_small() -> None:
    walk = descend(valley, 0.0, lr=1e-3, steps=3_000)
    assert 300 < len(drawn(walk, "circle")) <= 602
    assert len(walk._repr_svg_()) < 80_000


def test_names_in_the_small_picture_are_text() -> None:
    for name in HOSTILE:
        walk = descend(valley, Value(0.0, name), steps=1)
        svg = ET.fromstring(walk._repr_svg_())
        assert {element.tag.removeprefix(SVG) for element in svg.iter()} <= {"svg", "rect", "text", "path", "circle"}
        assert visible(walk.axis) in [text.text for text in svg.iter(f"{SVG}text")]


def test_the_chart_has_the_curve_and_the_steps_on_it(plt: Any) -> None:
    walk = descend(valley, -2.0, lr=0.3)
    mine = plt.subplots()[1]
    assert walk.plot(mine) is mine
    steps, start, curve = mine.lines
    assert list(steps.get_xdata()) == walk.ws and list(steps.get_ydata()) == walk.losses
    assert list(start.get_xdata()) == [-2.0]
    assert all(y == valley(w) for w, y in zip(*curve.get_data(), strict=True))
    low, high = mine.get_xlim()
    assert low < min(walk.ws) < max(walk.ws) < high and mine.get_ylim()[1] > 25
    assert mine.get_xlabel() == "w" and mine.get_ylabel() == "loss"
    assert [text.get_text() for text in mine.get_legend().get_texts()] == ["lr = 0.3"]


def test_several_rates_on_one_chart(plt: Any) -> None:
    rates = (0.05, 0.3, 0.9, 1.05)
    ax = None
    for rate in rates:
        ax = descend(lambda w: (w - 3) ** 2, -2.0, lr=rate).plot(ax)  # another function each time, with the same curve
    assert ax is not None and len(ax.lines) == 2 * len(rates) + 1  # one curve
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    assert texts == [f"lr = {rate}" for rate in rates]
    colors = {line.get_color() for line in ax.lines if str(line.get_gid()).startswith("descent")}
    assert len(colors) == len(rates)
    curve = next(line for line in ax.lines if line.get_gid() == "function")
    assert [min(curve.get_xdata()), max(curve.get_xdata())] == list(ax.get_xlim())
    descend(sin, 0.0).plot(ax)
    assert len([line for line in ax.lines if line.get_gid() == "function"]) == 2
    assert 25 < ax.get_ylim()[1] < 200 < descend(valley, -2.0, lr=1.05).losses[-1]  # what climbs leaves the chart


@pytest.mark.parametrize(
    ("function", "start", "lr"),
    [
        (valley, 0.0, 3.0), (valley, 3.0, 0.1), (lambda w: w**3, -1.0, 0.1), (autograd.log, 2.0, 0.7),
        (lambda w: 0 * w + 1, 0.0, 0.1), (lambda w: sin(3 * w) + w * w / 10, 4.0, 0.05), (valley, math.nan, 0.1),
        (lambda w: w / 0, 0.0, 0.1), (lambda w: -w, 1e300, 1e300), (valley, 1e90, 0.1),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("plt")
def test_a_chart_of_any_walk_can_be_drawn(function: Any, start: float, lr: float) -> None:
    walk = descend(function, start, lr=lr, steps=100)
    assert "nan" not in walk._repr_svg_() and "inf" not in walk._repr_svg_()
    ax = walk.plot(label="$x$_1")
    ax.figure.canvas.draw()
    assert all(map(math.isfinite, (*ax.get_xlim(), *ax.get_ylim())))


@pytest.mark.usefixtures("plt")
def test_the_curve_has_a_gap_where_the_function_is_not_defined() -> None:
    def positive(w: Any) -> Any:
        assert w > 0
        return w * w

    walk = descend(positive, 0.5, lr=0.25)
    curve = walk.plot().lines[-1]
    assert min(curve.get_xdata()) < 0
    assert all(math.isnan(y) == (w <= 0) for w, y in zip(*curve.get_data(), strict=True))
    assert 100 < len(ends(drawn(walk, "path")[0])) < 299


@pytest.mark.usefixtures("plt")
@pytest.mark.parametrize("chart", [descend(valley, 0.0, steps=2), History(losses=[2.0, 1.0])])
def test_what_to_plot_on_is_checked(chart: Any) -> None:
    for wrong in (3, "ax", sys.modules["matplotlib.pyplot"], (None, None)):
        with pytest.raises(TypeError, match="ax is matplotlib's Axes, such as an earlier plot"):
            chart.plot(wrong)
    with pytest.raises(TypeError, match="label is a name for the legend, got int 3"):
        chart.plot(label=3)


@pytest.mark.usefixtures("plt")
@pytest.mark.parametrize("rates", [[0.1], [1.05], [0.05, 0.3, 0.9, 1.05], [0.1 * i for i in range(1, 12)]])
def test_the_legend_hides_no_step(rates: list[float]) -> None:
    ax = None
    for rate in rates:
        ax = descend(valley, -2.0, lr=rate).plot(ax)
    assert ax is not None
    ax.figure.canvas.draw()
    covered = ax.get_legend().get_window_extent()
    walks = [line for line in ax.lines if str(line.get_gid()).startswith("descent")]
    assert len(walks) == len(rates)
    for line in ax.lines:
        clipped = line.get_clip_box()
        shown = [y for _, y in ax.transData.transform([*zip(*line.get_data())]) if y <= clipped.y1]
        assert len(shown) >= (2 if line in walks else 1)
        assert clipped.y1 <= covered.y0 or covered.x0 >= ax.get_window_extent().x1
    assert ax.transData.transform((0.0, 25.0))[1] < covered.y0 or len(rates) > 9  # where they start


@pytest.mark.usefixtures("plt")
def test_the_first_steps_of_a_walk_that_climbs_at_once_are_seen() -> None:
    walk = descend(valley, 0.0, lr=3.0)
    ax = walk.plot()
    low, high = ax.get_xlim()
    assert sum(low < w < high for w in walk.ws) >= 3


@pytest.mark.usefixtures("plt")
def test_the_curve_is_no_anomaly() -> None:
    with detect_anomaly():
        descend(autograd.log, 0.2, lr=0.001, steps=2).plot()  # the margin of the curve reaches below 0


def test_without_matplotlib_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    with pytest.raises(ImportError, match=r"pip install matplotlib$"):
        descend(valley, 0.0).plot()
