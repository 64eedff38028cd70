"""Networks recorded in scalars, as users write them: loops over Values, sums, dots, and gradients by `grad`.

Each function records one kind of network, of a size that is small unless one asks for more. `NETWORKS` has all kinds,
each with a few of its options. `random_network` puts layers of these kinds together at random.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple
from unittest.mock import patch

import autograd
from autograd import Value, grad, hessian, jacobian, nn, softmax
from autograd.codegen.arguments import Signature
from autograd.codegen.backend import CompiledCode
from autograd.codegen.compile import BACKENDS
from autograd.codegen.program import Program
from autograd.ops import TABLE
from autograd.trees import tree_leaves, tree_map

Number = Any
"""A Value, or a constant."""


class ScalarNetwork(NamedTuple):
    """The arguments of `autograd.compile`, and those of the function that it returns."""

    outputs: Any
    inputs: tuple[Any, ...]
    options: Mapping[str, Any]
    arguments: tuple[Any, ...]

    def compile(self, backend: Any) -> Any:
        return autograd.compile(self.outputs, self.inputs, backend=backend, **self.options)

    def lowered(self) -> tuple[Program, Signature]:
        """Return what a backend is given."""
        given: list[tuple[Program, Signature]] = []

        def backend(program: Program, signature: Signature) -> CompiledCode:
            given.append((program, signature))
            return CompiledCode("", lambda: None)

        with patch.dict(BACKENDS, given=backend):
            self.compile("given")
        return given[0]


def network(
    outputs: Any,
    *inputs: Any,
    batched: Sequence[int] = (),
    samples: int = 3,
    reduce: str | None = None,
    classes: Mapping[int, int] | None = None,
    seed: int = 0,
) -> ScalarNetwork:
    """Return a network with its arguments: the numbers of the leaves, and random ones for the samples of a batch.

    Arguments:
        batched: the places of the arguments that are batches.
        classes: for arguments that are indices of classes, the number of classes.
    """
    rng = random.Random(seed)

    def sample(k: int) -> Any:
        if classes and k in classes:
            return tree_map(lambda _: rng.randrange(classes[k]), inputs[k])
        return tree_map(lambda _: rng.uniform(-1, 1), inputs[k])

    arguments = [
        [sample(k) for _ in range(samples)] if k in batched else tree_map(lambda v: v.data, entry)
        for k, entry in enumerate(inputs)
    ]
    axes = tuple(0 if k in batched else None for k in range(len(inputs)))
    options = {"in_axes": axes, "reduce": reduce} if batched else {}
    return ScalarNetwork(outputs, inputs, options, tuple(arguments))


class Draws:
    """Random leaves."""

    def __init__(self, seed: int = 0) -> None:
        self.rng = random.Random(seed)

    def value(self) -> Value:
        return Value(self.rng.uniform(-1, 1))

    def values(self, n: int) -> list[Value]:
        return [self.value() for _ in range(n)]

    def matrix(self, rows: int, columns: int) -> list[list[Value]]:
        return [self.values(columns) for _ in range(rows)]


# Neurons, activations, losses ----------------------------------------------------------------------------------------


def from_the_bias(w: Sequence[Number], x: Sequence[Number], b: Number) -> Number:
    """As micrograd's neuron."""
    return sum((wi * xi for wi, xi in zip(w, x, strict=True)), b)


def from_zero(w: Sequence[Number], x: Sequence[Number], b: Number) -> Number:
    return sum(xi * wi for wi, xi in zip(w, x, strict=True)) + b


def in_a_loop(w: Sequence[Number], x: Sequence[Number], b: Number) -> Number:
    total = b
    for wi, xi in zip(w, x, strict=True):
        total = xi * wi + total
    return total


def without_start(w: Sequence[Number], x: Sequence[Number], b: Number) -> Number:
    first, *rest = [wi * xi for wi, xi in zip(w, x, strict=True)]
    for product in rest:
        first = first + product
    return b + first


WEIGHTED: dict[str, Callable[[Sequence[Number], Sequence[Number], Number], Number]] = {
    "dot": lambda w, x, b: autograd.dot(w, x) + b,
    "dot of the inputs": lambda w, x, b: b + autograd.dot(x, w),
    "from the bias": from_the_bias,
    "from zero": from_zero,
    "in a loop": in_a_loop,
    "without start": without_start,
    "sum": lambda w, x, b: autograd.sum([*(wi * xi for wi, xi in zip(w, x, strict=True)), b]),
    "sum from the bias": lambda w, x, b: autograd.sum([b, *(xi * wi for wi, xi in zip(w, x, strict=True))]),
    "dot with the bias": lambda w, x, b: autograd.dot([*w, b], [*x, 1.0]),
}
"""The ways to write a weighted sum."""

ACTIVATIONS: dict[str, Callable[[Number], Number]] = {
    **{name: TABLE[name] for name in ("tanh", "relu", "sigmoid", "gelu", "silu", "softplus", "elu", "leaky_relu")},
    "square": lambda x: x * x,
    "cube": lambda x: x**3,
    "softsign": lambda x: x / (1 + abs(x)),
    "swish": lambda x: x * autograd.sigmoid(1.5 * x),
    "chosen": lambda x: autograd.where(x - 0.25, 2 * x, -x),
    "linear": lambda x: x,
}


def squared_error(outputs: Sequence[Number], targets: Sequence[Number]) -> Number:
    return sum((y - t) ** 2 for y, t in zip(outputs, targets, strict=True))


def half_squared_error(outputs: Sequence[Number], targets: Sequence[Number]) -> Number:
    errors = [t - y for y, t in zip(outputs, targets, strict=True)]
    return autograd.dot(errors, errors) / 2


def hinge(outputs: Sequence[Number], targets: Sequence[Number]) -> Number:
    """As in micrograd's demo."""
    losses = [(1 + -t * y).relu() for y, t in zip(outputs, targets, strict=True)]
    return sum(losses) * (1.0 / len(losses))


def entropy_by_hand(outputs: Sequence[Number], targets: Sequence[Number]) -> Number:
    powers = [y.exp() for y in outputs]
    return autograd.log(sum(powers)) - sum(t * y for y, t in zip(outputs, targets, strict=True))


LOSSES: dict[str, Callable[[Sequence[Number], Sequence[Number]], Number]] = {
    "squared error": squared_error,
    "half squared error": half_squared_error,
    "mse": lambda ys, ts: nn.mse(list(ys), list(ts)),
    "hinge": hinge,
    "cross entropy": lambda ys, ts: nn.cross_entropy(list(ys), list(ts)),
    "binary cross entropy": lambda ys, ts: nn.binary_cross_entropy(list(ys), list(ts)),
    "entropy by hand": entropy_by_hand,
    "largest": lambda ys, ts: autograd.largest([abs(y - t) for y, t in zip(ys, ts, strict=True)]),
}


class Dense(NamedTuple):
    """The parameters of a layer."""

    w: list[list[Value]]
    b: list[Value]

    def __call__(self, xs: Sequence[Number], activation: str = "linear", weighted: str = "dot") -> list[Number]:
        return [ACTIVATIONS[activation](WEIGHTED[weighted](w, xs, b)) for w, b in zip(self.w, self.b, strict=True)]

    def by_neuron(self) -> list[Value]:
        """Return the parameters as one list: a neuron's weights, its bias, then the next neuron's."""
        return [p for w, b in zip(self.w, self.b, strict=True) for p in (*w, b)]


def dense(draws: Draws, nin: int, nout: int) -> Dense:
    return Dense(draws.matrix(nout, nin), draws.values(nout))


def in_one_list(layers: Iterable[Dense]) -> list[Value]:
    return [p for layer in layers for p in layer.by_neuron()]


ARRANGED: dict[str, Callable[[Sequence[Dense]], tuple[Any, ...]]] = {
    "in one list": lambda layers: (in_one_list(layers),),
    "a list for each layer": lambda layers: tuple(layer.by_neuron() for layer in layers),
    "matrices": lambda layers: tuple(part for layer in layers for part in (layer.w, layer.b)),
    "nested": lambda layers: ([[layer.w, layer.b] for layer in layers],),
    "weights then biases": lambda layers: ([p for layer in layers for p in (*tree_leaves(layer.w), *layer.b)],),
    "biases first": lambda layers: ([layer.b for layer in layers], tuple(layer.w for layer in layers)),
}
"""The ways to pass the parameters of layers to a compiled function."""


def mlp(
    sizes: Sequence[int] = (3, 4, 2),
    activation: str = "tanh",
    loss: str = "squared error",
    *,
    weighted: str = "dot",
    arranged: str = "in one list",
    l2: float = 0.0,
    reduce: str | None = "mean",
    samples: int = 3,
    seed: int = 0,
) -> ScalarNetwork:
    """Record layers on one sample, for a batch; samples = 0: for this one sample."""
    draws = Draws(seed)
    layers = [dense(draws, nin, nout) for nin, nout in pairwise(sizes)]
    x, t = draws.values(sizes[0]), draws.values(sizes[-1])
    xs: list[Number] = list(x)
    for layer in layers:
        xs = layer(xs, "linear" if layer is layers[-1] else activation, weighted)
    cost = LOSSES[loss](xs, t)
    if l2:
        cost = cost + l2 * sum(p * p for p in in_one_list(layers))
    parameters = ARRANGED[arranged](layers)
    at = len(parameters)
    return network(
        (cost, grad(cost, list(parameters))), *parameters, x, t,
        batched=[at, at + 1] if samples else (), samples=samples, reduce=reduce if samples else None, seed=seed,
    )  # fmt: skip


def library_mlp(
    nin: int = 3,
    nouts: Sequence[int] = (4, 3),
    activation: str = "tanh",
    reduce: str | None = "mean",
    samples: int = 3,
) -> ScalarNetwork:
    """Record the library's network with cross-entropy; the target is the index of a class."""
    model = nn.MLP(nin, list(nouts), activation, rng=random.Random(1))
    x, t = Draws(2).values(nin), Value(1.0)
    loss = nn.cross_entropy(model(x), t)
    parameters = model.parameters()
    return network(
        (loss, grad(loss, parameters)), parameters, x, t,
        batched=[1, 2], samples=samples, reduce=reduce, classes={2: nouts[-1]},
    )  # fmt: skip


# Samples among the constants -----------------------------------------------------------------------------------------


def demo(
    samples: int = 10, hidden: Sequence[int] = (4, 4), weighted: str = "from the bias", activation: str = "relu"
) -> ScalarNetwork:
    """Record micrograd's demo, all samples in one graph: points and labels of +-1 are constants, hinge and L2."""
    draws = Draws(7)
    sizes = [2, *hidden, 1]
    layers = [dense(draws, nin, nout) for nin, nout in pairwise(sizes)]
    losses = []
    for _ in range(samples):
        xs: list[Number] = [draws.rng.gauss(0, 1) for _ in range(2)]
        for layer in layers:
            xs = layer(xs, "linear" if layer is layers[-1] else activation, weighted)
        losses.append((1 + -draws.rng.choice([1, -1]) * xs[0]).relu())
    parameters = in_one_list(layers)
    data_loss = sum(losses) * (1.0 / len(losses))
    loss: Value = data_loss + 1e-4 * sum(p * p for p in parameters)
    return network((loss, grad(loss, parameters)), parameters)


def pixels(samples: int = 4, size: int = 6, hidden: int = 4, classes: int = 3, weighted: str = "dot") -> ScalarNetwork:
    """Record samples of whole numbers, many of them 0 and 1, with one-hot labels: all of these are constants."""
    draws = Draws(3)
    first, last = dense(draws, size, hidden), dense(draws, hidden, classes)
    losses = []
    for i in range(samples):
        image = [draws.rng.choice([0, 0, 1, 1, 2, 7, 16]) for _ in range(size)]
        logits = last(first(image, "tanh", weighted), weighted=weighted)
        losses.append(nn.cross_entropy(logits, nn.one_hot(i % classes, classes)))
    loss = autograd.mean(losses)
    parameters = in_one_list([first, last])
    return network((loss, grad(loss, parameters)), parameters)


def whole_batch(samples: int = 4, weighted: str = "dot") -> ScalarNetwork:
    """Record all samples in one graph, whose inputs and targets are arguments, with a normalisation over the batch."""
    draws = Draws(4)
    first, last = dense(draws, 2, 3), dense(draws, 3, 1)
    xs, ts = draws.matrix(samples, 2), draws.values(samples)
    nets = [first(x, "linear", weighted) for x in xs]
    columns = []
    for column in zip(*nets, strict=True):
        centre = sum(column) / samples
        variance = sum((v - centre) ** 2 for v in column) / samples
        columns.append([(v - centre) / (variance + 1e-5).sqrt() for v in column])
    outputs = [last([v.tanh() for v in row], "linear", weighted)[0] for row in zip(*columns, strict=True)]
    loss = nn.mse(outputs, ts)
    parameters = in_one_list([first, last])
    return network((loss, grad(loss, parameters)), parameters, xs, ts)


# Layers that are connected otherwise ---------------------------------------------------------------------------------


def skips(width: int = 3, blocks: int = 2, concatenated: bool = False, reduce: str | None = "mean") -> ScalarNetwork:
    """Record layers whose inputs go around them: added to what they compute, or beside it, to all layers after."""
    draws = Draws(5)
    x, t = draws.values(width), draws.values(1)
    layers, xs = [], list[Number](x)
    for _ in range(blocks):
        layer = dense(draws, len(xs), width)
        layers.append(layer)
        ys = layer(xs, "tanh")
        xs = [*xs, *ys] if concatenated else [a + b for a, b in zip(xs, ys, strict=True)]
    last = dense(draws, len(xs), 1)
    loss = squared_error(last(xs), t)
    parameters = in_one_list([*layers, last])
    return network((loss, grad(loss, parameters)), parameters, x, t, batched=[1, 2], reduce=reduce)


def recurrent(steps: int = 3, nin: int = 2, hidden: int = 3, reduce: str | None = None) -> ScalarNetwork:
    """Record an Elman network: every step has the same weights."""
    draws = Draws(6)
    cell, last = dense(draws, nin + hidden, hidden), dense(draws, hidden, 1)
    xs, t = draws.matrix(steps, nin), draws.values(1)
    state: list[Number] = [0.0] * hidden
    for x in xs:
        state = cell([*x, *state], "tanh")
    loss = squared_error(last(state), t)
    parameters = in_one_list([cell, last])
    return network((loss, grad(loss, parameters)), parameters, xs, t, batched=[1, 2], reduce=reduce)


def gated(steps: int = 2, nin: int = 2, hidden: int = 2) -> ScalarNetwork:
    """Record a gated recurrent unit."""
    draws = Draws(8)
    reset, update, new = (dense(draws, nin + hidden, hidden) for _ in range(3))
    xs = draws.matrix(steps, nin)
    state: list[Number] = draws.values(hidden)
    start = state
    for x in xs:
        r, z = reset([*x, *state], "sigmoid"), update([*x, *state], "sigmoid")
        n = new([*x, *(a * h for a, h in zip(r, state, strict=True))], "tanh")
        state = [(1 - a) * b + a * h for a, b, h in zip(z, n, state, strict=True)]
    loss = autograd.sum([h * h for h in state])
    parameters = [reset.by_neuron(), update.by_neuron(), new.by_neuron()]
    return network((loss, grad(loss, parameters), grad(loss, start)), parameters, start, xs)


def tied(nin: int = 4, hidden: int = 2, weighted: str = "dot", reduce: str | None = "sum") -> ScalarNetwork:
    """Record an autoencoder that decodes with the transposed weights."""
    draws = Draws(9)
    encoder, biases, x = dense(draws, nin, hidden), draws.values(nin), draws.values(nin)
    code = encoder(x, "tanh", weighted)
    columns = zip(*encoder.w, strict=True)
    decoded = [WEIGHTED[weighted](column, code, b) for column, b in zip(columns, biases, strict=True)]
    loss = squared_error(decoded, x)
    inputs = (encoder.w, encoder.b, biases)
    return network((loss, grad(loss, inputs)), *inputs, x, batched=[3], reduce=reduce)


def autoregressive(n: int = 4) -> ScalarNetwork:
    """Record a triangular layer: each output has the inputs before it, so no two sums are of the same length."""
    draws = Draws(10)
    rows, x = [draws.values(i + 1) for i in range(n)], draws.values(n)
    ys = [autograd.dot(row, x[: len(row)]).tanh() for row in rows]
    loss = sum((y - xi) ** 2 for y, xi in zip(ys, reversed(x), strict=True))
    return network((loss, grad(loss, [rows, x])), rows, x)


def experts(nin: int = 2, n: int = 3) -> ScalarNetwork:
    """Record a mixture: a softmax weighs the outputs of several neurons."""
    draws = Draws(11)
    gate, each = dense(draws, nin, n), dense(draws, nin, n)
    x, t = draws.values(nin), draws.value()
    y = autograd.dot(softmax(gate(x)), each(x, "tanh"))
    loss = (y - t) ** 2
    return network((loss, grad(loss, [gate.w, gate.b, each.w, each.b])), *gate, *each, x, t, batched=[4, 5])


def radial(nin: int = 2, n: int = 3) -> ScalarNetwork:
    """Record radial basis functions: differences of all inputs and all centres."""
    draws = Draws(12)
    centres, widths, heights, x = draws.matrix(n, nin), draws.values(n), draws.values(n), draws.values(nin)
    hills = [
        autograd.exp(-(width**2) * sum((xi - ci) ** 2 for xi, ci in zip(x, centre, strict=True)))
        for centre, width in zip(centres, widths, strict=True)
    ]
    y = autograd.dot(heights, hills)
    return network((y, grad(y, [centres, widths, heights, x])), centres, widths, heights, x, batched=[3])


def maxout(nin: int = 3, nout: int = 2, pieces: int = 3, reduce: str | None = None) -> ScalarNetwork:
    draws = Draws(13)
    layers = [dense(draws, nin, nout) for _ in range(pieces)]
    x = draws.values(nin)
    outputs = [autograd.max(values) for values in zip(*(layer(x) for layer in layers), strict=True)]
    least = autograd.min(outputs)
    loss = autograd.sum(outputs) * least
    parameters = in_one_list(layers)
    return network((loss, outputs, grad(loss, parameters)), parameters, x, batched=[1], reduce=reduce)


def product_of_matrices(n: int = 3, factors: int = 3) -> ScalarNetwork:
    """Record A B C ... and the sum of its squares; a matrix is an argument."""
    draws = Draws(14)
    matrices = [draws.matrix(n, n) for _ in range(factors)]
    product: list[list[Number]] = list(matrices[0])
    for matrix in matrices[1:]:
        product = [[autograd.dot(row, column) for column in zip(*matrix, strict=True)] for row in product]
    loss: Number = sum(sum(v * v for v in row) for row in product)
    return network((product, loss, grad(loss, matrices)), *matrices)


def turned(n: int = 3, reduce: str | None = None) -> ScalarNetwork:
    """Record sums, means and products over one axis of three, the other two in turn in either order."""
    draws = Draws(33)
    x, y = [draws.matrix(n, n) for _ in range(n)], [draws.matrix(n, n) for _ in range(n)]
    each = range(n)
    outputs = [
        [autograd.dot(x[i][j], [0.25] * n).tanh() for j in each for i in each],
        [autograd.dot(row, [2.0] * n).tanh() for matrix in x for row in matrix],
        [autograd.mean([x[k][i][j] for k in each]) for j in each for i in each],
        [autograd.mean([x[i][k][j] for k in each]) for j in each for i in each],
        [autograd.dot(x[i][j], y[j][i]) * 2.0 for j in each for i in each],
        [autograd.sum([x[i][k][j] * y[j][k][i] for k in each]) for i in each for j in each],
        [x[i][k][j] * 0.5 - y[k][j][i] for k in each for j in each for i in each],
        [autograd.max([x[k][j][i] for k in each]) for i in each for j in each],
    ]
    gradients = grad(autograd.sum([v * v for part in outputs for v in part]), [x, y])
    return network((outputs, gradients), x, y, batched=[1], reduce=reduce)


def factorised(users: int = 3, films: int = 4, d: int = 2) -> ScalarNetwork:
    """Record the ratings of a few pairs: rows of two tables, looked up at irregular places."""
    draws = Draws(15)
    of_users, of_films = draws.matrix(users, d), draws.matrix(films, d)
    ratings = [(0, 1, 3.0), (2, 0, 1.0), (1, 3, 4.0), (0, 2, 1.0), (2, 3, 2.0)]
    loss = nn.mse([autograd.dot(of_users[u], of_films[f]) for u, f, _ in ratings], [r for *_, r in ratings])
    return network((loss, grad(loss, [of_users, of_films])), of_users, of_films)


def uneven(n: int = 3, reduce: str | None = None) -> ScalarNetwork:
    """Record layers whose inputs are hidden units, some of them read more often than others."""
    draws = Draws(34)
    x, hidden = draws.values(2), dense(draws, 2, 2)
    h = hidden(x, "tanh")
    layers = [(dense(draws, len(places), n), places) for places in ((0, 0, 1), (0, 1, 1), (1, 0, 1), (0, 0, 0, 1))]
    losses = [autograd.sum(layer([h[i] for i in places], "tanh")) for layer, places in layers]
    parameters = in_one_list([hidden, *(layer for layer, _ in layers)])
    return network(
        (losses, [grad(loss, [parameters, x]) for loss in losses]), parameters, x, batched=[1], reduce=reduce
    )


def neighbours(n: int = 5, d: int = 2) -> ScalarNetwork:
    """Record a graph network: each node takes the mean of its neighbours, of which it has one to three."""
    draws = Draws(16)
    edges = {i: sorted({(i * 2 + 1) % n, (i + 1) % n, (i * i) % n} - {i}) for i in range(n)}
    layer, features = dense(draws, 2 * d, d), draws.matrix(n, d)
    nodes: list[list[Number]] = list(features)
    for _ in range(2):
        means = [[autograd.mean([nodes[j][k] for j in edges[i]]) for k in range(d)] for i in range(n)]
        nodes = [layer([*node, *centre], "relu") for node, centre in zip(nodes, means, strict=True)]
    loss = autograd.sum([v for node in nodes for v in node])
    parameters = layer.by_neuron()
    return network((loss, grad(loss, [parameters, features])), parameters, features)


# Convolutions --------------------------------------------------------------------------------------------------------


def convolution_1d(
    length: int = 7,
    channels: int = 2,
    filters: int = 2,
    width: int = 3,
    stride: int = 1,
    *,
    padded: bool = False,
    pooled: str = "",
    reduce: str | None = "mean",
) -> ScalarNetwork:
    """Record filters along a signal, perhaps with zeros at its ends, perhaps a pooling ("max", "mean"), and a layer."""
    draws = Draws(17)
    signal, t = draws.matrix(channels, length), draws.values(1)
    kernels, biases = [draws.matrix(channels, width) for _ in range(filters)], draws.values(filters)
    ends = [0.0] * (width // 2) if padded else []
    rows = [[*ends, *row, *ends] for row in signal]
    maps: list[list[Number]] = []
    for kernel, b in zip(kernels, biases, strict=True):
        maps.append([])
        for i in range(0, len(rows[0]) - width + 1, stride):
            total = b
            for row, w in zip(rows, kernel, strict=True):
                total = total + autograd.dot(w, row[i : i + width])
            maps[-1].append(total.relu())
    if pooled:
        pool = autograd.max if pooled == "max" else autograd.mean
        maps = [[pool(row[i : i + 2]) for i in range(0, len(row) - 1, 2)] for row in maps]
    last = dense(draws, sum(map(len, maps)), 1)
    loss = squared_error(last([v for row in maps for v in row]), t)
    inputs = (kernels, biases, last.w, last.b)
    return network((loss, grad(loss, inputs)), *inputs, signal, t, batched=[4, 5], reduce=reduce)


def convolution_2d(
    size: int = 5,
    channels: int = 1,
    filters: int = 2,
    width: int = 3,
    stride: int = 1,
    *,
    padding: str = "",
    pooled: str = "",
    classes: int = 2,
    weighted: str = "dot",
    reduce: str | None = "mean",
) -> ScalarNetwork:
    """Record filters over an image, then a layer with cross-entropy.

    Arguments:
        padding: "zeros" around the image, or "left out": terms beyond the edge are not there.
        pooled: "max" or "mean" over squares of 2 x 2.
    """
    draws = Draws(18)
    image, t = [draws.matrix(size, size) for _ in range(channels)], draws.values(classes)
    kernels = [draws.values(channels * width * width) for _ in range(filters)]
    biases = draws.values(filters)
    margin = width // 2 if padding else 0
    places = range(-margin, size + margin - width + 1, stride)
    maps: list[list[list[Number]]] = []
    for kernel, b in zip(kernels, biases, strict=True):
        maps.append([])
        for i in places:
            row: list[Number] = []
            for j in places:
                window = [(c, i + k, j + m) for c in range(channels) for k in range(width) for m in range(width)]
                inside = [0 <= k < size and 0 <= m < size for _, k, m in window]
                xs = [image[c][k][m] if ok else 0.0 for (c, k, m), ok in zip(window, inside, strict=True)]
                if padding == "left out":
                    ws = [w for w, ok in zip(kernel, inside, strict=True) if ok]
                    xs = [x for x, ok in zip(xs, inside, strict=True) if ok]
                else:
                    ws = kernel
                row.append(WEIGHTED[weighted](ws, xs, b).tanh())
            maps[-1].append(row)
    flat = [v for rows in maps for row in rows for v in row]
    if pooled:
        pool = autograd.max if pooled == "max" else autograd.mean
        flat = [
            pool([rows[i][j], rows[i][j + 1], rows[i + 1][j], rows[i + 1][j + 1]])
            for rows in maps
            for i in range(0, len(rows) - 1, 2)
            for j in range(0, len(rows) - 1, 2)
        ]
    last = dense(draws, len(flat), classes)
    loss = nn.cross_entropy(last(flat), t)
    parameters = [*tree_leaves(kernels), *biases, *last.by_neuron()]
    return network((loss, grad(loss, parameters)), parameters, image, t, batched=[1, 2], reduce=reduce)


# Attention -----------------------------------------------------------------------------------------------------------


def linear(rows: Sequence[Sequence[Number]], xs: Sequence[Number]) -> list[Number]:
    return [autograd.dot(row, xs) for row in rows]


def attend(
    tokens: Sequence[Sequence[Number]], matrices: Sequence[Sequence[Sequence[Number]]], heads: int, causal: bool
) -> list[list[Number]]:
    """Return what scaled dot-product attention with several heads makes of tokens."""
    of_queries, of_keys, of_values, of_outputs = matrices
    queries, keys, values = ([linear(m, token) for token in tokens] for m in (of_queries, of_keys, of_values))
    size = len(queries[0]) // heads
    outputs = []
    for i, query in enumerate(queries):
        seen = range(i + 1) if causal else range(len(tokens))
        mixed: list[Number] = []
        for h in range(0, len(query), size):
            scores = [autograd.dot(query[h : h + size], keys[s][h : h + size]) / math.sqrt(size) for s in seen]
            weights = softmax(scores)
            mixed += [autograd.dot(weights, [values[s][h + j] for s in seen]) for j in range(size)]
        outputs.append(linear(of_outputs, mixed))
    return outputs


def attention(
    tokens: int = 3, d: int = 4, heads: int = 2, causal: bool = False, reduce: str | None = "mean"
) -> ScalarNetwork:
    draws = Draws(19)
    xs, matrices = draws.matrix(tokens, d), [draws.matrix(d, d) for _ in range(4)]
    outputs = attend(xs, matrices, heads, causal)
    loss = autograd.mean([v * v for token in outputs for v in token])
    return network((loss, grad(loss, matrices)), *matrices, xs, batched=[4], reduce=reduce)


def normalised(xs: Sequence[Number], gain: Sequence[Number], bias: Sequence[Number]) -> list[Number]:
    """Return what layer norm makes of numbers."""
    centre = autograd.mean(xs)
    variance = autograd.mean([(x - centre) ** 2 for x in xs])
    scale = 1 / (variance + 1e-5).sqrt()
    return [(x - centre) * scale * g + b for x, g, b in zip(xs, gain, bias, strict=True)]


def normalised_layers(n: int = 4, library: bool = False, reduce: str | None = "mean") -> ScalarNetwork:
    """Record layer norm between two layers, that of the library or by hand."""
    draws = Draws(20)
    first, last = dense(draws, 2, n), dense(draws, n, 1)
    norm, x, t = nn.LayerNorm(n), draws.values(2), draws.values(1)
    hidden = first(x)
    normal = norm(hidden) if library else normalised(hidden, norm.gain, norm.bias)
    loss = squared_error(last([v.gelu() for v in normal]), t)
    parameters = [*first.by_neuron(), *norm.gain, *norm.bias, *last.by_neuron()]
    return network((loss, grad(loss, parameters)), parameters, x, t, batched=[1, 2], reduce=reduce)


def transformer(
    text: Sequence[int] = (2, 0, 1, 2), vocabulary: int = 3, d: int = 4, heads: int = 2, blocks: int = 1
) -> ScalarNetwork:
    """Record a language model on one text: embeddings of fixed tokens and places, blocks with layer norm, attention and
    a network, each with its residual, and the cross-entropy of each next token.
    """
    draws = Draws(21)
    embeddings, places = draws.matrix(vocabulary, d), draws.matrix(len(text) - 1, d)
    xs: list[list[Number]] = [
        [a + b for a, b in zip(embeddings[token], place, strict=True)]
        for token, place in zip(text[:-1], places, strict=True)
    ]
    parameters: list[Any] = [embeddings, places]
    for _ in range(blocks):
        norms = [(draws.values(d), draws.values(d)) for _ in range(2)]
        matrices = [draws.matrix(d, d) for _ in range(4)]
        wide, narrow = dense(draws, d, 2 * d), dense(draws, 2 * d, d)
        seen = attend([normalised(x, *norms[0]) for x in xs], matrices, heads, causal=True)
        xs = [[a + b for a, b in zip(x, y, strict=True)] for x, y in zip(xs, seen, strict=True)]
        xs = [[a + b for a, b in zip(x, narrow(wide(normalised(x, *norms[1]), "gelu")), strict=True)] for x in xs]
        parameters += [norms, matrices, *wide, *narrow]
    logits = [[autograd.dot(x, row) for row in embeddings] for x in xs]  # the embeddings again
    loss = nn.cross_entropy(logits, list(text[1:]))
    flat = tree_leaves(parameters)
    return network((loss, grad(loss, flat)), flat)


# Loops, derivatives of derivatives -----------------------------------------------------------------------------------


def pendulum(steps: int = 5) -> ScalarNetwork:
    """Record Euler's method, for a batch of starts."""
    angle, speed, gravity = start = Draws(22).values(3)
    for _ in range(steps):
        angle, speed = angle + 0.1 * speed, speed - 0.1 * gravity * angle.sin()
    return network((angle, grad(angle, start)), start, batched=[0])


def flow(steps: int = 3, n: int = 3) -> ScalarNetwork:
    """Record Euler's method for a differential equation whose right-hand side is a layer."""
    draws = Draws(23)
    layer, x = dense(draws, n, n), draws.values(n)
    xs: list[Number] = list(x)
    for _ in range(steps):
        xs = [a + 0.25 * v for a, v in zip(xs, layer(xs, "tanh"), strict=True)]
    loss = autograd.sum([v * v for v in xs])
    return network((loss, xs, grad(loss, [layer.w, layer.b])), layer.w, layer.b, x)


def running_sums(n: int = 5) -> ScalarNetwork:
    """Record sums of all numbers so far, two ways; each is an output as well."""
    x = Draws(24).values(n)
    total, so_far = x[0], []
    for v in x[1:]:
        total = total + v
        so_far.append(total)
    again = [autograd.sum(x[:i]) for i in range(1, n + 1)]
    loss = autograd.dot(so_far, again[1:])
    return network((so_far, again, grad(loss, x)), x)


def mixed_sums(n: int = 60, reduce: str | None = None) -> ScalarNetwork:
    """Record long sums, and the largest, of what alternates between kinds: values, multiples, products, numbers."""
    draws = Draws(35)
    x, w = draws.values(n), draws.values(n)
    h = [v.tanh() for v in x]
    added: Number = x[0]
    for k in range(1, n):
        added = added + (x[k] * k if k % 2 else h[k])
    terms = [(x[k] * w[k], x[k] * 0.5, 0.25 * k, w[-k] * h[k])[k % 4] for k in range(n)]
    weighted = autograd.dot([(h[k], 0.5, x[k])[k % 3] for k in range(n)], [(w[k], x[k])[k % 2] for k in range(n)])
    most = autograd.largest([(h[k], w[k] * k, 0.1)[k % 3] for k in range(n)])
    results = [added, autograd.sum(terms), weighted, most]
    return network((results, grad(math.prod(results), [x, w])), x, w, batched=[0], reduce=reduce)


def rosenbrock(n: int = 4) -> ScalarNetwork:
    """Record Rosenbrock's function with its gradient and its Hessian."""
    x = Draws(25).values(n)
    y: Number = sum(100 * (b - a**2) ** 2 + (1 - a) ** 2 for a, b in pairwise(x))
    return network((y, grad(y, x), hessian(y, x)), x)


def curvature(sizes: Sequence[int] = (2, 2, 1)) -> ScalarNetwork:
    """Record the Hessian of a network's loss by its parameters, and the Jacobian of its outputs by its inputs."""
    draws = Draws(26)
    layers = [dense(draws, nin, nout) for nin, nout in pairwise(sizes)]
    x, t = draws.values(sizes[0]), draws.values(sizes[-1])
    xs: list[Number] = list(x)
    for layer in layers:
        xs = layer(xs, "tanh")
    parameters = in_one_list(layers)
    return network((hessian(squared_error(xs, t), parameters), jacobian(xs, x)), parameters, x, t)


def physics(n: int = 3) -> ScalarNetwork:
    """Record a loss with the second derivative of a network by its input, at points that are constants."""
    draws = Draws(27)
    first, last = dense(draws, 1, n), dense(draws, n, 1)
    losses = []
    for point in (0.0, 0.5, 1.0):
        x = Value(point)
        y = last(first([x], "tanh"))[0]
        losses.append((grad(grad(y, x), x) + y) ** 2)
    loss = sum(losses) / len(losses)
    parameters = in_one_list([first, last])
    return network((loss, grad(loss, parameters)), parameters)


def steps_of_descent(steps: int = 2, n: int = 2) -> ScalarNetwork:
    """Record gradient descent itself, and the derivative of where it ends by where it starts."""
    draws = Draws(28)
    start, x, t = draws.values(n), draws.values(n), draws.value()
    w: list[Number] = list(start)
    for _ in range(steps):
        loss = (autograd.dot(w, x).tanh() - t) ** 2
        w = [p - 0.1 * g for p, g in zip(w, grad(loss, w), strict=True)]
    loss = (autograd.dot(w, x).tanh() - t) ** 2
    return network((w, loss, grad(loss, start)), start, x, t, batched=[1, 2])


# What outputs can be -------------------------------------------------------------------------------------------------


def outputs_of_all_kinds(reduce: str | None = None) -> ScalarNetwork:
    """Record outputs that repeat, that are arguments, constants, the same for all samples, in runs forwards, backwards
    and with gaps.
    """
    draws = Draws(29)
    layer, x, t = dense(draws, 3, 4), draws.values(3), draws.value()
    hidden = layer(x, "tanh")
    penalty = 0.1 * sum(p * p for p in layer.by_neuron())
    loss = sum((h - t) ** 2 for h in hidden) + penalty
    gradients = grad(loss, layer.by_neuron())
    outputs = (
        loss, gradients, hidden[::-1], [penalty, penalty, loss], x, [t, *layer.b], Value(2.5), gradients[::-3],
        [p * p for p in layer.by_neuron()], [hidden[2]] * 3, [Value(-0.0), hidden[0]],
    )  # fmt: skip
    return network(outputs, layer.by_neuron(), x, t, batched=[1, 2], reduce=reduce)


def odd_constants(reduce: str | None = None) -> ScalarNetwork:
    """Record operations with constants of all kinds, among them zeros of both signs, infinities, nan, and exponents."""
    draws = Draws(31)
    w, x = draws.values(6), draws.values(6)
    constants = [0.0, -0.0, 1.0, -1.0, math.inf, math.nan]
    nets = [
        [autograd.dot(x, constants[i:] + constants[:i]) for i in range(6)],
        [autograd.sum([v, c, u]) for u, v, c in zip(w, x, constants, strict=True)],
        [v * c for v, c in zip(x, constants, strict=True)],
        [c + v for v, c in zip(x, constants, strict=True)],
        [v - c for v, c in zip(x, constants, strict=True)],
        [c / v for v, c in zip(x, constants, strict=True)],
        [v**c for v in x for c in (2.0, 3.0, -1.0, 0.5, 2, 3.0)],
        [autograd.where(c, u, v) for u, v, c in zip(w, x, constants, strict=True)],
        [autograd.where(u, v, c) for u, v, c in zip(w, x, constants, strict=True)],
        [autograd.max(v, c) for v, c in zip(x, constants, strict=True)],
        [autograd.largest([u, 0.25, v, -0.25, -0.25]) for u, v in zip(w, x, strict=True)],
        [autograd.smallest([0.5, *x, math.inf]), autograd.largest([0.5, *w])],
        [sum(((v * c) for v, c in zip(x[i:], constants, strict=False)), u) for i, u in enumerate(w[:4])],
    ]
    flat = tree_leaves(nets)
    gradients = [grad(autograd.sum(part), [w, x]) for part in nets]
    return network((flat, gradients), w, x, batched=[1], reduce=reduce)


def folds(reduce: str | None = None) -> ScalarNetwork:
    """Record operations that equal an operand or a constant, next to others of their kind that do not."""
    draws = Draws(32)
    w, x = draws.values(3), draws.values(3)
    outputs = [
        [autograd.where(c, a, b) for c, a, b in zip([1.0, 0.0, -1.0], w, x, strict=True)],
        [autograd.where(1.0, a, b) for a, b in zip(w, x, strict=True)],
        [autograd.where(0.0, a, b) for a, b in zip(w, x, strict=True)],
        [a * c for a, c in zip(x, [1.0, 2.0, 1.0], strict=True)],
        [a * 1.0 for a in x],
        [a**c for a, c in zip(x, [1.0, 0.0, 2.0], strict=True)],
        [a - c for a, c in zip(x, [0.0, 1.0, -0.0], strict=True)],
        [a / 1.0 for a in x],
        [autograd.max(a, -math.inf) for a in x],
        [autograd.where(a, 1.0, 1.0) for a in x],
        [autograd.where(a, b, b) * c for a, b, c in zip(x, w, [1.0, 1.0, 2.0], strict=True)],
        [a * 1.0 + b * 1.0 for a, b in zip(w, x, strict=True)],
        [1.0 * a * b * 1.0 for a, b in zip(w, x, strict=True)],
        x[0] ** 0.0,
    ]
    return network((outputs, grad(autograd.sum(tree_leaves(outputs)), [w, x])), w, x, batched=[1], reduce=reduce)


def each_parameter_alone() -> ScalarNetwork:
    """Record a neuron whose parameters and inputs are an argument each."""
    draws = Draws(30)
    w, x, b = draws.values(4), draws.values(4), draws.value()
    y = from_the_bias(w, x, b).tanh()
    return network((y, *grad(y, [*w, b])), *w, b, *x)


NETWORKS: dict[str, Callable[[], ScalarNetwork]] = {
    **{
        f"mlp, {activation}, {loss}, {weighted}, {arranged}": partial(
            mlp, activation=activation, loss=loss, weighted=weighted, arranged=arranged
        )
        for activation, loss, weighted, arranged in zip(
            ACTIVATIONS,
            [*LOSSES, *LOSSES],
            [*WEIGHTED, *WEIGHTED],
            [*ARRANGED, *ARRANGED, *ARRANGED],
            strict=False,
        )
    },
    "mlp, one neuron": partial(mlp, (1, 1, 1)),
    "mlp, one layer": partial(mlp, (3, 2), reduce="sum"),
    "mlp, three hidden layers": partial(mlp, (2, 3, 3, 4, 2), "relu", "cross entropy", l2=0.01),
    "mlp, four hidden layers alike": partial(mlp, (3, 3, 3, 3, 3, 3), "tanh", "mse", l2=0.1, reduce="sum"),
    "mlp, from the bias, L2": partial(mlp, weighted="from the bias", loss="hinge", l2=0.01),
    "mlp, each sample": partial(mlp, (3, 5, 2), reduce=None),
    "mlp, one sample": partial(mlp, (3, 5, 2), samples=0),
    "mlp, one sample, from the bias": partial(mlp, (3, 5, 2), "sigmoid", weighted="from the bias", samples=0),
    "mlp, a batch of one": partial(mlp, (3, 5, 2), samples=1),
    "library's mlp": library_mlp,
    "library's mlp, relu, each sample": partial(library_mlp, 2, (4, 4, 3), "relu", None),
    "demo": demo,
    "demo, dots": partial(demo, weighted="dot", activation="tanh"),
    "demo, sums": partial(demo, weighted="sum from the bias"),
    "pixels": pixels,
    "pixels, products": partial(pixels, weighted="from zero"),
    "whole batch": whole_batch,
    "whole batch, products": partial(whole_batch, weighted="in a loop"),
    "skips": skips,
    "skips, concatenated": partial(skips, concatenated=True, reduce=None),
    "recurrent": recurrent,
    "recurrent, mean": partial(recurrent, 4, reduce="mean"),
    "gated": gated,
    "tied": tied,
    "tied, products": partial(tied, weighted="from the bias", reduce=None),
    "autoregressive": autoregressive,
    "experts": experts,
    "radial": radial,
    "maxout": maxout,
    "maxout, sum": partial(maxout, reduce="sum"),
    "product of matrices": product_of_matrices,
    "turned": turned,
    "turned, sum": partial(turned, reduce="sum"),
    "factorised": factorised,
    "uneven": uneven,
    "uneven, mean": partial(uneven, reduce="mean"),
    "neighbours": neighbours,
    "convolution 1-D": convolution_1d,
    "convolution 1-D, stride": partial(convolution_1d, stride=2, reduce=None),
    "convolution 1-D, padded, max": partial(convolution_1d, padded=True, pooled="max"),
    "convolution 1-D, one channel, mean": partial(convolution_1d, channels=1, filters=3, pooled="mean", reduce="sum"),
    "convolution 2-D": convolution_2d,
    "convolution 2-D, products": partial(convolution_2d, weighted="from the bias", reduce=None),
    "convolution 2-D, channels, stride": partial(convolution_2d, 5, 2, 2, 3, 2),
    "convolution 2-D, padded, max": partial(convolution_2d, 4, padding="zeros", pooled="max"),
    "convolution 2-D, left out, mean": partial(convolution_2d, 4, padding="left out", pooled="mean"),
    "attention": attention,
    "attention, one head, causal": partial(attention, heads=1, causal=True, reduce=None),
    "attention, causal": partial(attention, 4, 4, 2, causal=True),
    "normalised layers": normalised_layers,
    "normalised layers, library": partial(normalised_layers, library=True, reduce=None),
    "transformer": transformer,
    "pendulum": pendulum,
    "flow": flow,
    "running sums": running_sums,
    "mixed sums": mixed_sums,
    "mixed sums, sum": partial(mixed_sums, reduce="sum"),
    "rosenbrock": rosenbrock,
    "curvature": curvature,
    "physics": physics,
    "steps of descent": steps_of_descent,
    "outputs of all kinds": outputs_of_all_kinds,
    "outputs of all kinds, mean": partial(outputs_of_all_kinds, "mean"),
    "odd constants": odd_constants,
    "odd constants, sum": partial(odd_constants, "sum"),
    "folds": folds,
    "folds, sum": partial(folds, "sum"),
    "each parameter alone": each_parameter_alone,
}
"""Each kind of network by its name, small."""


# Random networks -----------------------------------------------------------------------------------------------------

Function = Callable[[list[Number]], list[Number]]


class RandomLayers:
    """Draws layers at random, with their parameters.

    Each method draws a layer of one kind for n inputs, and returns its function and the number of its outputs.
    """

    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.draws = Draws(rng.randrange(10**6))
        self.parameters: list[Any] = []
        """Those of each layer, in nested lists."""

    def layer(self, n: int) -> tuple[Function, int]:
        """Draw a layer of any kind."""
        kinds = [
            self.dense, self.dense, self.dense, self.skip, self.shared, self.tied, self.gated, self.convolution,
            self.pooled, self.normalised, self.probabilities, self.attention, self.looked_up, self.running, self.scaled,
            self.mapped,
        ]  # fmt: skip
        return self.rng.choice(kinds)(n)

    def _dense(self, nin: int, nout: int) -> Function:
        """Draw a layer's parameters, how it adds, and its activation."""
        layer = dense(self.draws, nin, nout)
        weighted, activation = self.rng.choice(list(WEIGHTED)), self.rng.choice(list(ACTIVATIONS))
        self.parameters.append(self.rng.choice([layer.by_neuron(), [layer.w, layer.b]]))
        return lambda xs: layer(xs, activation, weighted)

    def dense(self, n: int) -> tuple[Function, int]:
        nout = self.rng.randint(1, 6)
        return self._dense(n, nout), nout

    def skip(self, n: int) -> tuple[Function, int]:
        function = self._dense(n, n)
        if self.rng.random() < 0.5:
            return lambda xs: [a + b for a, b in zip(function(xs), xs, strict=True)], n
        return lambda xs: [*xs, *function(xs)], 2 * n

    def shared(self, n: int) -> tuple[Function, int]:
        function, times = self._dense(n, n), self.rng.randint(2, 3)

        def repeated(xs: list[Number]) -> list[Number]:
            for _ in range(times):
                xs = function(xs)
            return xs

        return repeated, n

    def tied(self, n: int) -> tuple[Function, int]:
        weights, add = self.draws.matrix(self.rng.randint(1, 4), n), self.rng.choice(list(WEIGHTED.values()))
        self.parameters.append(weights)

        def there_and_back(xs: list[Number]) -> list[Number]:
            code = [add(row, xs, 0.5).tanh() for row in weights]
            return [add(column, code, x) for column, x in zip(zip(*weights, strict=True), xs, strict=True)]

        return there_and_back, n

    def gated(self, n: int) -> tuple[Function, int]:
        function = self._dense(n, n)
        return lambda xs: [x * autograd.sigmoid(y) for x, y in zip(xs, function(xs), strict=True)], n

    def convolution(self, n: int) -> tuple[Function, int]:
        width, stride, filters = self.rng.randint(1, min(n, 3)), self.rng.randint(1, 2), self.rng.randint(1, 2)
        ends, add = [0.0] * self.rng.randint(0, 1), self.rng.choice(list(WEIGHTED.values()))
        kernels, biases = self.draws.matrix(filters, width), self.draws.values(filters)
        self.parameters += [kernels, biases]
        places = range(0, n + 2 * len(ends) - width + 1, stride)

        def convolved(xs: list[Number]) -> list[Number]:
            padded = [*ends, *xs, *ends]
            return [add(w, padded[i : i + width], b) for w, b in zip(kernels, biases, strict=True) for i in places]

        return convolved, filters * len(places)

    def pooled(self, n: int) -> tuple[Function, int]:
        width, stride = self.rng.randint(1, min(n, 3)), self.rng.randint(1, 2)
        pool: Any = self.rng.choice([autograd.max, autograd.min, autograd.mean, autograd.sum, autograd.logsumexp])
        places = range(0, n - width + 1, stride)
        if pool in (autograd.max, autograd.min) and width == 1:
            return self.scaled(n)
        return lambda xs: [pool(xs[i : i + width]) for i in places], len(places)

    def normalised(self, n: int) -> tuple[Function, int]:
        gain, bias = self.draws.values(n), self.draws.values(n)
        self.parameters.append([gain, bias])
        return lambda xs: normalised(xs, gain, bias), n

    def probabilities(self, n: int) -> tuple[Function, int]:
        function: Function = self.rng.choice([softmax, autograd.log_softmax])
        return function, n

    def attention(self, n: int) -> tuple[Function, int]:
        d = self.rng.choice([d for d in range(1, n + 1) if n % d == 0])
        matrices = [self.draws.matrix(d, d) for _ in range(4)]
        heads, causal = self.rng.choice([h for h in range(1, d + 1) if d % h == 0]), self.rng.random() < 0.5
        self.parameters += self.rng.choice([matrices, [matrices]])

        def attended(xs: list[Number]) -> list[Number]:
            tokens = [xs[i : i + d] for i in range(0, n, d)]
            return [v for token in attend(tokens, matrices, heads, causal) for v in token]

        return attended, n

    def looked_up(self, n: int) -> tuple[Function, int]:
        places = [self.rng.randrange(n) for _ in range(self.rng.randint(1, 6))]
        places = self.rng.choice([places, list(reversed(range(n)))])
        return lambda xs: [xs[i] for i in places], len(places)

    def running(self, n: int) -> tuple[Function, int]:
        def sums(xs: list[Number]) -> list[Number]:
            totals = [xs[0]]
            for x in xs[1:]:
                totals.append(totals[-1] + x)
            return totals

        return sums, n

    def scaled(self, n: int) -> tuple[Function, int]:
        factors = [self.rng.choice([0.0, -0.0, 1.0, -1.0, 2.0, 0.5, 0.3]) for _ in range(n)]
        operation: Any = self.rng.choice([Value.__mul__, Value.__add__, Value.__rsub__, Value.__truediv__])
        if operation is Value.__truediv__:
            factors = [c or 3.0 for c in factors]
        return lambda xs: [operation(x, c) for x, c in zip(xs, factors, strict=True)], n

    def mapped(self, n: int) -> tuple[Function, int]:
        function = self.rng.choice(list(ACTIVATIONS.values()))
        return lambda xs: [function(x) for x in xs], n


def random_network(rng: random.Random) -> ScalarNetwork:
    """Draw a network of one to four layers, how many samples are in its graph, its loss, its outputs and arguments."""
    layers = RandomLayers(rng)
    size = n = rng.randint(1, 6)
    functions = []
    for _ in range(rng.randint(1, 4)):
        function, n = layers.layer(n)
        functions.append(function)
    in_graph = rng.choice([1, 1, 1, 2, 4])
    xs, ts = layers.draws.matrix(in_graph, size), layers.draws.matrix(in_graph, n)
    constants = rng.random() < 0.25  # inputs, or targets too, which the graph has among its constants
    labels = rng.random() < 0.25
    cost_of, costs, results = LOSSES[rng.choice(list(LOSSES))], [], []
    for x, t in zip(xs, ts, strict=True):
        ys: list[Number] = [Value(rng.choice([0, 1, 1, 2, -1])) for _ in x] if constants else x
        for function in functions:
            ys = function(ys)
        results.append(ys)
        costs.append(cost_of(ys, nn.one_hot(rng.randrange(n), n) if labels else t))
    flat = tree_leaves(layers.parameters)
    cost = costs[0]
    if in_graph > 1:
        cost = rng.choice([autograd.mean(costs), sum(costs)])
    if flat and rng.random() < 0.3:
        cost = rng.choice([cost + 0.1 * sum(p * p for p in flat), 0.1 * autograd.dot(flat, flat) + cost])
    arranged: list[Any] = rng.choice(
        [[flat], [layers.parameters], layers.parameters, flat if len(flat) <= 8 else [flat]]
    )
    parameters = [part for part in arranged if tree_leaves(part)]
    outputs: list[Any] = [cost, *(grad(cost, part) for part in parameters)]
    if rng.random() < 0.3:
        outputs += rng.choice([[results], [grad(cost, xs)], [grad(cost, flat[::-1]), flat], [cost, Value(1.5)]])
    data: list[Any] = [xs, ts] if in_graph > 1 else [xs[0], ts[0]]
    arguments = [*parameters, *rng.choice([data, data[::-1]])]
    last = range(len(parameters), len(arguments))
    batched = rng.choice([[], last, last, last[:1], [0, *last], range(len(parameters))])
    return network(
        tuple(outputs), *arguments, batched=batched, samples=rng.randint(1, 3),
        reduce=rng.choice([None, "sum", "mean"]), seed=rng.randrange(1000),
    )  # fmt: skip
