"""Plot the decision boundary of a model with two inputs."""

from typing import Any

from autograd.codegen.compile import compile_recorded
from autograd.engine import Value
from autograd.errors import RecordingError, UnsupportedOperationError
from autograd.samples.recording import Graph, no_frozen_branch, results_recorded
from autograd.samples.reference import Reference, agree
from autograd.samples.rows import samples
from autograd.training.chart import new_axes
from autograd.trees import tree_leaves, tree_structure

_COMPARED = 100  # samples, and points of the mesh, at which the compiled model is checked
_MARGIN = 0.5  # around the samples, in their units


def plot_decision_boundary(
    model: Any, xs: Any, ys: Any, *, ax: Any = None, resolution: int = 200, threshold: float = 0.0
) -> Any:
    """Plot the class that a model with two inputs predicts for each point of the plane, with the samples on top.

    The model is recorded once and computed for all points together. It is called for each point instead if it compares
    Values, or if its graph or its outputs are not the recorded ones at one of some 200 points that are checked.

    Arguments:
        model: anything that can be called with a list of two Values, with or without `parameters()`. It returns one
            score, whose sign is the class, or a list with a score for each class, the largest of which is the class.
        xs: the samples, rows of two numbers.
        ys: their classes: numbers (-1 and 1, 0 and 1, or class indices), or rows with a probability for each class.
        ax: the matplotlib Axes to draw on; by default, new ones.
        resolution: the number of points along each side.
        threshold: the score above which a single score means the second class; 0.5 for a model that returns
            probabilities.

    Returns the Axes.

    Raises:
        ImportError: matplotlib is not installed.
        ValueError: samples that are not rows of two numbers, or not one class per sample.
    """
    points, labels = samples("xs", xs), samples("ys", ys)
    if tree_structure(points.like) != [None, None]:
        raise ValueError("a plane has two dimensions: xs are rows of two numbers")
    if len(points) != len(labels):
        raise ValueError(f"each sample needs a class: xs has {len(points)} samples, ys {len(labels)}")
    ax = new_axes() if ax is None else ax
    import numpy as np  # noqa: PLC0415  # matplotlib depends on it

    places = points.as_array()
    low, high = places.min(axis=0) - _MARGIN, places.max(axis=0) + _MARGIN
    across, up = (np.linspace(low[i], high[i], resolution) for i in (0, 1))
    mesh = np.stack(np.meshgrid(across, up), axis=-1).reshape(-1, 2)
    scores = _scores(model, mesh, places)
    classes = np.unique(labels.as_array()).tolist() if not isinstance(labels.like, list) else []
    if scores.ndim == 1:
        regions = (scores > threshold).astype(float)
        kinds = 2
        indices = labels.as_array() > (np.mean(classes) if len(classes) == 2 else threshold)
    else:
        regions, kinds = scores.argmax(axis=1).astype(float), scores.shape[1]
        indices = labels.as_array() if classes else labels.as_array().argmax(axis=1)
    colors = _colors(kinds)
    ax.contourf(
        across, up, regions.reshape(resolution, resolution), levels=np.arange(kinds + 1) - 0.5, colors=colors, alpha=0.4
    )
    ax.scatter(
        places[:, 0],
        places[:, 1],
        c=[colors[int(i)] for i in indices.ravel()],
        s=30,
        edgecolors="black",
        linewidths=0.6,
    )
    ax.set_xlim(low[0], high[0])
    ax.set_ylim(low[1], high[1])
    return ax


def _scores(model: Any, mesh: Any, places: Any) -> Any:
    """Return the model's outputs for rows of two numbers, as an array: a number or a row for each.

    Arguments:
        places: the samples; some of them and of the mesh are compared, as `fit` compares samples.
    """
    import numpy as np  # noqa: PLC0415  # as above

    rng = np.random.default_rng(0)
    some = np.concatenate([mesh[[0, -1]], *(rng.permutation(points)[:_COMPARED] for points in (places, mesh))])
    try:
        scores = _computed(model, mesh, some)
    except (RecordingError, UnsupportedOperationError):
        scores = _called(model, mesh)
    return scores[:, 0] if scores.shape[1] == 1 else scores


def _computed(model: Any, points: Any, compared: Any) -> Any:
    """Record the model at the first point, and compute its outputs for all points together.

    Arguments:
        compared: the points at which the model is recorded and called again, to see whether its graph holds there.

    Raises:
        RecordingError: it does not hold, or the model compares Values.
        UnsupportedOperationError: an operation cannot be compiled.
    """
    with no_frozen_branch("or let the model be called for each point"), results_recorded() as made:
        first = _graph(model, points[0].tolist())
        reference = Reference(first)
        function = compile_recorded(first.outputs, first.inputs[1], in_axes=0, backend="numpy")
        for point, outputs in zip(compared.tolist(), _rows(function(compared)).tolist()):
            made.clear()
            graph = _graph(model, point)
            differs = len(graph.outputs) != len(outputs) or reference.difference(graph, made, lambda: ["x[0]", "x[1]"])
            if differs or not all(agree(x, [v.data]) for x, v in zip(outputs, graph.outputs)):
                raise RecordingError(f"the model computes something else at {point} than at {points[0].tolist()}")
    return _rows(function(points))


def _graph(model: Any, point: list[float]) -> Graph:
    begin, x = Value(0.0), [Value(number) for number in point]
    return Graph(([], x), tree_leaves(model(list(x))), begin)


def _rows(outputs: Any) -> Any:
    """Return the compiled outputs of a batch, a list with an array or a list for each, as a row for each point."""
    import numpy as np  # noqa: PLC0415  # as above

    return np.asarray(outputs, dtype=float)


def _called(model: Any, points: Any) -> Any:
    """Call the model for each point, and return a row of outputs for each."""
    import numpy as np  # noqa: PLC0415  # as above

    rows = [tree_leaves(model([Value(number) for number in point])) for point in points.tolist()]
    return np.array([[score.data for score in row] for row in rows], dtype=float)


def _colors(kinds: int) -> list[Any]:
    if kinds == 2:
        return ["tab:red", "tab:blue"]
    import matplotlib as mpl  # noqa: PLC0415  # it has made the Axes

    palette = mpl.colormaps["tab10" if kinds <= 10 else "turbo"]
    return [palette(i if kinds <= 10 else i / (kinds - 1)) for i in range(kinds)]
