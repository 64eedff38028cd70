"""Plot the decision boundary of a model with two inputs."""

from collections.abc import Mapping, Sequence
from typing import Any

from autograd.errors import RecordingError, UnsupportedOperationError
from autograd.hints import refuse_class
from autograd.module import class_names
from autograd.samples.prediction import rows_of
from autograd.samples.rows import complete_samples, samples
from autograd.samples.tables import Refusal, labels_of
from autograd.training.chart import chosen_axes
from autograd.trees import tree_structure

_COMPARED = 100  # samples, and points of the mesh, at which the compiled model is checked
_MARGIN = 0.1  # around the samples, of their range
_PALEST, _DARKEST = 0.12, 0.6  # opacities of a region, where the model is least and most sure
_MOST_NAMED = 20  # classes, in the legend
_EPSILON = 1e-9  # by which probabilities may miss their sum


def plot_decision_boundary(
    model: Any,
    xs: Any,
    ys: Any,
    *,
    ax: Any = None,
    resolution: int = 200,
    threshold: float = 0.0,
    classes: Sequence[Any] | None = None,
) -> Any:
    """Plot the class that a model with two inputs predicts for each point of the plane, with the samples on top.

    A region is the darker, the surer the model is: by the sigmoid of a score, or the softmax of several. Lines separate
    the regions, and a legend names up to 20 classes.

    The model is recorded once and computed for all points together. It is called for each point instead if it compares
    Values or returns plain numbers, or if its graph or its outputs are not the recorded ones at one of some 200 points
    that are checked.

    Arguments:
        model: anything that can be called with a list of two Values, with or without `parameters()`. It returns one
            score, whose sign is the class, or a list with a score for each class, the largest of which is the class; as
            Values or plain numbers. Of more than two classes it may return the class itself.
        xs: the samples, rows of two numbers.
        ys: their classes: numbers or text, or rows with a number for each class, the largest of which is that of the
            class (one-hot, probabilities). In order, numbers by size and text by the alphabet, they belong to the
            model's scores; a single score is negative for the first of two.
        ax: the matplotlib Axes to draw on; by default, new ones.
        resolution: the number of points along each side.
        threshold: the score above which a single score means the second class; 0.5 for a model that returns
            probabilities.
        classes: the classes in order, where not all of them occur in `ys`; by default those that the model has from
            `fit`.

    Returns the Axes.

    Raises:
        ImportError: matplotlib is not installed.
        TypeError: the model returns neither Values nor numbers.
        ValueError: samples that are not rows of two numbers, not one class per sample, or other classes than the
            model has scores for.
    """
    if isinstance(model, type):
        refuse_class(model)
    points = complete_samples("xs", xs)
    if tree_structure(points.like) != [None, None]:
        raise ValueError("a plane has two dimensions: xs are rows of two numbers")
    labels = _labels(ys)
    if len(points) != len(labels):
        raise ValueError(f"each sample needs a class: xs has {len(points)} samples, ys {len(labels)}")
    ax = chosen_axes(ax)
    import numpy as np  # noqa: PLC0415  # matplotlib depends on it

    places = points.as_array()
    low, high = places.min(axis=0), places.max(axis=0)
    margin = np.where(high > low, _MARGIN * (high - low), 0.5)
    low, high = low - margin, high + margin
    across, up = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    mesh = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    names = class_names(model) if classes is None else list(classes)
    known = names if classes is not None or set(labels) <= set(names) else sorted(set(labels))
    scores = _scores_of_classes(_scores(model, mesh, places), known, threshold)
    indices, named = _indices(labels, known, scores.shape[1], threshold)
    colors = np.array(_colors(scores.shape[1]))
    winners = scores.argmax(axis=1)
    picture = np.concatenate([colors[winners], _opacities(scores)[:, None]], axis=1).reshape(resolution, resolution, 4)
    ax.imshow(
        picture, origin="lower", extent=(low[0], high[0], low[1], high[1]), aspect="auto", interpolation="bilinear"
    )
    for i in range(scores.shape[1] if scores.shape[1] > 2 else 1):
        others = np.delete(scores, i, axis=1).max(axis=1)
        with np.errstate(invalid="ignore"):
            lead = np.clip(scores[:, i] - others, -1e6, 1e6).reshape(resolution, resolution)
        finite = lead[np.isfinite(lead)]
        if finite.size and finite.min() < 0 < finite.max():
            ax.contour(across, up, lead, levels=[0.0], colors="black", linewidths=0.8)
    ax.scatter(places[:, 0], places[:, 1], c=colors[indices], s=30, edgecolors="black", linewidths=0.6)
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    _add_legend(ax, {name: colors[i] for i, name in sorted(named.items())})
    return ax


def _add_legend(ax: Any, colors: Mapping[str, Any]) -> None:
    """Name the classes, where that covers the fewest samples."""
    from matplotlib.lines import Line2D  # noqa: PLC0415  # as above

    if len(colors) > _MOST_NAMED:
        return
    style: Any = {"linestyle": "", "marker": "o", "markeredgecolor": "black", "markeredgewidth": 0.6}
    markers = [Line2D([], [], markerfacecolor=color, **style) for color in colors.values()]
    names = [name.replace("$", r"\$") for name in colors]  # no formulas
    ax.legend(markers, names, loc="best", fontsize="small", ncols=-(-len(names) // 10))


def _labels(ys: Any) -> list[Any]:
    """Return the class of each sample: a number, text, or of a row of numbers the place of the largest."""
    named = labels_of("ys", ys, None, None)
    if isinstance(named, Refusal):
        raise named.error()
    if named:
        return [named.classes[int(i)] for i in named.indices]
    found = complete_samples("ys", ys)
    rows = found.out_of_column().as_lists() if found.is_column() else found.as_lists()
    return [row.index(max(row)) if isinstance(row, list) else row for row in rows]


def _indices(labels: list[Any], known: list[Any], kinds: int, threshold: float) -> tuple[list[int], dict[int, str]]:
    """Return the number of each sample's class among the model's, and the names of these, as far as they are known.

    Raises:
        ValueError: the model has other classes.
    """
    if len(known) == kinds and set(labels) <= set(known):
        return [known.index(label) for label in labels], dict(enumerate(map(_name, known)))
    if kinds == 2 and len(known) == 1 and not isinstance(known[0], str):
        return [int(label > threshold) for label in labels], {int(known[0] > threshold): _name(known[0])}
    if all(isinstance(label, (int, float)) and label in range(kinds) for label in labels):
        return list(map(int, labels)), dict(enumerate(map(str, range(kinds))))
    shown = ", ".join(repr(x) if isinstance(x, str) else f"{x:g}" for x in known[:5]) + (
        ", ..." if len(known) > 5 else ""
    )
    raise ValueError(
        f"ys has the classes {shown}, and the model scores for {kinds}: pass classes=[...], a name or number for each"
    )


def _name(label: Any) -> str:
    return label if isinstance(label, str) else f"{label:g}"


def _scores_of_classes(scores: Any, known: list[Any], threshold: float) -> Any:
    """Return a score for each class, a row for each point, in units of logits: their softmax is the confidence.

    Arguments:
        scores: the model's outputs, a number for each point or a row.
        known: the classes.
        threshold: the single score from which on it is the second class.
    """
    import numpy as np  # noqa: PLC0415  # as above

    if scores.ndim == 1:
        numbers = not any(isinstance(label, str) for label in known)
        if len(known) > 2 and numbers and np.isin(scores, known).all():  # the class itself
            return np.where(scores[:, None] == np.array(known), 20.0, 0.0)
        if 0 < threshold < 1 and scores.min() >= 0 and scores.max() <= 1:  # probabilities
            up, down = scores / threshold, (1 - scores) / (1 - threshold)
            with np.errstate(divide="ignore"):
                scores = np.log(up) - np.log(down)
        else:
            scores = scores - threshold
        return np.stack([np.zeros_like(scores), scores], axis=1)
    if scores.min() >= 0 and abs(scores.sum(axis=1) - 1).max() < _EPSILON:
        with np.errstate(divide="ignore"):
            return np.log(scores)
    return scores


def _opacities(scores: Any) -> Any:
    """Return how opaque each point is: by the probability of its class, from that of a mere guess to 1."""
    import numpy as np  # noqa: PLC0415  # as above

    with np.errstate(invalid="ignore"):
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
    guess = 1 / scores.shape[1]
    sure = (np.nan_to_num(weights.max(axis=1) / weights.sum(axis=1), nan=1.0) - guess) / (1 - guess)
    return _PALEST + (_DARKEST - _PALEST) * sure


def _scores(model: Any, mesh: Any, places: Any) -> Any:
    """Return the model's outputs for rows of two numbers, as an array: a number or a row for each.

    Arguments:
        places: the samples; some of them and of the mesh are compared, as `fit` compares samples.
    """
    import numpy as np  # noqa: PLC0415  # as above

    rng = np.random.default_rng(0)
    some = rng.permutation(places)[:_COMPARED]
    n = len(some)
    points = samples("the plane", np.concatenate([some, mesh]))
    compared = [*range(n), n, len(points) - 1, *(n + rng.permutation(len(mesh))[:_COMPARED]).tolist()]
    try:
        _, rows = rows_of(model, points, "auto", compared)
    except (RecordingError, UnsupportedOperationError):
        _, rows = rows_of(model, points, "eager")
    scores = np.asarray(rows, dtype=float)[n:]
    return scores[:, 0] if scores.shape[1] == 1 else scores


def _colors(kinds: int) -> list[tuple[float, float, float]]:
    import matplotlib as mpl  # noqa: PLC0415  # it has made the Axes
    from matplotlib.colors import to_rgb  # noqa: PLC0415

    if kinds == 2:
        return [to_rgb("tab:red"), to_rgb("tab:blue")]
    palette = mpl.colormaps["tab10" if kinds <= 10 else "turbo"]
    return [to_rgb(palette(i if kinds <= 10 else i / (kinds - 1))) for i in range(kinds)]
