"""What is printed for views, products and results of programs on arrays, against plain indexing; lifted programs under
the transformations of JAX and PyTorch."""

from __future__ import annotations

import math
import random
from functools import partial
from itertools import product
from typing import Any

import numpy as np
import pytest
from needs import ARRAY_MODULES, array_module

import autograd
from autograd import Value, grad
from autograd.codegen.array_program import Array, ArrayProgram
from autograd.codegen.array_views import SAMPLES, ArrayPrinter, Indexed, Piece, strided, view_of
from autograd.trees import tree_leaves

SAMPLES_HERE = 2


def numbers_of(piece: Piece) -> Any:
    """Return an array for a piece, each of whose elements is another number."""
    shape = (*[SAMPLES_HERE] * piece.varies, *piece.shape)
    return np.arange(float(math.prod(shape))).reshape(shape)


def evaluated(lines: list[str], text: str, **arrays: Any) -> Any:
    names = {"xp": np, "strided": partial(strided, np), "n": SAMPLES_HERE, **arrays}
    exec("\n".join(lines), names)
    return eval(text, names)


def check_view(piece: Piece, start: int, strides: tuple[int, ...], counts: tuple[int, ...]) -> Indexed | None:
    """Compare an expression with the elements that the loops run through; return it."""
    found = view_of(piece, start, strides, counts)
    if found is None:
        return None
    array = numbers_of(piece)
    got = evaluated([], found.text, **{piece.name: array})
    flat = array.reshape(*array.shape[: piece.varies], -1)
    for rounds in product(*map(range, counts)):
        element = flat[..., start + sum(s * i for s, i in zip(strides, rounds, strict=True))]
        own = got[(*[slice(None)] * piece.varies, *[rounds[i] for i in found.axes if i != SAMPLES])]
        assert np.array_equal(own, element), (piece, start, strides, counts, found)
    return found


def test_views_are_the_elements_that_loops_run_through() -> None:
    rng = random.Random(1)
    printed = 0
    for _ in range(400):
        shape = tuple(rng.randint(1, 5) for _ in range(rng.randint(0, 3)))
        piece = Piece("a0", shape, rng.random() < 0.5)
        size = math.prod(shape)
        counts = tuple(rng.randint(1, 4) for _ in range(rng.randint(0, 3)))
        strides = tuple(rng.choice([0, 1, 2, 5, 6, -1, -5, size, -2]) for _ in counts)
        reach = [s * (n - 1) for s, n in zip(strides, counts, strict=True)]
        low, high = -sum(map(min, reach, [0] * len(reach))), size - 1 - sum(map(max, reach, [0] * len(reach)))
        if low <= high:
            printed += check_view(piece, rng.randint(low, high), strides, counts) is not None
    assert printed > 150


@pytest.mark.parametrize(
    ("shape", "start", "strides", "counts", "text"),
    [
        ((2410,), 0, (65, 1), (32, 64), "a0[:2080].reshape(32, 65)[:, :64]"),
        ((2410,), 2080, (33, 1), (10, 32), "a0[2080:].reshape(10, 33)[:, :32]"),
        ((2410,), 2112, (33,), (10,), "a0[2112::33]"),
        ((2411,), 2081, (33, 1), (10, 32), "a0[2081:].reshape(10, 33)[:, :32]"),  # weights first
        ((330,), 1, (33, 1), (10, 32), "a0.reshape(10, 33)[:, 1:]"),  # the bias first
        ((336,), 40, (37, 9, 3, 1), (8, 4, 3, 3), "a0[40:].reshape(8, 37)[:, :36].reshape(8, 4, 3, 3)"),
        ((4, 5), 0, (5, 1), (4, 5), "a0"),
        ((4, 5), 19, (-5, -1), (4, 5), "xp.flip(a0, (0, 1))"),
        ((4, 5), 7, (), (), "a0[1, 2]"),
        ((4, 5), 0, (0, 0), (7, 3), "a0[0, 0]"),
    ],
)
def test_the_views_of_layers_are_short(
    shape: tuple[int, ...], start: int, strides: tuple[int, ...], counts: tuple[int, ...], text: str
) -> None:
    found = check_view(Piece("a0", shape, False), start, strides, counts)
    assert found and found.text == text


@pytest.mark.parametrize("module", ARRAY_MODULES)
def test_windows_are_the_same_in_every_module(module: str) -> None:
    xp: Any = array_module(module)
    image = np.arange(2.0 * 12).reshape(2, 12)
    want = [[[row[1 + i + 2 * j + k] for k in range(3)] for j in range(2)] for row in image for i in range(2)]
    got = strided(xp, xp.asarray(image), 1, (2, 2, 3), (1, 2, 1))
    assert np.asarray(got).reshape(4, 2, 3).tolist() == want


def test_results_are_put_together_in_any_order() -> None:
    rng = random.Random(4)
    w, b, s = Array("a0", 12), Array("a1", 4), Array("a2", 5, varies=True)
    pieces = [Piece("a0", (4, 3), False), Piece("a1", (4,), False), Piece("a2", (5,), True)]
    arrays = {piece.name: numbers_of(piece) for piece in pieces}
    neurons: list[Any] = [x for i in range(4) for x in (*[(w, 3 * i + j) for j in range(3)], (b, i))]
    cases: list[list[Any]] = [
        neurons,
        [1.5, *neurons, 2.5, 1.5],
        [(s, i) for i in range(5)] + neurons,
        [(w, 3 * j + i) for i in range(3) for j in range(4)],
        [(b, i) for i in (3, 2, 1, 0, 0, 0)],
        rng.sample(neurons, len(neurons)),
        [rng.choice([*neurons, (s, rng.randrange(5)), -0.0]) for _ in range(90)],
    ]
    for outputs in cases:
        printer = ArrayPrinter(ArrayProgram([w, b, s], [], [], []), None, [p.shape for p in pieces], False)  # type: ignore[arg-type]
        text = printer.together(outputs, False, "")
        constants = {f"c{j}": np.array(numbers) for j, numbers in enumerate(printer.constants)}
        tables = {f"i{j}": np.array(places) for j, places in enumerate(printer.tables)}
        got = evaluated(printer.lines, text, **arrays, **constants, **tables)
        want = [x if type(x) is float else arrays[x[0].name].reshape(-1, x[0].length)[..., x[1]] for x in outputs]
        for own in np.atleast_2d(got):
            assert own.shape == (len(outputs),)
        for place, x in enumerate(want):
            assert np.array_equal(np.atleast_2d(got)[:, place], np.broadcast_to(x, np.atleast_2d(got).shape[0])), place
    assert "reshape(16)" in printer.together(neurons, False, "")


def test_no_result_is_an_argument_or_another_result() -> None:
    xs = [Value(float(i)) for i in range(6)]
    total = [x * 2 for x in xs]
    f: Any = autograd.compile((xs, total, total, xs[0]), (xs,), backend=np)
    numbers = np.arange(6.0)
    same, twice, again, first = f(numbers)
    twice += 1
    same += 1
    assert numbers.tolist() == [0, 1, 2, 3, 4, 5]
    assert again.tolist() == [0, 2, 4, 6, 8, 10]
    assert float(first) == 0.0


# Lifted programs under transformations -------------------------------------------------------------------------------

OPTIONS: dict[str, Any] = {"in_axes": (None, 0), "reduce": "mean"}


def network() -> tuple[Any, tuple[list[Value], list[list[Value]]]]:
    """Record two convolutions, the largest of each row, a layer: the loss of an image, and its gradients."""
    rng = random.Random(5)
    p = [Value(rng.uniform(-1, 1)) for _ in range(2 * 5 + 3 * 9 + 4 * 10)]
    image = [[Value(rng.uniform(-1, 1)) for _ in range(6)] for _ in range(5)]
    left = iter(p)

    def convolved(images: list[list[list[Value]]], kernels: int) -> list[list[list[Value]]]:
        found = []
        for _ in range(kernels):
            *kernel, bias = [next(left) for _ in range(4 * len(images) + 1)]
            rows: list[list[Value]] = []
            for i in range(len(images[0]) - 1):
                windows = [
                    [x[i + a][j + b] for x in images for a in (0, 1) for b in (0, 1)]
                    for j in range(len(images[0][0]) - 1)
                ]
                rows.append([(autograd.dot(kernel, window) + bias).tanh() for window in windows])
            found.append(rows)
        return found

    images = convolved(convolved([image], 2), 3)
    features = [autograd.max(row) for x in images for row in x]
    loss = autograd.sum([
        (autograd.dot([next(left) for _ in features], features) + next(left)).sigmoid() ** 2 for _ in range(4)
    ])  # fmt: skip
    return (loss, grad(loss, p)), (p, image)


@pytest.fixture(scope="module")
def recorded() -> Any:
    outputs, (p, image) = network()
    images = np.random.default_rng(6).normal(size=(3, 5, 6))
    arguments = np.array([x.data for x in p]), images
    want = autograd.compile(outputs, (p, image), **OPTIONS)(*[x.tolist() for x in arguments])
    return outputs, (p, image), arguments, np.array(tree_leaves(want))


def flat(results: Any) -> Any:
    return np.concatenate([np.ravel(np.asarray(x)) for x in results])


def test_the_source_has_products_and_windows(recorded: Any) -> None:
    outputs, inputs, arguments, want = recorded
    f: Any = autograd.compile(outputs, inputs, backend=np, **OPTIONS)
    assert f.source.count(" @ ") >= 6
    assert "strided(" in f.source
    assert len(f.source.splitlines()) < 90
    assert np.allclose(flat(f(*arguments)), want, rtol=1e-12, atol=1e-14)


def test_jax_transforms_a_lifted_program(recorded: Any) -> None:
    outputs, inputs, arguments, want = recorded
    jax, jnp = array_module("jax"), array_module("jax.numpy")
    p, images = map(jnp.asarray, arguments)
    f: Any = autograd.compile(outputs, inputs, backend=jnp, **OPTIONS)
    alone: Any = autograd.compile(outputs, inputs, backend=jnp)
    loss: Any = autograd.compile(outputs[0], inputs, backend=jnp, **OPTIONS)

    def all_ways(p: Any, images: Any) -> Any:
        values, slopes = jax.vmap(alone, in_axes=(None, 0))(p, images)
        narrow = f(p.astype("float32"), images.astype("float32"))
        return narrow, f(p, images), (values.mean(), slopes.mean(0)), jax.value_and_grad(loss)(p, images)

    fast = {"xla_backend_optimization_level": 0}  # to compile
    narrow, *wide = jax.jit(all_ways, compiler_options=fast)(p, images)
    for results in wide:
        assert np.allclose(flat(results), want, rtol=1e-10, atol=1e-13)
    assert {str(x.dtype) for x in narrow} == {"float32"}
    assert np.allclose(flat(narrow), want, rtol=1e-3, atol=1e-5)


def test_torch_transforms_a_lifted_program(recorded: Any) -> None:
    outputs, inputs, arguments, want = recorded
    torch: Any = array_module("torch")
    p, images = map(torch.asarray, arguments)
    f: Any = autograd.compile(outputs, inputs, backend=torch, **OPTIONS)
    alone: Any = autograd.compile(outputs, inputs, backend=torch)
    loss: Any = autograd.compile(outputs[0], inputs, backend=torch, **OPTIONS)
    values, slopes = torch.func.vmap(alone, in_dims=(None, 0))(p, images)
    leaf = p.clone().requires_grad_()
    value = loss(leaf, images)
    value.backward()
    for results in (
        f(p, images),
        (values.mean(), slopes.mean(0)),
        (value.detach(), leaf.grad),
        (loss(p, images), torch.func.grad(loss)(p, images)),
        torch.compile(f, backend="eager", fullgraph=True)(p, images),
        f(p, images.transpose(1, 2).contiguous().transpose(1, 2)),
    ):
        assert np.allclose(flat(results), want, rtol=1e-10, atol=1e-13)
    narrow = f(p.float(), images.float())
    assert {x.dtype for x in narrow} == {torch.float32}
    assert np.allclose(flat(narrow), want, rtol=1e-3, atol=1e-5)
    assert {x.device.type for x in f(p.to("meta"), images.to("meta"))} == {"meta"}


@pytest.mark.parametrize("module", ARRAY_MODULES)
def test_the_largest_of_a_list_shares_its_gradient_along_an_axis(module: str) -> None:
    xp: Any = array_module(module)
    rows = [[Value(0.5) for _ in range(5)] for _ in range(12)]
    outputs = [autograd.max(row) for row in rows]
    numbers = np.random.default_rng(7).integers(-1, 2, (12, 5)).astype(float)
    numbers[0] = [-0.0, -1.0, 0.0, -0.0, -1.0]
    numbers[1, 2], numbers[2] = np.nan, np.inf
    for row, own in zip(rows, numbers.tolist(), strict=True):
        for x, number in zip(row, own, strict=True):
            x.data = number
    f: Any = autograd.compile(outputs, (rows,), backend=xp)
    assert "largest(" in f.source
    got, want = np.asarray(f(xp.asarray(numbers))), [z.forward().data for z in outputs]
    assert list(map(repr, got.tolist())) == list(map(repr, want))
    slopes = np.array([[g.data for g in row] for row in grad(autograd.sum(outputs), rows)])
    if module == "jax.numpy":
        found = array_module("jax").grad(lambda x: f(x).sum())(xp.asarray(numbers))
    elif module == "torch":
        leaf = xp.asarray(numbers).requires_grad_()
        f(leaf).sum().backward()
        found = leaf.grad
    else:
        return
    assert np.allclose(np.asarray(found), slopes, rtol=1e-13, equal_nan=True)


@pytest.mark.parametrize("module", ["numpy", "jax.numpy"])
def test_a_sum_of_values_of_many_kinds_is_no_deep_expression(module: str) -> None:
    """Python refuses one of some thousand operators."""
    terms = [Value(0.5)]
    for _ in range(2_000 if module == "numpy" else 90):
        terms.append(terms[-1].sin())
    y = autograd.sum(terms)
    choices: list[dict[str, Any]] = [{}, {"in_axes": 0, "reduce": "mean"}]
    for options in choices:
        f = autograd.compile([y], terms[0], backend=array_module(module), **options)
        assert max(line.count(" + ") for line in f.source.splitlines()) < 50
        (got,) = f(np.array([0.5]) if options else 0.5)
        assert float(got) == pytest.approx(y.data)
