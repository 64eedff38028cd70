"""Programs on arrays in C: layers of all sizes and batches of all sizes, and no memory is touched but their own.

C computes arrays in blocks of samples and tiles of neurons, in vectors whose length depends on the processor. So tried
here are the sizes around these, and numbers for which the order of additions shows. `tests/campaign.py` tries more.
"""

from __future__ import annotations

import itertools
import math
import os
import platform
import random
import shlex
import shutil
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import guarded
import numpy as np
import pytest
from cases import cases
from guarded import SANITIZED, Call
from interrupts import ctrl_c_after
from needs import lacking, need_compiler
from odd_sizes import (
    BIG_NETWORKS,
    FEWER_SAMPLES,
    all_sizes,
    check_alone,
    check_batches,
    check_bits,
    check_random,
    check_sums,
    chosen_outputs,
    first_samples,
    in_pieces,
    kept_outputs,
    mixed_arguments,
    reduced,
    rows_of,
    side_by_side,
    together,
    with_samples,
)
from scalar_networks import NETWORKS, Draws, ScalarNetwork, dense, mlp, network

import autograd
from autograd import Value, grad
from autograd.codegen import c, c_layout
from autograd.codegen.arguments import Signature
from autograd.codegen.c_build import compiler_command, run
from autograd.codegen.c_layout import straight
from autograd.codegen.program import lower
from autograd.trees import tree_leaves


@pytest.fixture(scope="module", autouse=True)
def compiler() -> None:
    need_compiler()


# Layers of all sizes -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("k", cases([4], campaign=[*range(4), *range(5, 8)]))
def test_layers_of_all_sizes(k: int) -> None:
    """With batches of all sizes."""
    layers = side_by_side(all_sizes(40, 8)[k], seed=k, plain=True)
    check_batches(layers, reduces=(None, "mean" if k % 2 else "sum"), seed=k)


WIDE = [
    [(63, 5), (5, 65), (130, 2), (3, 129), (64, 8)],
    [(65, 1), (1, 64), (2, 127), (101, 7), (13, 99), (128, 4)],
]


@pytest.mark.parametrize("k", cases([], campaign=[0, 1]))
def test_wide_layers(k: int) -> None:
    layers = side_by_side(WIDE[k], seed=k, plain=True)
    check_batches(layers, FEWER_SAMPLES, reduces=(None, "mean" if k else "sum"), seed=k)


@pytest.mark.parametrize("seed", cases([1], campaign=[0, 2]))
def test_layers_that_read_and_are_passed_otherwise(seed: int) -> None:
    """What they read is turned round or irregular, parameters are transposed, or others for each sample."""
    layers = side_by_side([(7, 13), (5, 4), (17, 3), (1, 9)], seed=seed)
    check_batches(layers, FEWER_SAMPLES, reduces=(None, ["sum", "mean"][seed % 2]), seed=seed)


@pytest.mark.parametrize("reduce", cases(["mean"], campaign=["sum"]))
def test_products_of_factors_of_all_kinds(reduce: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each factor is an argument or computed, for each sample or for all; in long loops and short, and in parts."""
    draws = Draws(10)
    w, x, y = (draws.values(n) for n in (19, 20, 21))
    rows = [w, x, y, *([v.tanh() for v in values] for values in (w, x, y))]
    rows.append([v * w[0] for v in x])
    outputs = [[a * b for a in one[:m] for b in other[:n]] for one, m in zip(rows, [3, 9, 4, 17, 20, 5, 8], strict=True)
               for other, n in zip(rows, [16, 8, 13, 5, 3, 21, 20], strict=True)]  # fmt: skip
    outputs += [
        [a * b for a in one for b in other] for one, other in [(x[::-1], y), (rows[4], y[::-1]), (x[::2], y[9::-1])]
    ]
    of = network(tuple(outputs), w, x, y, batched=[1, 2])
    check_batches(of, [1, 2, 8, 9, 17, 65, 129], reduces=(reduce,))
    monkeypatch.setattr(c_layout, "LINES_IN_A_PART", 5)
    of = mlp((9, 16, 9), l2=0.1, reduce=None)
    check_batches(
        together([of, network(tuple(outputs[17:25]), w, x, y, batched=[1, 2])]), [1, 9, 33], reduces=(reduce,)
    )


@pytest.mark.slice(most=1)
@pytest.mark.parametrize("kinds", ["arguments", "computed", "an argument by computed"])
def test_products_whose_factors_are_read_in_opposite_directions(kinds: str) -> None:
    """One loop runs forwards through rows of one factor, and backwards through the other: no index may wrap round."""
    draws = Draws(11)
    xs, ys = draws.values(5 * 17), draws.values(5)
    down = ys if kinds == "arguments" else [v.tanh() for v in ys]
    across = [v.tanh() for v in xs] if kinds == "computed" else xs
    outputs = [across[17 * i + j] * one[4 - i] for one in (down, ys) for i in range(5) for j in range(17)]
    check_batches(network((outputs,), xs, ys, batched=[0, 1]), [1, 2, 8, 9, 17, 65], reduces=("sum",))


def test_copies_within_an_array_are_not_taken_for_loops_without_effect(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of irregular elements, in parts: gcc 12 dropped the calls of parts that turn a table round."""
    monkeypatch.setattr(c_layout, "LINES_IN_A_PART", 1)
    monkeypatch.setattr(c_layout, "TERMS_OF_A_COPY", 1)
    rng, draws = random.Random(3), Draws(12)
    xs, y = draws.values(300), draws.value()
    read = [v * xs[0] for v in xs]
    terms = [(35, 8), (33, 9), (40, 8), (32, 12)]
    outputs = [[autograd.sum([rng.choice(read) for _ in range(n)]) for _ in range(sums)] for sums, n in terms]
    check_batches(network((*outputs, y * 2.0), xs, y, batched=[1]), [1, 9], reduces=("sum",))


@pytest.mark.parametrize("lines, parts", [(600, 1), (700, 5)])  # one part of up to 600 lines, or parts of up to 150
def test_long_programs_of_numbers_are_in_short_parts(lines: int, parts: int) -> None:
    """Of these, gcc's time grows faster than their length."""
    x, steps = Value(0.5), [Value(0.25)]
    while len(steps) <= lines:
        steps.append(steps[-1] * x)
    program = lower([steps[-1]], [x, steps[0]])
    inputs = Signature([0, 1], program.outputs[0], [False, False], None)
    assert len(c_layout.Layout(straight(program, inputs), inputs).once) == parts


@pytest.mark.parametrize("rows, height", cases([(13, 7)], campaign=[(12, 12)]))  # two tiles of 7 of 13 rows overlap
def test_what_follows_each_sum_alone(rows: int, height: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is computed with the sum, if it reads no other and nothing that is made later; nothing is added twice."""
    for name, number in [("MOST_STRAIGHT", 0), ("TERMS_OF_A_KIND", 1), ("TERMS_OF_AN_ENTRY", 0)]:
        monkeypatch.setattr(c, name, number)
    draws = Draws(14)
    x, y, bias = draws.values(5), draws.values(rows), draws.values(rows)
    weights = [[draws.values(n) for _ in range(rows)] for n in (5, 4, rows)]
    one, other = ([autograd.dot(w, x[: len(w)]) for w in layer] for layer in weights[:2])
    squares = [v * v for v in one]
    turned = [v - u for v, u in zip(one, one[::-1], strict=True)]  # reads two sums
    chain = [(s - t).relu() + v for s, t, v in zip(squares, y, one, strict=True)]
    both = [a / b for a, b in zip(one, other, strict=True)]
    columns = [[v - t for t in x[:3]] for v in other]
    last = [(autograd.dot(w, chain) + b).relu() for w, b in zip(weights[2], bias, strict=True)]
    loss = autograd.sum([p * q for p, q in zip(last, both, strict=True)])
    gradients = [grad(loss, part) for part in (bias, x, y, *weights)]
    outputs = (squares, turned, *columns, chain[::-1], other, both, loss, *gradients)
    of = in_pieces(network(outputs, *weights, bias, x, y, batched=[4, 5]))
    check_batches(of, [1, 2, 7, 8, 9, 17, 130], reduces=(None, "mean"))
    check_batches(of, [1, 9], reduces=(None,), special=0.1)
    assert f"    ROWS({height}) {{\n" in of.compile("c").source  # there are such statements


def ragged(lengths: Sequence[int], seed: int, terms: str = "products") -> ScalarNetwork:
    """Record sums of these lengths, of elements from anywhere, then sums of these sums, and the gradients.

    Arguments:
        terms: "products" of two, "multiples" by constants, or "values".
    """
    rng, draws = random.Random(seed), Draws(seed)
    w, x = draws.values(max(1, sum(lengths))), draws.values(23)
    left, xs, layers = iter(w), x, list[list[Value]]()
    for _ in range(2):
        layers.append([])
        for n in rng.sample(lengths, len(lengths)):
            read = [rng.choice(xs) for _ in range(n)]
            if terms == "products":
                total = autograd.dot([next(left, w[0]) for _ in read], read)
            else:
                factors = (1.0, 0.5, -3.0) if terms == "multiples" else (1.0,)
                total = autograd.sum([v * rng.choice(factors) for v in read])
            layers[-1].append(total if isinstance(total, Value) else Value(total))
        xs = [*(v.tanh() for v in layers[-1]), *x[:3]]
    loss = autograd.sum(layers[-1])
    return network((layers[0], loss, grad(loss, w), grad(loss, x)), w, x, batched=[1], seed=seed)


RAGGED = [
    [0, 1, 2, 3, 0, 500, 1, 2, 7, 40, 500, 41, 1, 0, 333],
    [n % 19 for n in range(0, 280, 7)],
    [*range(34), *range(17)],
]


TERMS = ["products", "multiples", "values"]
USUAL = [(0, "multiples"), (2, "values")]
"""Of sums of many lengths: those in a batch take seconds to compile."""


@pytest.mark.parametrize(
    ("k", "terms"),
    cases(USUAL, campaign=[case for case in itertools.product(range(len(RAGGED)), TERMS) if case not in USUAL]),
)
def test_sums_of_many_lengths_of_elements_from_anywhere(k: int, terms: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is padded, so a sum of no terms, and of terms -0.0, keeps its sign; nan and inf are where they were."""
    monkeypatch.setattr(c, "MOST_IRREGULAR", 0)
    of = ragged(RAGGED[k], k, terms)
    function = in_pieces(of)._replace(options={}).compile("c")
    assert "const int *restrict" in function.source  # elements are read through tables
    check_alone(of, seed=k)
    check_alone(of, seed=k, special=0.1)
    if k:
        check_batches(of, [1, 3, 8, 13], reduces=([None, "sum", "mean"][k],), seed=k, special=0.03 * (k == 1))


KINDS = {
    **{
        name: [BIG_NETWORKS[name]]
        for name in ["mlp, weights then biases", "convolution 1-D", "attention", "transformer"]
    },
    "tables": [BIG_NETWORKS["factorised"], BIG_NETWORKS["neighbours"]],
    "the same weights again": [NETWORKS["recurrent, mean"], NETWORKS["gated"], NETWORKS["tied, products"]],
    "windows": [NETWORKS["convolution 1-D, stride"], NETWORKS["convolution 2-D, left out, mean"]],
    "lists": [NETWORKS["maxout, sum"], NETWORKS["experts"], NETWORKS["attention, causal"]],
    "axes": [BIG_NETWORKS["tied"], NETWORKS["turned"]],
    "several segments": [BIG_NETWORKS["skips, concatenated"], BIG_NETWORKS["autoregressive"]],
    "constants": [NETWORKS["odd constants"], NETWORKS["outputs of all kinds"]],
    "samples in the graph": [BIG_NETWORKS["whole batch"], NETWORKS["pixels"]],
    "higher derivatives": [NETWORKS["curvature"], NETWORKS["steps of descent"], NETWORKS["physics"]],
}
"""Networks, some of them in one program."""


@pytest.mark.parametrize("name", cases([*KINDS][::5], campaign=[name for i, name in enumerate(KINDS) if i % 5]))
def test_networks_of_many_kinds(name: str) -> None:
    """In a batch; those without one are the same for all samples. Each is computed alone as well."""
    seed, networks = list(KINDS).index(name), [make() for make in KINDS[name]]
    reduce = [None, "sum", "mean", None][seed % 4]
    of = together(networks)
    if of.options:
        check_batches(of, [1, 2, 5, 8, 11, 16, 23, 40], reduces=(reduce,), seed=seed, special=0.02 * (seed % 2))
    else:
        check_alone(of, seed=seed)


@pytest.mark.parametrize("seed", cases([4], campaign=[0, 2, 5]))
def test_random_programs(seed: int) -> None:
    """Such as those of the campaign."""
    check_random(random.Random(seed))


# Arguments and results -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", cases([1], campaign=[0, 2, 3]))
def test_leaves_of_layers_in_any_arguments(seed: int) -> None:
    """Lone numbers, lists and nested lists, in which parameters and inputs are mixed; any of them are batches."""
    rng = random.Random(seed)
    of = mixed_arguments(side_by_side([(5, 7), (3, 4)], seed=seed), rng)
    check_batches(of, [1, 2, 3, 7, 8, 9, 17, 33], reduces=([None, "sum", None, "mean"][seed],), seed=seed)


def test_many_arguments() -> None:
    draws = Draws(1)
    columns, x = [draws.values(3) for _ in range(19)], draws.values(3)
    y = [autograd.dot(column, x).tanh() for column in columns]
    outputs = (y, grad(autograd.sum(y), [*columns, x]))
    batched = [k for k in range(20) if k % 3 == 0]
    check_batches(network(outputs, *columns, x, batched=batched), [1, 5, 8, 19], reduces=(None, "mean"))


@pytest.mark.parametrize("seed", cases([0], campaign=[1, 2, 3]))
def test_outputs_of_all_kinds(seed: int) -> None:
    """Also arguments and constants, and any of them several times, in runs forwards, backwards and with gaps."""
    rng = random.Random(seed)
    of = chosen_outputs(side_by_side([(9, 5), (4, 11)], seed=seed), rng)
    check_batches(of, [1, 2, 3, 7, 8, 9, 17, 33], reduces=([None, "sum", None, "mean"][seed],), seed=seed)


def test_outputs_that_are_only_passed_on() -> None:
    w, x, (t,) = Draws(2).values(13), Draws(3).values(11), Draws(4).values(1)
    constants = [Value(c) for c in (0.5, -0.0, math.inf, math.nan)]
    outputs = (x[::-1], w, x[0], constants, [*x[::2], *w[::3], t], [t] * 19, w[4], constants[1])
    of = network(outputs, w, x, t, batched=[1])
    check_batches(of, [1, 2, 7, 8, 9, 31, 129], reduces=(None, "sum"), special=0.2)


@pytest.mark.parametrize("reduce", cases(["sum"], campaign=["mean"]))
def test_penalties_beside_the_sum_over_samples(reduce: str) -> None:
    """The penalty is added once for each sample in a sum, once in a mean, to losses and to gradients of all sizes."""
    draws, outputs, inputs = Draws(5), list[Any](), list[Any]()
    x, t = draws.values(13), draws.value()
    for nin, nout in [(13, 3), (1, 9), (7, 8), (4, 1)]:
        layer = dense(draws, nin, nout)
        data = autograd.sum([(y - t) ** 2 for y in layer(x[:nin], "tanh")])
        weights = tree_leaves(layer.w)
        for penalty in (
            0.1 * autograd.dot(weights, weights),
            0.01 * sum(w * w for w in layer.by_neuron()),
            sum(abs(b) for b in layer.b) + weights[0].exp(),
        ):
            loss = data + penalty
            outputs += [loss, penalty, *grad(loss, [layer.w, layer.b])]
        inputs += [layer.w, layer.b]
    of = network(tuple(outputs), *inputs, x, t, batched=[len(inputs), len(inputs) + 1])
    check_batches(of, [1, 2, 3, 7, 8, 9, 16, 33, 100], reduces=(reduce,))


# Numbers that tell ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("n", cases([3], campaign=[1, 13]))
def test_signs_of_zeros_infinities_nans_and_tiny_numbers(n: int) -> None:
    """Sums start from 0.0, and chains of additions from their first term; nothing is skipped, and nothing flushed."""
    draws = Draws(6)
    w, x = draws.matrix(7, 13), draws.values(13)
    rows = [row[:n] for row in w]
    chains = list[Value]()
    for row in rows:
        total = row[0] * x[0]
        for wi, xi in zip(row[1:], x[1:], strict=False):
            total = total + wi * xi
        chains.append(total)
    outputs: list[Any] = [
        [autograd.dot(row, x[:n]) for row in rows],
        chains,
        [autograd.sum([a * b for a, b in zip(row, x, strict=False)]) for row in rows],
        [sum((a * b for a, b in zip(row, x, strict=False)), x[-1]) for row in rows],
        [autograd.largest([a * b for a, b in zip(row, x, strict=False)]) for row in rows],
        [autograd.where(row[0], x[0], -x[-1]) for row in rows],
        [autograd.relu(row[-1] * x[n - 1]) for row in rows],
        grad(autograd.sum(chains), [w, x]),
    ]
    of = network(tuple(outputs), w, x, batched=[1])
    for seed in range(3):
        numbers = random.Random(seed)
        special = [[numbers.choice([0.0, -0.0, 0.0, -0.0, 5e-324, -2e-308, math.inf, 1.5]) for _ in x] for _ in w]
        given = of._replace(
            arguments=([[*map(abs, row)] for row in special] if seed == 2 else special, *of.arguments[1:])
        )
        check_batches(given, [1, 3, 8, 37], reduces=(None, "sum") if seed == 0 else (None,), special=0.4, seed=seed)


def test_results_and_gradients_of_zeros_only() -> None:
    of = side_by_side([(7, 13), (16, 8), (3, 33)], plain=True)
    for zero in (0.0, -0.0):
        zeros = of._replace(
            arguments=tuple(
                [[zero] * len(argument[0])] * 3 if axis == 0 else np.full(np.shape(argument), zero).tolist()
                for argument, axis in zip(of.arguments, of.options["in_axes"], strict=True)
            )
        )
        function, want = in_pieces(reduced(zeros, None)).compile("c"), kept_outputs(in_pieces(zeros), 3)
        check_bits(rows_of(function(*first_samples(zeros, 3)), 3), want)


# Programs of many steps, batches of many samples ---------------------------------------------------------------------


def test_long_sums() -> None:
    """Of thousands of terms: alone, of a batch, a few of them side by side, and of unlike parts."""
    draws = Draws(7)
    w, x, y = draws.values(2_003), draws.values(2_003), draws.values(5)
    outputs = [
        autograd.dot(w, x),
        autograd.sum([*x[::-1], *y, *w[:1001]]),
        sum((a * b for a, b in zip(w[:999], x[::-1], strict=False)), y[0]),
        [autograd.dot(w[k : k + 501], x[::-1][k : k + 501]) + y[k] for k in range(5)],
        autograd.sum([a * c for c in y for a in x[:301]]),
        autograd.largest(x),
    ]
    of = network((*outputs, grad(outputs[2], [y, x[::50]])), w, x, y, batched=[1])
    check_batches(of, [1, 2, 9, 17], reduces=(None,))
    check_batches(of._replace(outputs=of.outputs[:3]), [1, 2, 9, 17], reduces=("sum",))


def test_a_large_network() -> None:
    check_batches(mlp((131, 33, 9), reduce=None), [1, 5, 32, 129], reduces=(None, "mean"))
    check_alone(mlp((97, 41, 3), samples=0))


@pytest.mark.parametrize("reduce", cases(["mean"], campaign=[None]))
def test_so_many_samples_that_there_are_several_calls(reduce: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch that takes long is computed in slices, between which Ctrl-C is looked for; so are its sums."""
    of = side_by_side([(9, 17), (17, 2), (1, 1)], plain=True)
    weights, x = Draws(8).values(501), Draws(9).value()
    penalty = autograd.sum([w * w for w in weights])  # takes longer than a sample
    monkeypatch.setattr(c, "_TERMS_OF_A_CALL", 2**16)
    check_batches(of, [10_007, 1024, 1000, 129, 1], reduces=(reduce,))
    check_batches(network((x * weights[3] + penalty, x), weights, x, batched=[1]), [30_007, 9], reduces=(reduce,))


def test_ctrl_c_ends_a_long_call_of_a_network() -> None:
    of = mlp((3, 99, 99, 1), reduce="mean")
    f, reference = of.compile("c"), of.compile("python")
    w, x, t = first_samples(with_samples(of, 3, random.Random(0)), 3)
    n = 2_000_000  # five seconds
    many = np.resize(x, (n, 3)), np.resize(t, (n, 1))
    with ctrl_c_after(0.2) as sent:
        with pytest.raises(KeyboardInterrupt):
            f(w, *many)
        assert time.process_time() - sent[0] < 1  # 0.1
    got, want = f(w, x, t), reference(w.tolist(), x.tolist(), t.tolist())
    assert np.hstack([got[0], *got[1]]).tolist() == pytest.approx(tree_leaves(want), rel=1e-12)


@pytest.mark.slice
@pytest.mark.parametrize("sizes", [(3, 5, 2), (17, 41, 5)])
@pytest.mark.parametrize("samples", [0, 1, 33])
def test_fed_back_it_is_called_again_and_again(sizes: Sequence[int], samples: int) -> None:
    """Steps of descent on a batch, whose sums may be added in any order, but in the same one each time."""
    of = mlp(sizes, reduce="mean", samples=samples)
    _, gradients = of.outputs
    (parameters,) = of.inputs[:1]
    steps = [p - 0.1 * g for p, g in zip(parameters, *gradients, strict=True)]
    of = of._replace(outputs=steps)
    f, reference = of.compile("c"), of.compile("python")
    state, *rest = of.arguments
    start = list(state)
    for times in (0, 1, 2, 5):
        want, wanted = state, f.repeat(times, state, *rest)
        for _ in range(times):
            want = f(want, *rest)
        check_bits(np.array([wanted]), np.array([want]), f"{times} times")
        theirs = reference.repeat(times, state, *rest)
        if samples > 1:
            assert wanted == pytest.approx(theirs, rel=1e-9)
        else:
            check_bits(np.array([wanted]), np.array([theirs]), f"{times} times")
    assert state == start


# Memory, threads, compilers ------------------------------------------------------------------------------------------


def test_results_go_into_arrays_and_nowhere_else() -> None:
    of = in_pieces(side_by_side([(7, 3), (2, 9), (5, 1)], seed=3))
    for reduce in (None, "mean"):
        f = reduced(of, reduce).compile("c")
        for n in (1, 7, 8, 21, 1000):
            given = with_samples(of, n, random.Random(n))
            results = f(*first_samples(given, n))
            around, out = [], []
            for piece in results:
                memory = np.full(np.size(piece) + 32, 7.25)
                around.append(memory)
                out.append(memory[16 : np.size(piece) + 16].reshape(np.shape(piece)))
            assert f(*first_samples(given, n), out=tuple(out))
            for memory, piece, array in zip(around, results, out, strict=True):
                assert memory[:16].tolist() == memory[-16:].tolist() == [7.25] * 16
                check_bits(np.ravel(array), np.ravel(piece))


def test_threads_call_one_function_at_once() -> None:
    """One that takes memory of its own for what it computes, and one that does not."""
    for of in (mlp((23, 37, 5), reduce="sum"), side_by_side([(9, 17)], plain=True)):
        f = of.compile("c")
        arguments = [first_samples(with_samples(of, n, random.Random(n)), n) for n in (1, 9, 40, 200, 333)]
        want = [[np.ravel(part).tobytes() for part in tree_leaves(f(*one))] for one in arguments]

        def called(k: int, f: Any = f, arguments: Any = arguments, want: Any = want) -> bool:
            got = [np.ravel(part).tobytes() for part in tree_leaves(f(*arguments[k % 5]))]
            return bool(got == want[k % 5])

        with ThreadPoolExecutor(4) as pool:
            assert all(pool.map(called, range(200)))


GUARDED = [
    lambda: side_by_side([(9, 5), (3, 17)], plain=True),
    lambda: together([NETWORKS["convolution 1-D, padded, max"](), NETWORKS["maxout"](), NETWORKS["factorised"]()]),
    lambda: mixed_arguments(side_by_side([(5, 7), (6, 11)], seed=1), random.Random(1)),
    lambda: mlp((67, 33, 5), reduce=None),
    lambda: ragged([n % 13 for n in range(0, 77, 7)], 3),
    lambda: ragged([n * n for n in range(9)], 4, "multiples"),
]


def guarded_calls(of: ScalarNetwork, reduce: str | None, counts: Sequence[int]) -> tuple[list[Call], list[Any]]:
    """Return calls for these numbers of samples, and the outputs for each sample."""
    of = with_samples(in_pieces(of), max(counts), random.Random(0))
    kept = kept_outputs(of, max(counts))
    size = kept.shape[1]
    return [Call(n, first_samples(of, n, arrays=False), size if reduce else n * size) for n in counts], [
        kept[:n] for n in counts
    ]


def check_guarded(of: ScalarNetwork, reduce: str | None, got: Sequence[Any], kept: Sequence[Any]) -> None:
    """Compare what the program wrote, piece by piece, with the outputs for each sample."""
    sizes = [len(tree_leaves(piece)) for piece in in_pieces(of).outputs]
    for numbers, rows in zip(got, kept, strict=True):
        if reduce:
            check_sums(numbers, rows, reduce == "mean")
            continue
        n = len(rows)
        pieces = np.split(numbers, np.cumsum(sizes)[:-1] * n)
        check_bits(np.hstack([piece.reshape(n, size) for piece, size in zip(pieces, sizes, strict=True) if size]), rows)


needs_linux = pytest.mark.skipif(sys.platform != "linux", reason="the program that calls it is for Linux")


@needs_linux
@pytest.mark.parametrize("k", cases([0], campaign=[1, 2, 3]))
def test_no_memory_is_touched_but_arguments_and_results(k: int, tmp_path: Path) -> None:
    """Arrays are next to pages that cannot be read, arguments cannot be written, and the stack is small."""
    of, reduce, counts = GUARDED[k](), ["mean", None][k % 2], [1, 2, 3, 5, 7, 8, 9, 15, 16, 17, 31, 33, 40]
    calls, kept = guarded_calls(of, reduce, counts)
    compiler = compiler_command(os.environ.get("CC", ""))
    path = guarded.program(tmp_path, reduced(of, reduce).compile("c").source, compiler, *native_options(compiler))
    for where in ("end", "start"):
        check_guarded(of, reduce, guarded.called(path, where, calls), kept)


@needs_linux
@pytest.mark.parametrize("k", cases([], campaign=[0, 1, 2, 3]))
def test_sanitizers_find_nothing(k: int, tmp_path: Path) -> None:
    if not shutil.which("gcc"):
        lacking("gcc is missing")
    of, reduce, counts = GUARDED[k](), [None, "sum"][k % 2], [1, 7, 8, 13, 33]
    calls, kept = guarded_calls(of, reduce, counts)
    path = guarded.program(tmp_path, reduced(of, reduce).compile("c").source, ["gcc"], *SANITIZED)
    check_guarded(of, reduce, guarded.called(path, "heap", calls), kept)


def native_options(compiler: Sequence[str]) -> list[str]:
    """Return the options for this processor, without those that fuse products and sums."""
    return ["-march=native", "-mno-fma", "-mno-avx512f"] if platform.machine() == "x86_64" else []


COMPILERS = ["gcc -mno-avx512f", "gcc -mno-avx", "clang", "clang -mno-avx512f", "clang -mno-avx"]


def macros(command: Sequence[str]) -> str:
    return run([*command, "-march=native", "-dM", "-E", "-x", "c", os.devnull])


@pytest.mark.skipif(platform.machine() != "x86_64", reason="the options are those of x86")
@pytest.mark.parametrize(
    "chosen", cases([], campaign=["gcc -mno-avx512f", "gcc -mno-avx", "clang", "clang -mno-avx512f", "clang -mno-avx"])
)
def test_the_bits_of_each_compiler_with_vectors_of_each_length(chosen: str, monkeypatch: pytest.MonkeyPatch) -> None:
    command = shlex.split(chosen)
    if not shutil.which(command[0]):
        lacking(f"{command[0]} is missing")
    for option in command[1:]:
        assert f"__{option.removeprefix('-mno-').upper()}__ " not in macros(command)
    monkeypatch.setenv("CC", chosen)
    seed = COMPILERS.index(chosen)
    of = together([side_by_side([(9, 17), (3, 4)], seed=seed, plain=True), NETWORKS["attention, causal"]()])
    check_batches(of, [1, 2, 3, 4, 5, 7, 8, 9, 17, 33, 129], reduces=(None, "mean"), seed=seed, special=0.01)


# Mistakes are found --------------------------------------------------------------------------------------------------


def test_a_wrong_bit_and_a_lost_sample_are_noticed() -> None:
    rows = np.random.default_rng(0).normal(size=(1_000, 9))
    wrong = rows.copy()
    wrong[999, 8] = np.nextafter(wrong[999, 8], 9.0)
    check_bits(rows.copy(), rows)
    with pytest.raises(AssertionError, match=r"1 differ; at \(999, 8\)"):
        check_bits(wrong, rows)
    with pytest.raises(AssertionError, match="1 differ"):
        check_bits(np.array([0.0]), np.array([-0.0]))
    check_sums(rows[::-1].sum(axis=0), rows)
    check_sums(rows.mean(axis=0), rows, mean=True)
    for sums in (rows[1:].sum(axis=0), rows.sum(axis=0) + rows[5], rows.astype(np.float32).sum(axis=0, dtype=float)):
        with pytest.raises(AssertionError, match="1000 samples: 9 sums differ"):
            check_sums(sums, rows)
    infinite = np.array([[1.0], [math.inf]])
    check_sums(np.array([math.inf]), infinite)
    for sums in (np.array([math.nan]), np.array([-math.inf]), np.array([1.0])):
        with pytest.raises(AssertionError, match="1 sums differ"):
            check_sums(sums, infinite)


PLANTED = {
    "a read behind an argument": ("out[0] = a[0][n]", "end", "-11"),
    "a read before an argument": ("out[0] = a[0][-1]", "start", "-11"),
    "a write behind the results": ("out[n] = 1.0", "end", "-11"),
    "a write before the results": ("out[-1] = 1.0", "end", "byte -8 of an array of 8 bytes was written"),
    "a write behind the work": ("work[work_bytes] = 1", "end", "-11"),
    "a write into an argument": ("((double *)a[0])[0] = 1.0", "end", "-11"),
    "what was in the work": ("out[0] = *(double *)work", "end", "status 4"),
    "a large array on the stack": ("volatile char large[400000]; large[0] = large[399999] = 0", "end", "-11"),
    "a read behind an argument, on the heap": ("out[0] = a[0][n]", "heap", "heap-buffer-overflow"),
    "a write behind the work, on the heap": ("work[work_bytes] = 1", "heap", "heap-buffer-overflow"),
    "a vector that is not aligned": ("out[0] = ((const V *)(a[0] + 1))[0][1]", "heap", "misaligned address"),
}
"""Statements, where the arrays are, and what is said."""


@needs_linux
@pytest.mark.parametrize("sanitized", [False, True])
def test_mistakes_of_memory_are_noticed(sanitized: bool, tmp_path: Path) -> None:
    cases = "".join(f"case {i}: {statement}; break;\n" for i, (statement, _, _) in enumerate(PLANTED.values()))
    source = f"""/* compile it with: cc -O1 */
    typedef double V __attribute__((vector_size(16)));
    const long long work_bytes = 64;
    void called(long long n, const double *const *a, double *out, char *work)
    {{
        out[0] = 0.0;
        switch ((int)a[1][0]) {{
        {cases}
        }}
    }}"""
    path = guarded.program(tmp_path, source, ["gcc"], *(SANITIZED if sanitized else []))
    for where in ["heap"] if sanitized else ["end", "start"]:
        (out,) = guarded.called(path, where, [Call(3, [[1.0, 2.0, 3.0], [-1.0]], 1)])
        assert out.tolist() == [0.0]
    for i, (_, where, said) in enumerate(PLANTED.values()):
        if (where == "heap") == sanitized:
            with pytest.raises(AssertionError, match=said):
                guarded.called(path, where, [Call(3, [[1.0, 2.0, 3.0], [float(i)]], 1)])
