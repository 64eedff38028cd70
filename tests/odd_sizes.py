"""Programs of layers of all sizes and batches of any number of samples, for backends that compute these in tiles.

A compiler takes a few tenths of a second for a program, however small. So there are many networks in one program
(`side_by_side`, `together`), and a compiled function is called for many numbers of samples (`check_batches`).
"""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scalar_networks import (
    ACTIVATIONS,
    NETWORKS,
    WEIGHTED,
    Dense,
    Draws,
    Number,
    ScalarNetwork,
    attention,
    autoregressive,
    convolution_1d,
    convolution_2d,
    curvature,
    demo,
    dense,
    experts,
    factorised,
    flow,
    gated,
    maxout,
    mlp,
    neighbours,
    network,
    normalised_layers,
    physics,
    pixels,
    product_of_matrices,
    radial,
    random_network,
    recurrent,
    rosenbrock,
    running_sums,
    skips,
    steps_of_descent,
    tied,
    transformer,
    turned,
    uneven,
    whole_batch,
)

import autograd
from autograd import Value, grad
from autograd.codegen.arguments import pieces_of
from autograd.trees import tree_leaves, tree_map

Numbers = NDArray[np.float64]

SAMPLES = [*range(1, 41), 63, 64, 65, 100, 129, 1000]
"""Around the multiples of all lengths of vectors and blocks, and some in between."""

FEWER_SAMPLES = [1, 2, 3, 4, 5, 7, 8, 9, 13, 16, 17, 24, 31, 33, 40, 65, 129]

DISTINCT = 37
"""The samples of a larger batch are these, over and over, because Python takes its time. The number is a prime, so that
neighbouring blocks have others."""

SPECIAL = [0.0, -0.0, 0.0, -0.0, math.inf, -math.inf, math.nan, 5e-324, -1e-310, 1e308, -1e308, 1.0, -1.0]


# Arguments and results -----------------------------------------------------------------------------------------------


def with_samples(of: ScalarNetwork, samples: int, rng: random.Random, special: float = 0.0) -> ScalarNetwork:
    """Return the network with a batch of so many samples, of random numbers.

    Arguments:
        special: the share of special numbers; 1 of 8 samples has almost nothing else then, and 1 of 8 zeros only.
    """

    def number(x: float, share: float) -> float:
        if rng.random() < share:
            return rng.choice(SPECIAL)
        return x if float(x).is_integer() else rng.uniform(-2, 2)  # whole numbers are those of classes

    def sample(tree: Any) -> Any:
        share = rng.choice([special] * 6 + [0.9, 2.0]) if special else 0.0
        if share > 1:
            return tree_map(lambda _: rng.choice([0.0, -0.0]), tree)
        return tree_map(lambda x: number(x, share), tree)

    def batch(argument: Sequence[Any]) -> list[Any]:
        distinct = [sample(argument[i % len(argument)]) for i in range(min(samples, DISTINCT))]
        return [distinct[i % len(distinct)] for i in range(samples)]

    arguments = tuple(
        argument if axis is None else batch(argument) for argument, axis in zip(of.arguments, axes_of(of), strict=True)
    )
    return of._replace(arguments=arguments)


def axes_of(of: ScalarNetwork) -> Sequence[int | None]:
    """Return the axis of samples of each argument, None where it is the same for all samples."""
    axes: Sequence[int | None] = of.options.get("in_axes") or [None] * len(of.inputs)
    return axes


def first_samples(of: ScalarNetwork, n: int, arrays: bool = True) -> list[Any]:
    """Return the arguments for the first samples, as arrays where numbers form one."""
    taken = [x if axis is None else x[:n] for x, axis in zip(of.arguments, axes_of(of), strict=True)]
    return [np.array(x) if arrays and is_rectangular(entry) else x for x, entry in zip(taken, of.inputs, strict=True)]


def is_rectangular(tree: Any) -> bool:
    try:
        return np.shape(tree_map(lambda _: 0.0, tree)) is not None
    except ValueError:  # lists of different lengths
        return False


def reduced(of: ScalarNetwork, reduce: str | None) -> ScalarNetwork:
    """Return the network with its outputs for each sample, or their sum or mean."""
    return of._replace(options={**of.options, "reduce": reduce})


def rows_of(results: Any, n: int) -> Numbers:
    """Return what a function of pieces, each a number or a flat list, returns for n samples: a row for each."""
    return np.hstack([np.reshape(np.asarray(piece, float), (n, -1)) for piece in results if np.size(piece)])


def in_pieces(of: ScalarNetwork) -> ScalarNetwork:
    """Return the network with a tuple of numbers and flat lists as its outputs."""
    return of._replace(outputs=tuple(pieces_of(of.outputs)))


# What has to be equal ------------------------------------------------------------------------------------------------


def check_bits(got: Numbers, want: Numbers, about: object = "") -> None:
    """Compare the bits; nan is nan."""
    assert got.shape == want.shape, f"{about}: {got.shape} for {want.shape}"
    wrong = (np.ascontiguousarray(got).view(np.int64) != np.ascontiguousarray(want).view(np.int64)) & ~(
        np.isnan(got) & np.isnan(want)
    )
    if wrong.any():
        first = tuple(np.argwhere(wrong)[0].tolist())
        raise AssertionError(f"{about}: {wrong.sum()} differ; at {first} {got[first]!r} for {want[first]!r}")


def check_sums(got: Numbers, kept: Numbers, mean: bool = False, about: object = "") -> None:
    """Compare with the exact sums of all rows, relative to the sizes of their terms.

    Arguments:
        kept: the outputs for each sample.
        mean: True if the sums are divided by the number of samples.
    """
    want, tolerance = exact_sums(kept)
    share = len(kept) if mean else 1
    with np.errstate(invalid="ignore"):  # inf - inf
        wrong = ~((np.abs(got - want / share) <= tolerance / share) | (got == want / share))
    wrong &= ~(np.isnan(got) & np.isnan(want)) & ~np.isinf(tolerance)
    if wrong.any():
        (i,) = np.argwhere(wrong)[0].tolist()
        raise AssertionError(
            f"{about}, {len(kept)} samples: {wrong.sum()} sums differ; output {i} is {got[i]!r} for {want[i] / share!r}"
        )


def exact_sums(kept: Numbers, tolerance: float = 1e-12) -> tuple[Numbers, Numbers]:
    """Return the sums of columns, rounded once, and the tolerance of each.

    It is infinite where some orders of addition overflow, and others do not.
    """
    finite = np.isfinite(kept)
    with np.errstate(invalid="ignore", over="ignore"):
        sums = kept.sum(axis=0)  # of infinities and nans, in any order
        sizes = np.where(finite, np.abs(kept), 0.0).sum(axis=0)
    exact = finite.all(axis=0) & np.isfinite(sizes)
    sums[exact] = [math.fsum(column) for column in kept[:, exact].T.tolist()]
    return sums, np.where(exact, tolerance * sizes, np.where(np.isfinite(sizes), 0.0, math.inf))


def kept_outputs(of: ScalarNetwork, samples: int) -> Numbers:
    """Return what the function in Python computes for each sample."""
    distinct = min(samples, DISTINCT)
    rows = rows_of(reduced(of, None).compile("python")(*first_samples(of, distinct, arrays=False)), distinct)
    return rows[np.arange(samples) % distinct]


def check_batches(
    of: ScalarNetwork,
    counts: Iterable[int] = SAMPLES,
    *,
    reduces: Sequence[str | None] = (None, "sum"),
    seed: int = 0,
    special: float = 0.0,
    backend: Any = "c",
) -> None:
    """Compile a network, and call it for batches of these numbers of samples.

    What is kept for each sample has the bits of Python. A sum or mean over samples is compared with the exact one, and
    for a single sample with the bits of Python.
    """
    counts, rng = list(counts), random.Random(seed)
    of = with_samples(in_pieces(of), max(counts), rng, special)
    kept = kept_outputs(of, max(counts))
    for reduce in reduces:
        function = reduced(of, reduce).compile(backend)
        for n in counts:
            results = function(*first_samples(of, n, arrays=rng.random() < 0.8))
            if reduce is None:
                check_bits(rows_of(results, n), kept[:n], f"{n} samples")
                continue
            (row,) = rows_of(results, 1)
            check_sums(row, kept[:n], reduce == "mean", reduce)
            if n == 1:  # -0.0 may have been added to 0.0
                check_bits(row + 0.0, kept[0] + 0.0, f"{reduce} of a single sample")


def check_alone(of: ScalarNetwork, *, rounds: int = 4, seed: int = 0, special: float = 0.0) -> None:
    """Compile a network without a batch, and call it with its own numbers and with others: the bits are Python's."""
    rng = random.Random(seed)
    of = in_pieces(of)._replace(options={})
    function, reference = of.compile("c"), of.compile("python")
    axes = [0] * len(of.inputs)
    samples = with_samples(of._replace(options={"in_axes": axes}, arguments=alone(of)), rounds, rng, special)
    for i in range(rounds):
        arguments = [argument[i] for argument in samples.arguments]
        got, want = (rows_of(f(*arguments), 1) for f in (function, reference))
        check_bits(got, want, f"round {i}")


def alone(of: ScalarNetwork) -> tuple[Any, ...]:
    """Return arguments of one sample: the numbers of the leaves."""
    return tuple([tree_map(lambda v: v.data, entry)] for entry in of.inputs)


# Layers --------------------------------------------------------------------------------------------------------------


def together(networks: Iterable[ScalarNetwork], batched: bool = True) -> ScalarNetwork:
    """Return several networks in one program, for one batch; those without a batch are the same for all samples.

    Arguments:
        batched: False for a program without a batch.
    """
    outputs: list[Any] = []
    inputs: list[Any] = []
    axes: list[int | None] = []
    arguments: list[Any] = []
    for one in networks:
        outputs += pieces_of(one.outputs)
        inputs += one.inputs
        axes += axes_of(one)
        arguments += one.arguments
    options = {"in_axes": tuple(axes)} if batched and 0 in axes else {}
    return ScalarNetwork(tuple(outputs), tuple(inputs), options, tuple(arguments))


def windows(xs: Sequence[Value], n: int, rng: random.Random) -> list[Value]:
    """Return n of the numbers: neighbours, in either order, with gaps, or at irregular places."""
    kind = rng.choice(["neighbours", "neighbours", "backwards", "gaps", "irregular"])
    if kind == "irregular":
        return [rng.choice(xs) for _ in range(n)]
    if kind == "gaps" and 2 * n <= len(xs):
        return list(xs[rng.randrange(len(xs) - 2 * n + 1) :: 2][:n])
    start = rng.randrange(len(xs) - n + 1)
    found = list(xs[start : start + n])
    return found[::-1] if kind == "backwards" else found


Arranged = Callable[[Dense], list[Any]]

LAYOUTS: list[Arranged] = [
    lambda layer: [layer.by_neuron()],
    lambda layer: [layer.w, layer.b],
    lambda layer: [[layer.w, [layer.b]]],
    lambda layer: [[list(column) for column in zip(*layer.w, strict=True)], layer.b],  # transposed
    lambda layer: [[*layer.b, *(w for row in layer.w for w in row)]],
    lambda layer: [(layer.b, layer.w[::-1])],
    lambda layer: [*layer.w, layer.b],  # each neuron alone
]
"""The ways to pass the parameters of a layer."""


def side_by_side(sizes: Sequence[tuple[int, int]], seed: int = 0, plain: bool = False) -> ScalarNetwork:
    """Record layers with these numbers of inputs and neurons, each with its gradients, all for a batch of one list.

    Arguments:
        plain: True if all are tanh of a dot product of the first inputs; else activations, the order of sums, what they
            read and how parameters are passed vary.
    """
    rng, draws = random.Random(seed), Draws(seed)
    x = draws.values(max(nin for nin, _ in sizes) + (0 if plain else 3))
    outputs: list[Any] = []
    inputs: list[Any] = []
    batched: list[int] = []
    for nin, nout in sizes:
        layer = dense(draws, nin, nout)
        read = x[:nin] if plain else windows(x, nin, rng)
        hidden = layer(read, *(() if plain else (rng.choice(list(ACTIVATIONS)), rng.choice(list(WEIGHTED)))))
        if plain:
            hidden = [h.tanh() for h in hidden]
        target = draws.value()
        loss = autograd.sum([(h - target) ** 2 for h in hidden])
        if not plain and rng.random() < 0.5:
            loss = loss + 0.01 * sum(p * p for p in layer.by_neuron())
        arranged = LAYOUTS[0 if plain or nout > 8 else rng.randrange(len(LAYOUTS))](layer)
        if rng.random() < 0.15 and not plain:  # other weights for each sample
            batched += range(len(inputs), len(inputs) + len(arranged))
        inputs += [*arranged, target]
        outputs += rng.choice([[loss, hidden], [hidden], [loss]])
        outputs += [grad(loss, part) for part in arranged]
        outputs.append(grad(loss, x))
    inputs.append(x)
    return network(tuple(outputs), *inputs, batched=[*batched, len(inputs) - 1], seed=seed)


def all_sizes(most: int, programs: int) -> list[list[tuple[int, int]]]:
    """Return the sizes of layers, in lists for several programs: each size to `most` is that of some inputs, and that
    of some neurons.

    >>> all_sizes(5, 2)
    [[(1, 5), (3, 3), (5, 1)], [(2, 4), (4, 2)]]
    """
    pairs = [(n, most + 1 - n) for n in range(1, most + 1)]
    return [pairs[k::programs] for k in range(programs)]


def mixed_arguments(of: ScalarNetwork, rng: random.Random) -> ScalarNetwork:
    """Return a network with the same outputs, whose leaves are passed in other arguments, some of them batches.

    The arguments are lone numbers, lists, and lists in lists, in which leaves of several of the old ones are mixed.
    """
    leaves = [v for entry in of.inputs for v in tree_leaves(entry)]
    rng.shuffle(leaves)
    inputs: list[Any] = []
    cuts = sorted({0, len(leaves), *(rng.randrange(len(leaves) + 1) for _ in range(rng.randrange(1, 6)))})
    for start, end in itertools.pairwise(cuts):
        part = leaves[start:end]
        half = (len(part) + 1) // 2
        inputs += rng.choice([
            [part],
            [[part[:half], part[half:]]],
            [(part[:1], [part[1:half], [part[half:]]])],
            [part[0], part[1:]],
            [[[v] for v in part]],
            [part[:half], part[half:]],
        ])  # fmt: skip
    inputs = [entry for entry in inputs if tree_leaves(entry)]
    batched = [k for k in range(len(inputs)) if rng.random() < 0.5] or [rng.randrange(len(inputs))]
    return network(of.outputs, *inputs, batched=batched, samples=3, seed=rng.randrange(1000))


def chosen_outputs(of: ScalarNetwork, rng: random.Random) -> ScalarNetwork:
    """Return a network with more outputs: runs of those that it has, of arguments and of constants, in any order."""
    flat = tree_leaves(of.outputs)
    leaves = [v for entry in of.inputs for v in tree_leaves(entry)]
    outputs: list[Any] = list(pieces_of(of.outputs))
    for _ in range(rng.randrange(1, 5)):
        kind: list[Any] = rng.choice([flat, flat, leaves, [Value(2.5), Value(-0.0), Value(math.inf)]])
        start = rng.randrange(len(kind))
        run = kind[start :: rng.choice([1, 2, 3, -1, -2])][:40]
        outputs.append(rng.choice([run, run, [rng.choice(kind)] * rng.randrange(1, 12), rng.choice(kind)]))
    rng.shuffle(outputs)
    return of._replace(outputs=tuple(outputs))


# Networks of each kind -----------------------------------------------------------------------------------------------

BIG_NETWORKS: dict[str, Callable[[], ScalarNetwork]] = {
    "mlp": partial(mlp, (13, 17, 9, 5), reduce=None),
    "mlp, weights then biases": partial(mlp, (7, 11, 11, 3), "sigmoid", arranged="weights then biases", l2=0.01),
    "mlp, from the bias": partial(mlp, (9, 23, 4), "relu", "hinge", weighted="from the bias", arranged="nested"),
    "mlp, cross entropy": partial(mlp, (11, 15, 19), "gelu", "cross entropy", weighted="from zero"),
    "mlp, one sample": partial(mlp, (10, 21, 6), samples=0),
    "demo": partial(demo, 9, (7, 5)),
    "pixels": partial(pixels, 5, 19, 9, 4),
    "whole batch": partial(whole_batch, 11),
    "skips": partial(skips, 11, 3),
    "skips, concatenated": partial(skips, 5, 3, concatenated=True),
    "recurrent": partial(recurrent, 5, 3, 11),
    "gated": partial(gated, 3, 5, 7),
    "tied": partial(tied, 19, 11),
    "tied, products": partial(tied, 9, 13, "in a loop"),
    "autoregressive": partial(autoregressive, 19),
    "experts": partial(experts, 9, 11),
    "radial": partial(radial, 5, 13),
    "maxout": partial(maxout, 9, 7, 5),
    "product of matrices": partial(product_of_matrices, 9, 3),
    "turned": partial(turned, 5),
    "factorised": partial(factorised, 9, 11, 13),
    "uneven": partial(uneven, 9),
    "neighbours": partial(neighbours, 13, 3),
    "convolution 1-D": partial(convolution_1d, 23, 3, 5, 4),
    "convolution 1-D, padded, max": partial(convolution_1d, 21, 2, 3, 5, 2, padded=True, pooled="max"),
    "convolution 2-D": partial(convolution_2d, 9, 2, 3, 4, classes=3),
    "convolution 2-D, padded": partial(convolution_2d, 7, 1, 5, 3, padding="zeros", pooled="mean"),
    "convolution 2-D, left out": partial(convolution_2d, 7, 1, 3, 3, padding="left out", pooled="max"),
    "attention": partial(attention, 5, 6, 3),
    "attention, causal": partial(attention, 7, 10, 2, causal=True),
    "normalised layers": partial(normalised_layers, 13),
    "transformer": partial(transformer, (2, 0, 1, 2, 4, 3), 5, 6, 3),
    "flow": partial(flow, 4, 9),
    "running sums": partial(running_sums, 37),
    "rosenbrock": partial(rosenbrock, 11),
    "curvature": partial(curvature, (3, 5, 2)),
    "physics": partial(physics, 9),
    "steps of descent": partial(steps_of_descent, 3, 9),
}
"""Each kind of network, larger, and of odd sizes."""


# Random programs -----------------------------------------------------------------------------------------------------


def random_chain(rng: random.Random) -> ScalarNetwork:
    """Record layers one after the other, of any sizes, few of which are large."""
    sizes = [rng.choice([rng.randint(1, 9), rng.randint(1, 40), rng.randint(1, 70)]) for _ in range(rng.randint(2, 4))]
    draws = Draws(rng.randrange(10**6))
    layers = [dense(draws, nin, nout) for nin, nout in itertools.pairwise(sizes)]
    x, t = draws.values(sizes[0]), draws.values(sizes[-1])
    xs: list[Number] = list(x)
    weighted = rng.choice([*WEIGHTED, "dot", "from the bias"])
    outputs: list[Any] = []
    for layer in layers:
        xs = layer(xs, rng.choice(list(ACTIVATIONS)), weighted)
        if rng.random() < 0.3:
            outputs.append(xs)
    loss = autograd.sum([(y - v) ** 2 for y, v in zip(xs, t, strict=True)])
    if rng.random() < 0.3:
        loss = loss + 0.001 * sum(p * p for layer in layers for p in layer.by_neuron())
    arranged = [part for layer in layers for part in rng.choice(LAYOUTS[:6])(layer)]
    outputs += [loss, *(grad(loss, part) for part in arranged)]
    if rng.random() < 0.5:
        outputs.append(grad(loss, x))
    at = len(arranged)
    return network(tuple(outputs), *arranged, x, t, batched=[at, at + 1], seed=rng.randrange(1000))


def random_sizes(rng: random.Random, layers: int) -> list[tuple[int, int]]:
    """Return sizes of layers, whose product is at most 1,000."""
    pairs = []
    for _ in range(layers):
        nin = rng.choice([rng.randint(1, 9), rng.randint(1, 40), rng.randint(63, 130)])
        most = max(1, 1000 // nin)
        pairs.append((nin, rng.choice([rng.randint(1, min(9, most)), rng.randint(1, min(most, 130))])))
    return pairs


def random_program(rng: random.Random) -> ScalarNetwork:
    """Draw a program: layers side by side or in a chain, or networks of many kinds (`random_network`)."""
    kind = rng.choice(["side by side", "chain", "networks", "networks", "of a kind"])
    if kind == "chain":
        of = random_chain(rng)
    elif kind == "of a kind":
        of = rng.choice([*NETWORKS.values(), *BIG_NETWORKS.values()])()
    elif kind == "side by side":
        of = side_by_side(random_sizes(rng, rng.randint(1, 3)), rng.randrange(10**6))
    else:
        of = together(random_network(rng) for _ in range(rng.randint(1, 4)))
    if rng.random() < 0.3:
        of = chosen_outputs(of, rng)
    if rng.random() < 0.3:
        of = mixed_arguments(of, rng)
    return of


def check_random(rng: random.Random) -> None:
    """Compile a random program for C, and call it for several numbers of samples, or alone."""
    of, special = random_program(rng), rng.choice([0.0, 0.0, 0.0, 0.05])
    if 0 not in axes_of(of) or rng.random() < 0.1:
        check_alone(of, seed=rng.randrange(1000), special=special)
        return
    counts = [1, *(rng.choice([rng.randint(1, 9), rng.randint(1, 40), rng.randint(1, 300)]) for _ in range(4))]
    reduces: list[str | None] = rng.choice([[None], ["sum"], ["mean"], [None, "sum"]])
    check_batches(of, counts, reduces=reduces, seed=rng.randrange(1000), special=special)
