"""Lifted programs, run by an interpreter of a few lines, compute what the programs do that they come from."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import pytest
from cases import examples
from hypothesis import given
from hypothesis import strategies as st
from programs import same
from scalar_networks import (
    ARRANGED,
    NETWORKS,
    WEIGHTED,
    ScalarNetwork,
    attention,
    convolution_1d,
    convolution_2d,
    demo,
    library_mlp,
    maxout,
    mixed_sums,
    mlp,
    normalised_layers,
    product_of_matrices,
    random_network,
    recurrent,
    skips,
    tied,
    whole_batch,
)

import autograd
from autograd import Value
from autograd.codegen.arguments import Signature
from autograd.codegen.array_program import (
    Array,
    ArrayProgram,
    Call,
    Expression,
    Fold,
    Segment,
    Sum,
    View,
    row_major,
    views_of,
)
from autograd.codegen.backend import spelled_out
from autograd.codegen.lifting import lifted
from autograd.codegen.program import Program, varying_values, without_fixed_terms
from autograd.floats import sum_
from autograd.trees import tree_leaves, tree_map

# The interpreter -----------------------------------------------------------------------------------------------------

Numbers = dict[Array, Any]
"""The numbers of arrays, in the last axis; with a batch, an array that varies has an axis of samples before it."""


def places_of(view: View, loops: Sequence[int]) -> Any:
    """Return the places in the array, in an axis for each loop."""
    steps = np.indices(loops)
    places = np.full(loops, view.start) + sum(stride * i for stride, i in zip(view.strides, steps, strict=True))
    return np.array(view.table)[places] if view.table else places


def value_of(x: Expression, loops: tuple[int, ...], numbers: Numbers) -> Any:
    """Return the value in an axis for each loop, perhaps in one of samples before them."""
    if isinstance(x, View):
        return numbers[x.array][..., places_of(x, loops)]
    if isinstance(x, Call):
        return called(x.op, [value_of(operand, loops, numbers) for operand in x.operands])
    if isinstance(x, Sum):
        total = x.head
        for term in terms_of(x.segments, loops, numbers):
            total = total + term
        return total
    if isinstance(x, Fold):
        return called(x.op, [term for segments in x.lists for term in terms_of(segments, loops, numbers)])
    return np.full(loops, x)


def terms_of(segments: Sequence[Segment], loops: tuple[int, ...], numbers: Numbers) -> Iterator[Any]:
    """Yield the products of the segments, those of each in the order of its loops."""
    for terms, factors in segments:
        product = math.prod(value_of(x, loops + terms, numbers) for x in factors)
        yield from np.moveaxis(product.reshape(*product.shape[: product.ndim - len(terms)], -1), -1, 0)


def called(op: Any, operands: Sequence[Any]) -> Any:
    """Return what an operation computes of floats, one by one."""
    return np.vectorize(op.computes, otypes=[float])(*operands)


def run(program: ArrayProgram, arguments: Sequence[Any], samples: int = 1) -> list[Any]:
    """Return the outputs, each a number, or one for each sample if it varies.

    Arguments:
        arguments: the numbers of each argument, in an axis; in one before it are the samples, if it varies.
    """
    numbers: Numbers = dict(zip(program.arguments, arguments, strict=True))
    numbers |= {array: np.array(array.constants) for array in program.constants}
    for target, loops, value in program.statements:
        array = target.array
        result = value_of(value, loops, numbers)
        if array.total:
            result = np.broadcast_to(result, (samples, *loops)).sum(axis=0, initial=0.0)
        if array not in numbers:
            numbers[array] = np.full((samples, array.length) if array.varies else array.length, math.nan)
        numbers[array][..., places_of(target, loops)] = result
    return [x if isinstance(x, float) else numbers[x[0]][..., x[1]] for x in program.outputs]


# What it has to be ---------------------------------------------------------------------------------------------------


class Lifted(NamedTuple):
    """A network's program, and what it is lifted to."""

    program: Program
    signature: Signature
    arrays: ArrayProgram


def lifted_network(network: ScalarNetwork, *, exact: bool = True) -> Lifted:
    program, signature, _ = without_fixed_terms(*spelled_out(*network.lowered(), "arrays", folds=False))
    return Lifted(program, signature, lifted(program, signature, exact=exact))


def check_results(of: Lifted, arguments: Sequence[Any], tolerance: float = 0.0) -> None:
    """Compare with the program, run on each sample: the bits, and sums over samples to rounding.

    Arguments:
        tolerance: that of all results, relative to the largest of them, in place of the bits.
    """
    program, signature, arrays = of
    flat = [
        np.array([tree_leaves(sample) for sample in argument] if batched else tree_leaves(argument), float)
        for argument, batched in zip(arguments, signature.batched, strict=True)
    ]
    samples = len(flat[signature.batched_arguments[0]]) if signature.batch else 1
    rows = []
    for i in range(samples):
        sample = [part[i] if batched else part for part, batched in zip(flat, signature.batched, strict=True)]
        rows.append(program.results(x for part in sample for x in part.tolist()))
    with np.errstate(all="ignore"):
        results = run(arrays, flat, samples)
    largest = max((abs(x) for row in rows for x in row if math.isfinite(x)), default=0.0)
    for output, got, want in zip(arrays.outputs, results, zip(*rows, strict=True), strict=True):
        if isinstance(output, tuple) and output[0].total:
            total = sum_(*want)
            close = 1e-13 * sum(map(abs, want)) + tolerance * largest
            assert same(float(got), total) or abs(got - total) <= close
        else:
            for x, y in zip(np.broadcast_to(got, samples).tolist(), want, strict=True):
                assert same(x, y) or (tolerance and abs(x - y) <= tolerance * largest)


def views_in(value: Expression, loops: tuple[int, ...]) -> Iterator[tuple[View, tuple[int, ...]]]:
    """Yield the views that a value reads, each with its loops."""
    if isinstance(value, View):
        yield value, loops
    elif isinstance(value, Call):
        for operand in value.operands:
            yield from views_in(operand, loops)
    elif not isinstance(value, float):
        for terms, factors in itertools.chain(*(value.lists if isinstance(value, Fold) else [value.segments])):
            for factor in factors:
                yield from views_in(factor, loops + terms)


def check_form(of: Lifted) -> None:
    """Elements are computed before they are read, and each once; what varies, and totals, are where they should be."""
    program, signature, arrays = of
    known = {array: np.ones(array.length, bool) for array in [*arrays.arguments, *arrays.constants]}
    assert [a.varies for a in arrays.arguments] == list(signature.batched)
    assert all(len(array.constants) == array.length for array in arrays.constants)
    varying_arrays = set[Array]()
    for target, loops, value in arrays.statements:
        reads = list(views_in(value, loops))
        for view, rounds in [(target, loops), *reads]:
            assert len(view.strides) == len(rounds)
            if view.table:
                assert (view.start, view.strides, len(view.table)) == (0, row_major(rounds), math.prod(rounds))
            places = places_of(view, rounds)
            assert 0 <= places.min() <= places.max() < view.array.length
        for view, rounds in reads:
            assert known[view.array][places_of(view, rounds)].all()
            assert not view.array.total
        array = target.array
        done = known.setdefault(array, np.zeros(array.length, bool))
        places = places_of(target, loops).ravel()
        assert not done[places].any()
        assert len(set(places.tolist())) == len(places)
        done[places] = True
        if any(view.array.varies for view, _ in reads) or (array.varies and isinstance(value, float)):  # a fold's
            varying_arrays.add(array)
    for array in {statement.target.array for statement in arrays.statements}:
        assert (array.varies or array.total) == (array in varying_arrays)
        assert not (array.varies and array.total)
    assert all(done.all() for done in known.values())
    varying = varying_values(program, signature)
    assert len(arrays.outputs) == len(program.outputs)
    for x, output in zip(program.outputs, arrays.outputs, strict=True):
        if isinstance(output, tuple):
            array, place = output
            assert known[array][place]
            assert x in varying or not (array.varies or array.total)  # what folds may vary no longer
            assert not (array.varies if signature.reduce else array.total)
        else:
            assert type(x) is float
            assert same(x, output)


TOLERANCE = 1e-9
"""Where bits are not kept: some gradients are small differences of large numbers."""


@pytest.mark.slice(most=28)
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_each_kind(name: str) -> None:
    network = NETWORKS[name]()
    of = lifted_network(network)
    check_form(of)
    check_results(of, network.arguments)
    check_results(of, with_odd_numbers(random.Random(1), network.arguments))
    free = lifted_network(network, exact=False)
    check_form(free)
    check_results(free, network.arguments, TOLERANCE)


def with_odd_numbers(rng: random.Random, arguments: Any) -> Any:
    """Return arguments of which some numbers are zeros of either sign, infinities or nan, in some rounds very many."""
    share = rng.choice([0.1, 0.9])
    odd = [0.0, -0.0, 1.0, *([math.inf, -math.inf, math.nan] if rng.random() < 0.5 else [])]
    return tree_map(lambda x: rng.choice(odd) if rng.random() < share else x, arguments)


@examples(40)
@given(st.randoms(use_true_random=False))
def test_random_networks(rng: random.Random) -> None:
    network = random_network(rng)
    of = lifted_network(network)
    check_form(of)
    check_results(of, network.arguments)
    check_results(of, with_odd_numbers(rng, network.arguments))
    free = lifted_network(network, exact=False)
    check_form(free)
    check_results(free, network.arguments, TOLERANCE)


# What it looks like, and how few statements it has --------------------------------------------------------------------


def test_a_small_network_reads_as_on_paper() -> None:
    """As matrices: h = tanh(W x + b), y = V h + c, and gradients that are outer products, added over samples."""
    assert mlp((2, 3, 1)).compile("python").arrays.splitlines() == [
        "v0[i] = sum(a0[3 * i + j] * a1[j] for j < 2) + a0[3 * i + 2] for i < 3",
        "v1[i] = tanh(v0[i]) for i < 3",
        "v2[0] = sum(a0[i + 9] * v1[i] for i < 3) + a0[12]",
        "v3[0] = v2[0] - a2[0]",
        "v4[0] = v3[0] * 2.0",
        "v5[i] = (1.0 - (v1[i] * v1[i])) * (a0[i + 9] * v4[0]) for i < 3",
        "v6[0] = total(0.0 + (v3[0] ** 2.0))",
        "v7[2 * i + j] = total(a1[j] * v5[i]) for i < 3, j < 2",
        "v8[i] = total(v5[i]) for i < 3",
        "v9[i] = total(v1[i] * v4[0]) for i < 3",
        "v10[0] = total(v4[0])",
        "return out[0] = v6[0]; out[3 * i + j + 1] = v7[2 * i + j] for i < 3, j < 2; "
        "out[3 * i + 3] = v8[i] for i < 3; out[i + 10] = v9[i] for i < 3; out[13] = v10[0]",
    ]


def statements(network: ScalarNetwork) -> int:
    return len(lifted_network(network).arrays.statements)


SIZES: dict[str, tuple[int, list[Callable[[], ScalarNetwork]]]] = {
    **{
        f"one hidden layer, {weighted}": (
            15, [partial(mlp, sizes, weighted=weighted) for sizes in ((3, 4, 2), (16, 8, 10))]
        )
        for weighted in WEIGHTED
    },
    **{
        f"one hidden layer, {arranged}": (
            15, [partial(mlp, sizes, arranged=arranged) for sizes in ((3, 4, 2), (16, 8, 10))]
        )
        for arranged in ARRANGED
    },
    "64-32-10": (15, [partial(mlp, (64, 32, 10))]),
    "four hidden layers": (40, [partial(mlp, (n, n, n, n, n, 2)) for n in (4, 16)]),
    **{
        f"demo, {weighted}": (25, [partial(demo, samples, (n, n), weighted) for samples, n in ((10, 4), (100, 3))])
        for weighted in ("dot", "from the bias")
    },
    "cross-entropy": (27, [partial(library_mlp, n, (n, n)) for n in (3, 9)]),
    "normalised batch": (36, [partial(whole_batch, samples) for samples in (4, 9)]),
    "skips": (24, [partial(skips, n) for n in (3, 9)]),
    "recurrent": (24, [partial(recurrent, 3, n, n) for n in (3, 9)]),
    "tied": (12, [partial(tied, 2 * n, n) for n in (2, 6)]),
    "maxout": (18, [partial(maxout, n, n - 1, n) for n in (3, 6)]),
    "mixed sums": (75, [partial(mixed_sums, n) for n in (60, 120)]),
    "product of matrices": (10, [partial(product_of_matrices, n) for n in (3, 6)]),
    "convolution 1-D, stride": (15, [partial(convolution_1d, n, stride=2) for n in (9, 15)]),
    "convolution 1-D, max": (20, [partial(convolution_1d, n, pooled="max") for n in (8, 14)]),
    **{
        f"convolution 2-D, stride {stride}": (
            26,
            [
                partial(convolution_2d, n, 2, 2, 3, stride, weighted=weighted)
                for n, weighted in ((7, "dot"), (9, "from the bias"))
            ],
        )
        for stride in (1, 2, 3)
    },
    "convolution 2-D, mean": (30, [partial(convolution_2d, n, pooled="mean") for n in (6, 8)]),
    "convolution 1-D, padded": (20, [partial(convolution_1d, n, padded=True) for n in (7, 13)]),
    "convolution 2-D, zeros around": (30, [partial(convolution_2d, n, padding="zeros") for n in (5, 7)]),
    "convolution 2-D, left out": (34, [partial(convolution_2d, n, padding="left out") for n in (4, 6)]),
    "attention": (32, [partial(attention, n, 2 * n) for n in (3, 4)]),
    "normalised layers": (36, [partial(normalised_layers, n) for n in (4, 9)]),
}  # fmt: skip
"""Networks that differ in size alone, which are as many statements, and the most that these may be."""


@pytest.mark.slice(most=13)
@pytest.mark.parametrize("name", SIZES)
def test_a_larger_network_has_as_few_statements(name: str) -> None:
    most, networks = SIZES[name]
    counts = {statements(make()) for make in networks}
    assert len(counts) == 1
    assert max(counts) <= most


# Mistakes are noticed ------------------------------------------------------------------------------------------------


def with_one_changed(parts: Sequence[Any], change: Callable[[Any], Iterator[Any]]) -> Iterator[tuple[Any, ...]]:
    """Yield the sequence with one of its parts changed, in every way."""
    for i, part in enumerate(parts):
        for changed in change(part):
            yield (*parts[:i], changed, *parts[i + 1 :])


def deeper(change: Callable[[Any], Iterator[Any]], x: Any) -> Iterator[Any]:
    """Yield a value with one of its parts changed, at any depth."""
    yield from change(x)
    if isinstance(x, Call):
        yield from (Call(x.op, operands) for operands in with_one_changed(x.operands, partial(deeper, change)))
    elif isinstance(x, Sum):
        yield from (Sum(x.head, parts) for parts in with_one_changed(x.segments, partial(deeper, change)))
    elif isinstance(x, Fold):
        lists = partial(with_one_changed, change=partial(deeper, change))
        yield from (Fold(x.op, parts) for parts in with_one_changed(x.lists, lists))
    elif isinstance(x, Segment):
        yield from (Segment(x.terms, factors) for factors in with_one_changed(x.factors, partial(deeper, change)))


def exchanged_strides(x: Any) -> Iterator[Any]:
    if isinstance(x, View):
        for i, j in itertools.combinations(range(len(x.strides)), 2):
            if x.strides[i] != x.strides[j]:
                strides = list(x.strides)
                strides[i], strides[j] = strides[j], strides[i]
                yield x._replace(strides=tuple(strides))


def another_start(x: Any) -> Iterator[Any]:
    if isinstance(x, View):
        yield x._replace(start=x.start - 1 if x.start else 1)


def another_direction(x: Any) -> Iterator[Any]:
    if isinstance(x, View) and len(x.strides) == 1 and x.strides[0] and x.array.length > 1:
        yield x._replace(start=x.array.length - 1 - x.start, strides=(-x.strides[0],))


def a_segment_less(x: Any) -> Iterator[Any]:
    if isinstance(x, Sum):
        for i, segment in enumerate(x.segments):
            if any(isinstance(factor, View) for factor in segment.factors):  # squares can do without a 0.0 before them
                yield Sum(x.head, x.segments[:i] + x.segments[i + 1 :])


def a_term_less(x: Any) -> Iterator[Any]:
    if isinstance(x, Segment) and x.terms:
        yield Segment((x.terms[0] - 1, *x.terms[1:]), x.factors)


def a_factor_less(x: Any) -> Iterator[Any]:
    if isinstance(x, Segment) and len(x.factors) > 1:
        yield Segment(x.terms, x.factors[:1])


def exchanged_operands(x: Any) -> Iterator[Any]:
    if isinstance(x, Call) and x.op.name in ("sub", "div", "where") and x.operands[-1] != x.operands[-2]:
        yield Call(x.op, (*x.operands[:-2], x.operands[-1], x.operands[-2]))


def in_values(arrays: ArrayProgram, change: Callable[[Any], Iterator[Any]]) -> Iterator[ArrayProgram]:
    for changed in with_one_changed([s.value for s in arrays.statements], partial(deeper, change)):
        statements = [s._replace(value=value) for s, value in zip(arrays.statements, changed, strict=True)]
        yield arrays._replace(statements=statements)


def in_targets(arrays: ArrayProgram) -> Iterator[ArrayProgram]:
    for change in (exchanged_strides, another_start):
        for changed in with_one_changed([s.target for s in arrays.statements], change):
            statements = [s._replace(target=target) for s, target in zip(arrays.statements, changed, strict=True)]
            yield arrays._replace(statements=statements)


def in_the_order(arrays: ArrayProgram) -> Iterator[ArrayProgram]:
    for i, (first, second) in enumerate(pairwise(arrays.statements)):
        made = places_of(first.target, first.loops)
        reads = [
            places_of(*read) for read in views_in(second.value, second.loops) if read[0].array is first.target.array
        ]
        if any(np.isin(places, made).any() for places in reads):
            yield arrays._replace(statements=[*arrays.statements[:i], second, first, *arrays.statements[i + 2 :]])


def without_one(arrays: ArrayProgram) -> Iterator[ArrayProgram]:
    for rest in itertools.combinations(arrays.statements, len(arrays.statements) - 1):
        yield arrays._replace(statements=list(rest))


def in_outputs(arrays: ArrayProgram) -> Iterator[ArrayProgram]:
    outputs = arrays.outputs
    for i, (first, second) in enumerate(pairwise(outputs)):
        if first != second:
            yield arrays._replace(outputs=[*outputs[:i], second, first, *outputs[i + 2 :]])


MISTAKES: dict[str, Callable[[ArrayProgram], Iterator[ArrayProgram]]] = {
    **{
        change.__name__: partial(in_values, change=change)
        for change in (
            exchanged_strides, another_start, another_direction, a_segment_less, a_term_less, a_factor_less,
            exchanged_operands,
        )
    },
    **{change.__name__: change for change in (in_targets, in_the_order, without_one, in_outputs)},
}  # fmt: skip


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_in_any_place_is_noticed(mistake: str) -> None:
    places = 0
    for name in ("mlp, one sample", "convolution 1-D, stride", "product of matrices", "flow", "tied, products"):
        network = NETWORKS[name]()
        of = lifted_network(network)
        for wrong in MISTAKES[mistake](of.arrays):
            places += 1
            with pytest.raises((AssertionError, LookupError, ValueError)):
                check_form(of._replace(arrays=wrong))
                check_results(of._replace(arrays=wrong), network.arguments)
    assert places > 5


@pytest.mark.parametrize("stride", [1, 2])
def test_what_windows_see_is_gathered_once(stride: int) -> None:
    """The gradients of the weights read the windows of the outputs, turned round."""
    network = convolution_2d(6, 1, 2, 3, stride, padding="zeros", pooled="mean" if stride == 1 else "")
    program = lifted_network(network, exact=False).arrays
    gathers = [s for s in program.statements if isinstance(s.value, View) and s.value.table is not None]
    assert len(gathers) == 1
    readers = [s for s in program.statements if gathers[0].target.array in {v.array for v in views_of(s.value)}]
    assert len(readers) == 2
    assert sum(s.target.array.total for s in readers) == 1


def test_sums_start_from_zero_and_chains_of_additions_from_nothing() -> None:
    """The sign of a zero tells: 0.0 + -0.0 is 0.0, and nothing + -0.0 is -0.0."""
    xs, ws = [Value(-0.0) for _ in range(6)], [Value(1.0) for _ in range(6)]
    pairs = list(zip(xs[::2], xs[1::2], strict=True))
    outputs = [
        *[autograd.sum(pair) for pair in pairs],
        *[autograd.dot(pair, ws[:2]) for pair in pairs],
        *[x + y for x, y in pairs],
        *[x * ws[0] + y * ws[1] for x, y in pairs],
    ]
    for backend in ("python", "numpy"):
        results = autograd.compile(outputs, (xs, ws), backend=backend)([-0.0] * 6, [1.0] * 6)
        assert [math.copysign(1.0, z) for z in results] == [1.0] * 6 + [-1.0] * 6
    network = autograd.compile(outputs, (xs, ws), in_axes=(0, None), backend="numpy")
    assert [math.copysign(1.0, z) for z in network([[-0.0] * 6], [1.0] * 6)[0]] == [1.0] * 6 + [-1.0] * 6


def test_steps_of_many_kinds_are_not_lifted_for_their_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("autograd.codegen.compile.MOST_KINDS_SHOWN", 20)
    x = y = Value(0.5)
    for _ in range(30):
        y = y.sin()
    said = autograd.compile(y, x).arrays
    assert said.startswith("30 steps of more than 20 kinds")
    shown = autograd.compile(y, x, in_axes=0, backend="numpy").arrays  # which it prints from
    assert len(shown.splitlines()) > 1
    whole = demo(20, (4, 4), "dot").compile("python").arrays  # thousands of steps, of a few kinds
    assert len(whole.splitlines()) < 30
