"""`History`: its text, its picture in notebooks, its plot; and the plot of a decision boundary."""

from __future__ import annotations

import math
import random
import sys
import xml.etree.ElementTree as ET
from importlib.util import find_spec
from typing import Any

import numpy as np
import pytest
from cases import cases
from hypothesis import given
from hypothesis import strategies as st
from needs import lacking

from autograd import History, Value, nn, plot_decision_boundary, softmax
from autograd.ops import Op
from autograd.training import plots as plotting
from autograd.training.history import sparkline

FLOATS = st.lists(st.floats())


@pytest.fixture(autouse=True, scope="module")
def no_window() -> None:
    if find_spec("matplotlib"):
        import matplotlib as mpl  # noqa: PLC0415  # optional

        mpl.use("agg")


@pytest.fixture
def plt() -> Any:
    if not find_spec("matplotlib"):
        lacking('matplotlib is not installed: pip install -e ".[plot]"')
    import matplotlib.pyplot as plt  # noqa: PLC0415  # optional

    yield plt
    plt.close("all")


# ----------------------------------------------------------------------------------------------------------- as text


def test_repr_is_a_sparkline_and_the_last_figures() -> None:
    history = History(
        losses=[8.0, 4.0, 2.0, 1.0],
        accuracy=[0.5, 0.75, 0.9, 0.955],
        validation_losses=[8.0, 4.0, 2.0, 1.25],
        validation_accuracy=[0.5, 0.5, 0.5, 0.75],
    )
    figures = "loss 1, accuracy 95.5 %, validation loss 1.25, validation accuracy 75.0 %"
    assert history.figures() == figures
    assert repr(history) == f"█▄▂▁ 4 epochs: {figures}"
    history.interrupted = True
    assert repr(history).splitlines() == [  # one line would have 102 columns
        "█▄▂▁",
        "4 epochs: loss 1, accuracy 95.5 %, validation loss 1.25, validation accuracy 75.0 %, interrupted",
    ]
    assert repr(History()) == "History of no epochs"
    assert repr(History(losses=[0.5])) == "▁ 1 epoch: loss 0.5"
    assert repr(History(losses=[1.0] * 2_000)).endswith(" 2,000 epochs: loss 1")
    assert History(losses=[65000.123]).figures() == "loss 65000"


def test_sparkline() -> None:
    assert sparkline([0, 1, 2, 3, 4, 5, 6, 7]) == "▁▂▃▄▅▆▇█"
    assert sparkline([5, 5]) == "▁▁"
    assert sparkline([]) == ""
    assert sparkline([-1e308, 1e308, math.inf, math.nan]) == "▁█!!"
    assert sparkline([float(i // 25) for i in range(1000)]) == sparkline([float(i) for i in range(40)])


@given(FLOATS)
def test_a_sparkline_of_anything_is_a_short_row_of_bars(values: list[float]) -> None:
    line = sparkline(values)
    assert len(line) == min(len(values), 40)
    assert set(line) <= set("▁▂▃▄▅▆▇█!")
    if values and all(map(math.isfinite, values)):
        assert "!" not in line


# -------------------------------------------------------------------------------------------------- the small picture


@given(FLOATS, FLOATS, FLOATS, FLOATS)
def test_the_small_picture_of_anything_is_an_svg(
    losses: list[float], accuracy: list[float], validation_losses: list[float], validation_accuracy: list[float]
) -> None:
    history = History(losses, accuracy, validation_losses, validation_accuracy)
    svg = ET.fromstring(history._repr_svg_())
    for line in svg.iter("{http://www.w3.org/2000/svg}polyline"):
        for point in line.attrib["points"].split():
            x, y = map(float, point.split(","))
            assert 50 <= x <= 350 and 18 <= y <= 130
    assert history._repr_svg_() == history._repr_svg_()
    assert history._repr_html_().startswith("<div><svg ")


def test_what_the_small_picture_shows() -> None:
    history = History(
        losses=[3.0, 1.0], accuracy=[0.0, 1.0], validation_losses=[2.0, 1.0], validation_accuracy=[0.5, 0.5]
    )
    svg = history._repr_svg_()
    assert 'points="50.0,18.0 350.0,130.0"' in svg  # the loss falls from top to bottom
    assert 'points="50.0,130.0 350.0,18.0"' in svg  # the accuracy rises
    assert svg.count("stroke-dasharray") == 2
    assert ">3<" in svg and ">1<" in svg and "100 %" in svg
    assert "logarithmic" not in svg


def test_a_wide_range_is_logarithmic() -> None:
    svg = History(losses=[1e4, 1e2, 1.0])._repr_svg_()
    assert "logarithmic" in svg
    assert 'points="50.0,18.0 200.0,74.0 350.0,130.0"' in svg  # 100 stands in the middle


def test_a_curve_is_broken_where_there_is_no_number() -> None:
    svg = History(losses=[1.0, 2.0, math.nan, 1.0, 2.0])._repr_svg_()
    assert svg.count("<polyline") == 2


def test_a_long_curve_has_a_small_picture() -> None:
    history = History(losses=[1 / (i + 1) for i in range(100_000)])
    assert len(history._repr_svg_()) < 20_000
    assert "350.0,130.0" in history._repr_svg_()  # the last epoch is there


# ----------------------------------------------------------------------------------------------------- with matplotlib


def test_plot(plt: Any) -> None:
    history = History(losses=[1e3, 1.0], accuracy=[0.25, 1.0], validation_losses=[2.0, 1.5])
    ax = history.plot()
    assert [list(line.get_ydata()) for line in ax.lines] == [[1e3, 1.0], [2.0, 1.5]]
    assert ax.get_yscale() == "log"
    other = next(axes for axes in ax.figure.axes if axes is not ax)
    assert list(other.lines[0].get_ydata()) == [0.25, 1.0]
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["loss", "validation loss", "accuracy"]
    mine = plt.subplots()[1]
    assert History(losses=[2.0, 1.0]).plot(mine) is mine
    assert mine.get_yscale() == "linear"
    assert History().plot().get_legend() is None


def some_run(rate: float, *, accuracy: bool = False, validation: bool = False) -> History:
    """Return the history of a run whose loss falls at this rate."""
    history = History(losses=[math.exp(-rate * i) + 0.05 for i in range(60)])
    if accuracy:
        history.accuracy = [1 - math.exp(-rate * i) / 2 for i in range(60)]
    if validation:
        history.validation_losses = [math.exp(-rate * i) + 0.1 + i / 300 for i in range(60)]
    if accuracy and validation:
        history.validation_accuracy = [0.9 - math.exp(-rate * i) / 2 for i in range(60)]
    return history


def curves(ax: Any) -> list[Any]:
    return [line for axes in ax.figure.axes for line in axes.lines]


LEVEL, RISING = History(losses=[1.0] * 60, accuracy=[1.0] * 60), History(losses=[1.0 + i for i in range(60)])
HIGH = History(losses=[1e4 * math.exp(-0.3 * i) for i in range(60)], accuracy=[i / 60 for i in range(60)])


@pytest.mark.slice
@pytest.mark.parametrize(
    "runs",
    [
        [some_run(0.1)],
        [some_run(0.1, accuracy=True, validation=True)],
        [some_run(rate, accuracy=True, validation=True) for rate in (0.01, 0.05, 0.2)],
        [some_run(rate) for rate in (0.01, 0.05, 0.2)] * 3,
        [HIGH],
        [LEVEL],
        [RISING, LEVEL],
        [History(losses=[2.0])],
    ],
)
@pytest.mark.parametrize(("width", "height"), cases([(3, 2.5)], campaign=[(6.4, 4.8)]))
def test_the_legend_covers_no_curve(plt: Any, runs: list[History], width: float, height: float) -> None:
    ax = plt.subplots(figsize=(width, height))[1]
    for i, history in enumerate(runs):
        history.plot(ax, label=f"run with rate {i}" if len(runs) > 1 else None)
    ax.figure.canvas.draw()
    covered, drawn = ax.get_legend().get_window_extent(), curves(ax)
    assert len(drawn) == len(ax.get_legend().get_texts())
    for line in drawn:
        path = line.get_transform().transform_path(line.get_path())
        assert not path.intersects_bbox(covered, filled=False)
        assert all(line.axes.get_window_extent().contains(*point) for point in path.vertices[1:-1])  # none is cut off


def test_three_runs_on_one_chart(plt: Any) -> None:
    ax = plt.subplots()[1]
    names = ["lr 0.01", "lr 0.05", "lr 0.2"]
    for rate, name in zip((0.01, 0.05, 0.2), names):
        assert some_run(rate).plot(ax=ax, label=name) is ax
    assert [text.get_text() for text in ax.get_legend().get_texts()] == names
    assert len({line.get_color() for line in ax.lines}) == 3
    assert len(ax.figure.axes) == 1


def test_several_curves_of_several_runs(plt: Any) -> None:
    """A run has one colour, and the accuracies of all runs share one axis."""
    ax: Any = None
    for name in ("a", "b", "c"):
        ax = some_run(0.1, accuracy=True, validation=True).plot(ax=ax, label=name)
    left, right = ax.figure.axes
    assert {line.get_label() for line in right.lines} == {
        f"{run}: {kind}" for run in "abc" for kind in ("accuracy", "validation accuracy")
    }
    by_run: dict[str, set[Any]] = {}
    looks = set()
    for line in (*left.lines, *right.lines):
        by_run.setdefault(line.get_label()[0], set()).add(line.get_color())
        looks.add((line.get_color(), line.get_linestyle()))
    assert list(map(len, by_run.values())) == [1, 1, 1]
    assert len(set.union(*by_run.values())) == 3
    assert len(looks) == 12
    assert max(right.get_yticks()) == 1


def test_runs_without_a_label_and_lines_of_the_user(plt: Any) -> None:
    ax = plt.subplots()[1]
    ax.plot([0, 60], [0.3, 0.3], label="goal")
    for rate in (0.01, 0.05):
        some_run(rate, accuracy=True).plot(ax)
    names = [text.get_text() for text in ax.get_legend().get_texts()]
    assert names == ["goal", "loss", "run 2: loss", "accuracy", "run 2: accuracy"]
    other = plt.subplots()[1]
    some_run(0.1, accuracy=True).plot(other)
    assert [text.get_text() for text in other.get_legend().get_texts()] == ["loss", "accuracy"]  # charts of their own


@pytest.mark.parametrize("epochs", [1, 2, 3, 10, 47])
def test_epochs_are_whole_numbers_from_1(plt: Any, epochs: int) -> None:
    history = History(losses=[1.0 / (i + 1) for i in range(epochs)], accuracy=[0.5] * epochs)
    ax = history.plot()
    (line,) = ax.lines
    assert line.get_xdata().tolist() == [*range(1, epochs + 1)]
    low, high = ax.get_xlim()
    shown = [tick for tick in ax.get_xticks() if low <= tick <= high]
    assert shown
    assert all(tick == round(tick) for tick in shown)
    assert f">{epochs}</text>" in history._repr_svg_()
    own = plt.subplots()[1]
    own.set_xscale("log")
    own.set_xticks([1, 30])
    assert history.plot(own).get_xticks().tolist() == [1, 30]


def test_without_matplotlib_the_error_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.pyplot", None)
    for draw in (History(losses=[1.0]).plot, lambda: plot_decision_boundary(nn.Neuron(2), [[0, 0]], [1])):
        with pytest.raises(ImportError, match=r"pip install matplotlib$"):
            draw()  # type: ignore[no-untyped-call]


# ------------------------------------------------------------------------------------------------ the decision boundary

CORNERS = [[-1.0, -1.0], [1.0, -1.0], [-1.0, 1.0], [1.0, 1.0]]


def regions(ax: Any, resolution: int) -> Any:
    """Return the class of each point, read from the colours of the picture."""
    import matplotlib as mpl  # noqa: PLC0415  # optional

    picture = ax.images[0].get_array()
    colors = [mpl.colors.to_rgb(name) for name in ("tab:red", "tab:blue")]
    if len({tuple(color) for color in picture[..., :3].reshape(-1, 3).tolist()} - set(colors)):
        colors = [mpl.colors.to_rgb(mpl.colormaps["tab10"](i)) for i in range(10)]
    chosen = np.linspace(0, len(picture) - 1, resolution).round().astype(int)
    distances = [np.abs(picture[np.ix_(chosen, chosen)][..., :3] - color).sum(axis=-1) for color in colors]
    return np.argmin(distances, axis=0)


def opacity(ax: Any, x: float, y: float) -> float:
    """Return how dark the picture is at a point."""
    picture = ax.images[0].get_array()
    (left, right), (low, high) = ax.get_xlim(), ax.get_ylim()
    column, row = ((p - a) / (b - a) * (len(picture) - 1) for p, a, b in ((x, left, right), (y, low, high)))
    return float(picture[round(row), round(column), 3])


def colors_of(ax: Any) -> list[tuple[float, ...]]:
    """Return the colours of the samples, which are drawn last."""
    return [tuple(color) for color in ax.collections[-1].get_facecolors()]


def test_a_program_that_is_kept_is_compared_again(plt: Any) -> None:
    """`predict` has not seen the samples between, at which the model is another; of the plane, many are compared."""

    class Striped(nn.Module):
        def __init__(self) -> None:
            self.w = Value(1.0)

        def __call__(self, x: Any) -> Value:
            score: Value = self.w * (1.0 if abs(x[0].data - 0.5) < 0.05 else -1.0)
            return score

    model = Striped()
    model.predict([[-9.0, -9.0], [9.0, 9.0]])
    ax = plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=61)
    (picture,) = ax.images
    reds = picture.get_array()[30, :, 0]
    assert len(set(reds.tolist())) == 2, "the stripe is in the picture"


@pytest.mark.parametrize("ys", [[-1, 1, -1, 1], [0, 1, 0, 1], [[-1], [1], [-1], [1]], np.array([0.0, 1.0, 0.0, 1.0])])
def test_the_boundary_is_where_the_score_changes_its_sign(plt: Any, ys: Any) -> None:
    model = nn.Neuron(2, "linear", weights=[1.0, 0.0], bias=-0.5)  # positive right of 0.5
    ax = plot_decision_boundary(model, CORNERS, ys, resolution=61)
    found = regions(ax, 13)
    assert set(found[1:-1, 1:8].ravel()) == {0}
    assert set(found[1:-1, 9:-1].ravel()) == {1}
    first, second, third, fourth = colors_of(ax)
    assert first == third != second == fourth
    assert tuple(ax.images[0].get_array()[30, 0, :3]) == pytest.approx(first[:3])  # a sample has its region's colour
    assert (ax.get_xlim(), ax.get_ylim()) == ((-1.2, 1.2), (-1.2, 1.2))


def test_a_threshold_for_probabilities(plt: Any) -> None:
    model = nn.Neuron(2, "sigmoid", weights=[1.0, 0.0])
    found = regions(plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=61, threshold=0.5), 13)
    assert set(found[1:-1, 1:6].ravel()) == {0}
    assert set(found[1:-1, 7:-1].ravel()) == {1}


@pytest.mark.parametrize("ys", [[0, 1, 2], np.eye(3)])
def test_several_classes(plt: Any, ys: Any) -> None:
    class Nearest(nn.Module):
        def __call__(self, point: list[Value]) -> list[Value]:
            return [-((point[0] - x) ** 2 + point[1] ** 2) for x in (-1.0, 0.0, 1.0)]

    own = plt.subplots()[1]
    ax = plot_decision_boundary(Nearest(), [[-1, 0], [0, 0], [1, 0]], ys, ax=own, resolution=61)
    assert ax is own
    found = regions(ax, 9)
    assert [found[4, j] for j in (1, 4, 7)] == [0, 1, 2]
    assert len(set(colors_of(ax))) == 3


def nearest(x: Any, centers: Any = ((-1.0, 0.0), (0.0, 0.0), (1.0, 0.0))) -> list[Any]:
    """Return a score for each centre."""
    return [-8 * ((x[0] - a) ** 2 + (x[1] - b) ** 2) for a, b in centers]


@pytest.mark.slice
@pytest.mark.parametrize(
    "labels",
    [[-1, 0, 1], [1, 2, 3], [0.5, 2.5, 10], ["ant", "bee", "cat"], [[0], [1], [2]], np.eye(3), np.eye(3) * 0.8],
)
@pytest.mark.parametrize(
    "model",
    cases(
        [nearest, lambda x: np.array([z.data for z in nearest(x)])],
        campaign=[lambda x: [z.data for z in nearest(x)], lambda x: softmax(nearest(x))],
    ),
)
def test_classes_of_any_labels_have_the_colours_of_their_regions(plt: Any, labels: Any, model: Any) -> None:
    xs = [[-1, 0], [0, 0], [1, 0]] * 2
    ys = list(labels) * 2
    ax = plot_decision_boundary(model, xs, ys, resolution=61)
    assert [regions(ax, 9)[4, j] for j in (1, 4, 7)] == [0, 1, 2]
    left, middle, right = (ax.images[0].get_array()[30, j, :3] for j in (5, 30, 55))
    for shown, region in zip(colors_of(ax), [left, middle, right] * 2, strict=True):
        assert shown[:3] == pytest.approx(tuple(region))


@pytest.mark.slice
@pytest.mark.parametrize("labels", [[-1, 1], [0, 1], [1, 2], ["no", "yes"], [False, True], np.eye(2)])
@pytest.mark.parametrize(
    "model", [lambda x: x[0], lambda x: x[0].data, lambda x: [x[0]], lambda x: float(np.sign(x[0].data))]
)
def test_two_classes_of_any_labels(plt: Any, labels: Any, model: Any) -> None:
    ax = plot_decision_boundary(model, [[-1, 0], [1, 0]] * 2, list(labels) * 2, resolution=41)
    first, second, *_ = colors_of(ax)
    assert [regions(ax, 41)[20, j] for j in (2, 38)] == [0, 1]
    assert first[:3] == pytest.approx(tuple(ax.images[0].get_array()[20, 2, :3]))
    assert second[:3] == pytest.approx(tuple(ax.images[0].get_array()[20, 38, :3]))


def test_a_model_that_returns_the_class_itself(plt: Any) -> None:
    def chosen(x: Any) -> int:
        scores = [z.data for z in nearest(x)]
        return [3, 5, 9][scores.index(max(scores))]

    ax = plot_decision_boundary(chosen, [[-1, 0], [0, 0], [1, 0]], [3, 5, 9], resolution=41)
    assert [regions(ax, 9)[4, j] for j in (1, 4, 7)] == [0, 1, 2]


@pytest.mark.parametrize("kinds", [4, 10, 11, 40])
def test_any_number_of_classes(plt: Any, kinds: int) -> None:
    centers = [(math.cos(2 * math.pi * i / kinds), math.sin(2 * math.pi * i / kinds)) for i in range(kinds)]
    ax = plot_decision_boundary(lambda x: nearest(x, centers), centers, list(range(kinds)), resolution=50)
    assert len(set(colors_of(ax))) == kinds


def test_classes_that_do_not_occur_are_passed(plt: Any) -> None:
    xs = [[-1, 0], [1, 0]]
    with pytest.raises(ValueError, match=r"classes 'ant', 'cat', and the model scores for 3: pass classes=\[...\]"):
        plot_decision_boundary(nearest, xs, ["ant", "cat"])
    with pytest.raises(ValueError, match="classes 1, 2, 3, and the model scores for 2"):
        plot_decision_boundary(lambda x: x[0], [*xs, [0, 0]], [1, 2, 3])
    ax = plot_decision_boundary(nearest, xs, ["ant", "cat"], classes=["ant", "bee", "cat"], resolution=41)
    assert colors_of(ax)[1][:3] == pytest.approx(tuple(ax.images[0].get_array()[20, 38, :3]))
    model = nn.Layer(2, 3, "linear")
    model.classes = ["ant", "bee", "cat"]
    plot_decision_boundary(model, xs, ["ant", "cat"], resolution=41)
    with pytest.raises(ValueError, match="classes 'ant', 'dog', and the model scores for 3"):
        plot_decision_boundary(model, xs, ["ant", "dog"])
    ax = plot_decision_boundary(nearest, xs, [0, 2], resolution=41)  # indices
    assert colors_of(ax)[1][:3] == pytest.approx(tuple(ax.images[0].get_array()[20, 38, :3]))


def test_a_legend_names_the_classes(plt: Any) -> None:
    xs = [[-1, 0], [0, 0], [1, 0]]
    kinds = ["ant", "bee$_2$", "cat"]

    def legend(ax: Any) -> dict[str, tuple[float, ...]]:
        shown = ax.get_legend()
        markers = [line.get_markerfacecolor() for line in shown.get_lines()]
        return {text.get_text(): tuple(color[:3]) for text, color in zip(shown.get_texts(), markers, strict=True)}

    ax = plot_decision_boundary(nearest, xs, kinds, resolution=12)
    expected = [color[:3] for color in colors_of(ax)]
    assert legend(ax) == dict(zip(["ant", r"bee\$_2\$", "cat"], expected, strict=True))
    ax = plot_decision_boundary(lambda x: x[0], xs[::2], [-1.0, 1], resolution=12)
    assert legend(ax) == dict(zip(["-1", "1"], [color[:3] for color in colors_of(ax)], strict=True))
    ax = plot_decision_boundary(nearest, xs[:2], [0, 1], resolution=12)  # indices of scores
    assert list(legend(ax)) == ["0", "1", "2"]
    ax = plot_decision_boundary(lambda x: x[0], xs[:2], [2, 2], resolution=12)  # the other is unknown
    assert legend(ax) == {"2": colors_of(ax)[0][:3]}
    centers = [(float(i), 0.0) for i in range(21)]
    ax = plot_decision_boundary(lambda x: nearest(x, centers), centers, list(range(21)), resolution=12)
    assert ax.get_legend() is None


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e6])
def test_the_margin_goes_with_the_data(plt: Any, scale: float) -> None:
    xs = [[-scale, 0.0], [scale, 50.0 * scale]]
    ax = plot_decision_boundary(lambda x: x[0], xs, [0, 1], resolution=12)
    assert [*ax.get_xlim(), *ax.get_ylim()] == pytest.approx([-1.2 * scale, 1.2 * scale, -5 * scale, 55 * scale])
    same = plot_decision_boundary(lambda x: x[0], [[3.0, 0.0], [3.0, 1.0]], [0, 1], resolution=12)
    assert same.get_xlim() == (2.5, 3.5)


def test_regions_are_darker_where_the_model_is_surer(plt: Any) -> None:
    for model, threshold in ((lambda x: 4 * x[0], 0.0), (lambda x: (4 * x[0]).sigmoid(), 0.5)):
        ax = plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=121, threshold=threshold)
        shades = [opacity(ax, x, 0.0) for x in (-1.1, -0.5, 0.0, 0.5, 1.1)]
        assert shades[0] > shades[1] > shades[2] < shades[3] < shades[4]
        assert [shades[2], shades[4]] == pytest.approx([0.12, 0.6], abs=0.02)
    ax = plot_decision_boundary(nearest, [[-1, 0], [0, 0], [1, 0]], [0, 1, 2], resolution=121)
    assert opacity(ax, 0.0, 0.0) > opacity(ax, 0.45, 0.0)


def test_edges_are_smooth(plt: Any) -> None:
    """A line between the points of the mesh, not steps along them."""
    ax = plot_decision_boundary(lambda x: x[0] + 0.3 * x[1] - 0.01, CORNERS, [0, 1, 0, 1], resolution=20)
    [edge, _] = ax.collections
    ends = np.concatenate([path.vertices for path in edge.get_paths()])
    assert len(ends) > 5
    assert np.abs(ends[:, 0] + 0.3 * ends[:, 1] - 0.01).max() < 1e-12
    assert ax.images[0].get_interpolation() == "bilinear"


@pytest.mark.parametrize(
    "model", [lambda x: x[0] / 0 * 0, lambda x: 1 / x[0] - 1 / x[0] + x[1], lambda x: [x[0].log(), x[1]]]
)
def test_scores_that_are_not_finite_are_drawn(plt: Any, model: Any) -> None:
    assert plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=13)


def test_a_model_that_returns_no_number(plt: Any) -> None:
    with pytest.raises(TypeError, match=r"a model returns Values or numbers, .* got str 'left'"):
        plot_decision_boundary(lambda x: "left", CORNERS, [0, 1, 0, 1], resolution=3)


@pytest.mark.parametrize("kind", ["function", "module", "slots"])
def test_a_model_that_has_changed_is_drawn_anew(plt: Any, kind: str) -> None:
    """What was compiled for the first picture holds no longer, or is read anew."""
    w = Value(1.0)

    class Side(nn.Module):
        def __init__(self) -> None:
            self.w = w

        def __call__(self, x: Any) -> Any:
            return self.w * x[0]

    class Slots:  # nothing can be kept for it
        __slots__ = ()

        def __call__(self, x: Any) -> Any:
            return w * x[0]

    model: Any = {"function": lambda x: w * x[0], "module": Side(), "slots": Slots()}[kind]
    pictures = []
    for number in (1.0, -1.0, 1.0):
        w.data = number
        pictures.append(regions(plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=12), 12)[1:-1, 1:-1])
    assert (pictures[0] == pictures[2]).all() and (pictures[0] != pictures[1]).all()


def test_text_without_a_class(plt: Any) -> None:
    with pytest.raises(TypeError, match=r"ys: 1 of 4 samples have no class \(sample 2\)"):
        plot_decision_boundary(lambda x: x[0], CORNERS, ["a", "b", "", "b"])


@pytest.mark.parametrize(
    "model",
    [
        lambda x: max(x[0], x[1]) - 0.5,  # compares
        lambda x: Op("twice({})", lambda x: 2 * x, lambda g, z, x: 2 * g, name="twice")(x[0]),
        lambda x: x[0] if x[0].data > 2 else x[0] + x[1],
        lambda x: [x[0] * 1],
    ],
)
def test_any_model_is_drawn(plt: Any, model: Any) -> None:
    assert plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=12)


def test_it_is_fast(plt: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model is recorded once for 40,000 points, and called at some of them."""
    calls = []
    model = nn.MLP(2, [4, 1], rng=random.Random(0))

    def counted(x: Any) -> Any:
        calls.append(x)
        return model(x)

    plot_decision_boundary(counted, CORNERS, [0, 1, 0, 1])
    compared = 2 + len(CORNERS) + 100  # ends of the mesh, the samples, points of the mesh; and as `predict` does
    assert 1 + compared <= len(calls) < 10 + compared


@pytest.mark.parametrize(
    "side",
    [
        lambda x: 1 if x[0].data > 0.25 else -1,
        lambda x: [1, -1][int(x[0].data < 0.25)],
        lambda x: math.copysign(1.0, x[0].data - 0.25),
    ],
)
def test_a_model_that_reads_numbers_is_drawn_as_it_is(plt: Any, side: Any) -> None:
    """Its graph at one point does not hold for others, so it is called for each."""
    ax = plot_decision_boundary(lambda x: side(x) * (1 + x[1] * x[1]), CORNERS, [0, 1, 0, 1], resolution=61)
    found = regions(ax, 13)
    assert set(found[1:-1, 1:7].ravel()) == {0}
    assert set(found[1:-1, 8:-1].ravel()) == {1}


def test_a_number_at_random_is_drawn_anew_for_each_point(plt: Any) -> None:
    """The graph of a single draw would give every point the same side."""
    rng = random.Random(1)
    ax = plot_decision_boundary(lambda x: x[0] * 0 + rng.choice([-1.0, 1.0]), CORNERS, [0, 1, 0, 1], resolution=31)
    assert set(regions(ax, 31)[1:-1, 1:-1].ravel()) == {0, 1}


def test_a_difference_too_small_for_a_tolerance_is_seen(plt: Any) -> None:
    """Graphs are compared, not numbers alone."""

    def model(x: Any) -> Any:
        return x[0] * 0 + (1 + 1e-12 if x[1].data > 0.25 else 1.0)

    found = regions(plot_decision_boundary(model, CORNERS, [0, 1] * 2, resolution=61, threshold=1 + 5e-13), 13)
    assert set(found[1:7, 1:-1].ravel()) == {0}
    assert set(found[8:-1, 1:-1].ravel()) == {1}


def test_a_result_that_is_out_of_date_is_drawn_as_the_model_computes_it(plt: Any) -> None:
    w = Value(-1.0)
    kept = w * 2
    w.data = 1.0  # compiled code would compute 2
    found = regions(plot_decision_boundary(lambda x: x[0] * 0 + kept, CORNERS, [0, 1, 0, 1], resolution=12), 12)
    assert set(found[1:-1, 1:-1].ravel()) == {0}


@pytest.mark.parametrize("error", [TypeError, ValueError, ZeroDivisionError, KeyError])
def test_an_error_of_the_model_is_not_hidden(plt: Any, error: type[Exception]) -> None:
    """It may come at the first point, at one that is compared, or where the model is called for each."""
    for after in (0, 3, 150):
        calls = 0

        def model(x: Any, after: int = after) -> Any:
            nonlocal calls
            calls += 1
            if calls > after:
                raise error("mine")
            return x[0] + x[1]

        with pytest.raises(error, match="mine"):
            plot_decision_boundary(model, CORNERS * 40, [0, 1, 0, 1] * 40, resolution=12)
        assert calls == after + 1


def test_a_model_of_constants_and_of_nested_scores(plt: Any) -> None:
    for model in (lambda x: Value(1.0), lambda x: [[x[0] + x[1]], [x[0] - x[1]]], lambda x: [Value(1.0), x[0]]):
        assert plot_decision_boundary(model, CORNERS, [0, 1, 0, 1], resolution=12)


@pytest.mark.parametrize(
    "xs, ys, message",
    [
        ([[1, 2, 3]], [1], "rows of two numbers"),
        ([1, 2], [1, 1], "rows of two numbers"),
        ([[[1], [2]]], [1], "rows of two numbers"),
        ([[1, 2]], [1, 2], "xs has 1 samples, ys 2"),
        ([], [], "xs is empty"),
    ],
)
def test_what_cannot_be_drawn(xs: Any, ys: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        plot_decision_boundary(nn.Neuron(2), xs, ys)


def test_the_models_numbers_stay() -> None:
    if not find_spec("matplotlib"):
        lacking("matplotlib is not installed")
    model = nn.Neuron(2, rng=random.Random(0))
    before = [(p.data, p.grad) for p in model.parameters()]
    plotting._scores(model, np.zeros((3, 2)), np.zeros((1, 2)))
    assert [(p.data, p.grad) for p in model.parameters()] == before
