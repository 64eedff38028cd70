"""Compiled functions on the arrays of NumPy, JAX and PyTorch."""

from __future__ import annotations

import itertools
import math
import random
import subprocess
import sys
from array import array
from collections import deque
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.util import find_spec
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from needs import ARRAY_MODULES, array_module
from programs import check_outputs

import autograd
from autograd import Value, grad
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves

ROOT = Path(__file__).parent.parent.parent
LEAST_NORMAL = 2.2250738585072014e-308  # JAX takes smaller numbers as 0


@pytest.fixture(params=ARRAY_MODULES)
def xp(request: pytest.FixtureRequest) -> ModuleType:
    return array_module(request.param)


def close(got: float, want: float) -> bool:
    if math.isnan(want) or math.isinf(want):
        return math.isnan(got) if math.isnan(want) else got == want
    return math.isclose(got, want, rel_tol=1e-13, abs_tol=1e-300)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")  # NumPy's, when infinities and nans are results
def test_every_operation_in_every_module(xp: ModuleType) -> None:
    without = {"erf", "erfc"} if xp is np and find_spec("scipy") is None else set()  # NumPy has no error function
    for name in sorted(BUILT_IN - without):
        check_operation(name, xp)


def check_operation(name: str, xp: ModuleType) -> None:
    """Values and gradients, one by one and in a batch, are those of the graph to 1e-13."""
    op = TABLE[name]
    leaves = [Value(0.5) for _ in range(op.arity or 4)]
    z = record(op, tuple(leaves))
    outputs = (z, grad(z, leaves))
    f = autograd.compile(outputs, leaves, backend=xp)
    exact = autograd.compile(outputs, leaves)
    batch = autograd.compile(outputs, leaves, in_axes=0, backend=xp)
    samples = [
        [x + 0.125 * i for i in range(len(leaves))]
        for x in (0.3, -0.7, 1.5, 0.0, 20.0, -20.0, math.inf, -math.inf, math.nan)
    ]
    values, pulls = batch(samples)
    for sample, value, pull in zip(samples, values, pulls, strict=True):
        want = tree_leaves(exact(sample))
        tanh_loses = name == "tanh" and abs(sample[0]) > 1  # 1 - z * z: an ulp of z is many of the gradient
        for got in (tree_leaves(f(sample)), [value, *pull]):
            assert all(map(close, got[:1] if tanh_loses else got, want)), (name, sample, got, want)


def layered() -> tuple[Value, list[Value], list[Value], Value]:
    rng = random.Random(2)
    w = [Value(rng.uniform(-1, 1)) for _ in range(6)]
    x, t = [Value(0.5), Value(-0.25)], Value(0.1)
    hidden = [(autograd.dot(w[i : i + 2], x) + w[i + 2]).tanh() for i in (0, 3)]
    return (hidden[0] * hidden[1].relu() - t) ** 2, w, x, t


def test_a_batch_reduced(xp: ModuleType) -> None:
    loss, w, x, t = layered()
    inputs, outputs, axes = (w, x, t), (loss, grad(loss, w)), (None, 0, 0)
    rng = random.Random(3)
    parameters = [p.data for p in w]
    xs, ts = [[rng.uniform(-1, 1) for _ in x] for _ in range(9)], [rng.uniform(-1, 1) for _ in range(9)]
    for reduce in ("sum", "mean"):
        f = autograd.compile(outputs, inputs, in_axes=axes, reduce=reduce, backend=xp)
        want = tree_leaves(autograd.compile(outputs, inputs, in_axes=axes, reduce=reduce)(parameters, xs, ts))
        assert tree_leaves(f(parameters, xs, ts)) == pytest.approx(want, rel=1e-13)
        value, gradients = f(*(xp.asarray(a, dtype=float) for a in (parameters, xs, ts)))
        assert [float(value), *gradients.tolist()] == pytest.approx(want, rel=1e-13)
        assert type(gradients) is type(xp.asarray([0.5]))


def test_outputs_that_repeat_or_alias_or_are_the_same_for_all_samples(xp: ModuleType) -> None:
    for seed in range(3 if xp.__name__ == "jax.numpy" else 12):
        check_outputs(random.Random(seed), xp)


def test_no_outputs(xp: ModuleType) -> None:
    x = Value(1.0)
    f = autograd.compile([x * 2, []], x, in_axes=0, backend=xp)
    first, none = f(xp.asarray([1.0, 2.0]))
    assert first.tolist() == [2.0, 4.0]
    assert tuple(none.shape) == (2, 0)


def test_arrays_of_a_wrong_shape_are_explained(xp: ModuleType) -> None:
    loss, w, x, t = layered()
    f = autograd.compile(loss, (w, x, t), backend=xp)
    with pytest.raises(ValueError, match="argument 2: expected 2 numbers, got an array of 3 numbers"):
        f(xp.zeros(6), xp.zeros(3), 0.0)
    with pytest.raises(ValueError, match="argument 1: expected 6 numbers, got 2 numbers"):
        f([1.0, 2.0], [1.0, 2.0], 0.0)


def test_jax_transforms_it() -> None:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    loss, w, x, t = layered()
    f = autograd.compile((loss, grad(loss, w)), (w, x, t), backend=jnp)
    exact = autograd.compile((loss, grad(loss, w)), (w, x, t), in_axes=(None, 0, 0))
    rng = random.Random(4)
    parameters = [p.data for p in w]
    xs, ts = [[rng.uniform(-1, 1) for _ in x] for _ in range(5)], [rng.uniform(-1, 1) for _ in range(5)]
    values, gradients = jax.jit(jax.vmap(f, in_axes=(None, 0, 0)))(*map(jnp.array, (parameters, xs, ts)))
    want_values, want_gradients = exact(parameters, xs, ts)
    assert values.tolist() == pytest.approx(want_values, rel=1e-13)
    assert np.allclose(gradients, want_gradients, rtol=1e-13)
    forward = autograd.compile(loss, (w, x, t), backend=jnp)
    own = jax.grad(forward)(jnp.array(parameters), jnp.array(xs[0]), ts[0])  # JAX's own gradient of our forward pass
    assert np.allclose(own, want_gradients[0], rtol=1e-12)


SPECIAL = [0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan]
WHERE_FORMULAS_CHOOSE = [
    *((name, (x,)) for name in ("sigmoid", "softplus", "log_sigmoid", "silu", "gelu") for x in (0.0, -1000.0, 1000.0)),
    ("leaky_relu", (0.0, 0.01)),
    ("elu", (0.0, 2.0)),
    ("elu", (1000.0, 2.0)),
    ("logaddexp", (3.0, 3.0)),
    ("logaddexp", (math.inf, 1.0)),
    ("clip", (0.0, 0.0, 1.0)),
    ("clip", (1.0, 0.0, 1.0)),
    ("mod", (-4.0, 2.0)),
    ("mod", (7.5, -2.0)),
    ("floordiv", (4.0, 1e-200)),
    *((name, at) for name in ("max", "min") for at in itertools.product(SPECIAL, repeat=2)),
    *(("largest", at) for at in itertools.product([0.0, -0.0, 1.0, math.inf, math.nan], repeat=3)),
    *(("smallest", at) for at in itertools.product([0.0, -0.0, -math.inf, math.nan], repeat=3)),
    *((name, (x,)) for name in ("abs", "relu", "sign", "step") for x in (0.0, -0.0, 1.0, -1.0, math.inf, -math.inf)),
    *(("clip", at) for at in itertools.product([0.0, -0.0, 1.0, 2.0], repeat=3)),
    *(("leaky_relu", (x, 0.01)) for x in (0.0, -0.0)),
    *(("logaddexp", (x, x)) for x in (0.0, math.inf, -math.inf)),
]
"""Rows at points where the derivative of a formula, or a module's own at a tie, need not be that of the row."""


def ours(name: str, at: tuple[float, ...]) -> list[float]:
    """Return the first and second derivatives of a row."""
    values = [Value(x) for x in at]
    first = grad(record(TABLE[name], tuple(values)), values)
    return [g.data for g in first] + [h.data for g in first for h in grad(g, values)]


def test_derivatives_by_jax_are_those_of_the_rules_where_formulas_choose() -> None:
    jnp, jax = array_module("jax.numpy"), array_module("jax")
    for name, places in points_of_rows():
        leaves = [Value(0.5) for _ in places[0]]
        f = autograd.compile(record(TABLE[name], tuple(leaves)), tuple(leaves), backend=jnp)
        by = tuple(range(len(leaves)))
        columns = list(jnp.array(places).T)
        zs = jax.vmap(f)(*columns)
        found = jnp.stack(
            jax.tree.leaves((jax.vmap(jax.grad(f, by))(*columns), jax.vmap(jax.hessian(f, by))(*columns)))
        )
        for at, z, derivatives in zip(places, zs.tolist(), found.T.tolist()):
            check_the_sign(name, at, z)
            assert derivatives == pytest.approx(ours(name, at), rel=1e-13, nan_ok=True), (name, at)


def test_derivatives_by_torch_are_those_of_the_rules_where_formulas_choose() -> None:
    torch: Any = array_module("torch")
    for name, places in points_of_rows():
        leaves = [Value(0.5) for _ in places[0]]
        f: Any = autograd.compile(record(TABLE[name], tuple(leaves)), tuple(leaves), backend=torch)
        for at in places:
            tensors = [torch.tensor(x, dtype=torch.float64, requires_grad=True) for x in at]
            result = f(*tensors)
            check_the_sign(name, at, result.item())
            first = torch.autograd.grad(result + 0 * sum(tensors), tensors)  # floor_divide has no gradient there
            want = ours(name, at)[: len(at)]
            assert [g.item() for g in first] == pytest.approx(want, rel=1e-13, nan_ok=True), (name, at)


def points_of_rows() -> list[tuple[str, list[tuple[float, ...]]]]:
    """Return the name of each row with its points."""
    rows: dict[str, list[tuple[float, ...]]] = {}
    for name, at in WHERE_FORMULAS_CHOOSE:
        rows.setdefault(name, []).append(at)
    return list(rows.items())


def check_the_sign(name: str, at: tuple[float, ...], z: float) -> None:
    """At a tie, the zero of `max`, `min`, `largest` and `smallest` has the sign of the last operand, as the row's."""
    if name in ("max", "min", "largest", "smallest", "abs"):
        want = TABLE[name].computes(*at)
        assert z == want or math.isnan(want), (name, at)
        assert math.copysign(1, z) == math.copysign(1, want) or math.isnan(want), (name, at)


def test_torch_goes_on_from_it() -> None:
    torch = array_module("torch")
    loss, w, x, t = layered()
    forward: Any = autograd.compile(loss, (w, x, t), backend=torch)
    parameters = torch.tensor([p.data for p in w], dtype=torch.float64, requires_grad=True)
    forward(parameters, torch.tensor([0.5, -0.25], dtype=torch.float64), 0.1).backward()
    assert parameters.grad.tolist() == pytest.approx([g.data for g in grad(loss, w)], rel=1e-12)


def test_in_torch_constants_are_where_the_callers_numbers_are() -> None:
    torch: Any = array_module("torch")
    x, y = Value(0.5), Value(0.25)
    z = 2 * x + y + autograd.hypot(x, 0.5)
    options: list[dict[str, Any]] = [{}, {"in_axes": (0, None)}, {"in_axes": (0, None), "reduce": "sum"}]
    for option in options:
        f = autograd.compile([z, autograd.grad(2 * x + y, x), Value(3.0)], (x, y), backend=torch, **option)
        at = torch.zeros((4,) if option else (), device="meta", dtype=torch.float64)
        for other in (1.0, torch.zeros((), device="meta"), np.float64(1.0)):
            result = f(at, other)
            assert (result.device.type, result.dtype) == ("meta", torch.float64)


def test_a_constant_is_divided_and_not_multiplied_by_the_reciprocal() -> None:
    torch: Any = array_module("torch")
    x = Value(0.5)
    for constant, number in ((1e-310, 1e-310), (1e-300, 5e-309), (3.0, 0.7), (0.1, 49.0)):
        f = autograd.compile(constant / x, x, backend=torch)
        assert f(torch.tensor(number, dtype=torch.float64)).item() == constant / number


def test_numpy_warns_of_nothing_and_loses_no_digit() -> None:
    x = Value(1.0)
    y = (1 / x).exp() + x.log() + x.tanh() * 3
    f = autograd.compile((y, grad(y, x)), x, in_axes=0, backend="numpy")
    values, gradients = f(np.array([0.0, -1.0, 2.5]))
    for x.data, value, gradient in zip([0.0, -1.0, 2.5], values, gradients, strict=True):
        assert str(value) == str(y.forward().data)
        assert str(gradient) == str(grad(y, x).data)


def test_an_operation_of_your_own() -> None:
    own = Op("cubed({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(2.0)
    y = own(x) + x
    assert autograd.compile((y, grad(y, x)), x, in_axes=0, backend="numpy")([3.0, 2.0]) == ([30.0, 10.0], [28.0, 13.0])
    assert autograd.compile((y, grad(y, x)), x, in_axes=0, backend=np)([3.0, 2.0]) == ([30.0, 10.0], [28.0, 13.0])


def test_a_fixed_term_that_is_the_first_input_is_added(xp: ModuleType) -> None:
    w, x = Value(3.0), Value(2.0)
    for reduce, want in (("mean", 5.5), ("sum", 11.0)):
        f = autograd.compile(x * x + w, (w, x), in_axes=(None, 0), reduce=reduce, backend=xp)
        assert f(3.0, [1.0, 2.0]) == want


def test_a_function_without_arguments(xp: ModuleType) -> None:
    x = Value(1.0)
    assert autograd.compile([x * 2, x], (), backend=xp)() == [2.0, 1.0]


def typed(xp: ModuleType, numbers: Any, width: str) -> Any:
    return xp.asarray(numbers, dtype=getattr(xp, width))


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_every_operation_keeps_the_width_of_the_callers_floats_whatever_is_constant(xp: ModuleType) -> None:
    without = {"erf", "erfc"} if xp is np and find_spec("scipy") is None else set()  # NumPy has no error function
    for name in sorted(BUILT_IN - without):
        op = TABLE[name]
        operands = op.arity or 4
        for place in range(operands):  # of the one operand that is not a constant
            x = Value(0.75)
            xs: list[Any] = [1 / 3, 1e39, 0.1, -0.7][:operands]
            xs[place] = x
            z = record(op, tuple(xs))
            f = autograd.compile((z, grad(z, x)), x, in_axes=0, backend=xp)
            alone = autograd.compile(z, x, backend=xp)
            exact = autograd.compile((z, grad(z, x)), x, in_axes=0)
            for width, kept in (("float32", "float32"), ("float64", "float64"), ("int32", "float64")):
                results = f(typed(xp, [1, 3], width))
                assert {str(r.dtype).removeprefix("torch.") for r in results} == {kept}, (name, place, width)
                assert str(alone(typed(xp, 1, width)).dtype).endswith(kept), (name, place, width)
                if kept == "float64":
                    want = tree_leaves(exact([1.0, 3.0]))
                    got = [x for r in results for x in r.tolist()]
                    assert all(map(close, got, want)) or name == "tanh", (name, place, width, got, want)


def test_numbers_are_float64_where_no_array_says_otherwise(xp: ModuleType) -> None:
    x = Value(0.5)
    chosen = autograd.compile(autograd.where(x - 1, 1 / 3, 1 / 7), x, in_axes=0, backend=xp)
    assert chosen([2, 0]) == [1 / 3, 1 / 7]
    for width in ("int64", "int8", "bool"):
        numbers = xp.asarray([2, 0]) > 1 if width == "bool" else typed(xp, [2, 0], width)
        assert chosen(numbers).tolist() == ([1 / 7, 1 / 7] if width == "bool" else [1 / 3, 1 / 7])
        assert chosen(np.asarray([2, 0])).tolist() == [1 / 3, 1 / 7]
    length = autograd.compile(autograd.hypot(x, 0.5), x, backend=xp)
    assert close(length(typed(xp, 3, "int32")).tolist(), math.hypot(3, 0.5))
    assert autograd.compile(autograd.max(0.0, x), x, backend=xp)(0.7) == 0.7
    assert chosen(np.float32(2.0).repeat(2)).tolist() == pytest.approx([1 / 3, 1 / 3], rel=1e-7)


@pytest.mark.filterwarnings("ignore:.*encountered:RuntimeWarning")
def test_constants_beyond_the_width_are_infinite(xp: ModuleType) -> None:
    x = Value(0.5)
    for y in (autograd.max(x, 1e300), autograd.where(x, 1e300, 1.0), x * 1e300, autograd.hypot(-1e39, x)):
        f = autograd.compile(y, x, backend=xp)
        assert f(typed(xp, 1.0, "float32")).tolist() == math.inf
        assert f(1.0) == y.forward().data or f(1.0) == 1e300


def test_a_clamp_to_the_largest_float_does_not_warn_in_float32(xp: ModuleType) -> None:
    """As in logsumexp, and so in the loss of every network that is trained on a GPU."""
    scores = [Value(0.5), Value(-0.25)]
    loss = autograd.logsumexp(scores)
    f = autograd.compile((loss, grad(loss, scores)), (scores,), in_axes=(0,), reduce="mean", backend=xp)
    _, gradients = f(typed(xp, [[0.0, 0.0]], "float32"))
    assert gradients.tolist() == [0.5, 0.5]


def test_compiling_leaves_it_to_the_caller_when_jax_starts() -> None:
    """A program joins other processes, or chooses devices, before the first array is made."""
    array_module("jax.numpy")
    program = """
import jax
import autograd
from autograd import Value, grad

weights, x, constants = [Value(0.1 * i) for i in range(40)], Value(0.5), [0.3 * i for i in range(40)]
loss = autograd.max(autograd.dot(constants, [(w * x).tanh() for w in weights]), 0.25) ** x
autograd.compile((loss, grad(loss, weights)), (weights, x), in_axes=(None, 0), reduce="mean", backend=jax.numpy)
jax.config.update("jax_num_cpu_devices", 2)
jax.config.update("jax_platforms", "cpu")
print(len(jax.devices()))
"""
    assert subprocess.check_output([sys.executable, "-c", program], text=True, cwd=ROOT) == "2\n"


def test_of_several_widths_the_module_chooses(xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    f = autograd.compile([x * y, autograd.max(x, 1 / 3)], (x, y), backend=xp)
    for one, other, both in (("float32", "float32", "float32"), ("float32", "float64", "float64")):
        assert str(f(typed(xp, 0.5, one), typed(xp, 0.1, other)).dtype).endswith(both)
    assert str(f(typed(xp, 0.5, "float32"), 0.1).dtype).endswith("float32")
    assert str(f(typed(xp, 0.5, "float32"), np.float64(0.1)).dtype).endswith("float32")  # a number, not an array


def test_what_is_not_plainly_real_numbers_is_refused(xp: ModuleType) -> None:
    x = Value(0.5)
    f = autograd.compile(x * 2, x, in_axes=0, backend=xp)
    with pytest.raises(TypeError, match=r"(?i)masked ?array"):
        f(np.ma.masked_array([1.0, 2.0], mask=[False, True]))
    with pytest.raises(TypeError, match=r"expected real numbers, got an array of .*complex64"):
        f(typed(xp, [1.0, 2.0], "complex64"))


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (np.array([1, 2], "datetime64[s]"), "datetime64"),
        (np.array([1, 2], "timedelta64[s]"), "timedelta64"),
        (np.array(["1", "2"]), "<U1"),
        (np.array([1.0, None], object), "NoneType"),
        ([np.timedelta64(1, "s"), 2.0], "timedelta64"),
        ([np.ma.masked, 2.0], "mask"),
        (["1", 2.0], "str"),
        ([None, 2.0], "NoneType"),
    ],
)
def test_what_only_looks_like_numbers_is_refused(odd: Any, said: str, xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    for axes, argument in ((None, odd), (0, np.array([odd]) if isinstance(odd, np.ndarray) else [odd])):
        f = autograd.compile([x * 1.0, y], [x, y], in_axes=axes, backend=xp)
        with pytest.raises(TypeError, match=said):
            f(argument)


def test_arrays_of_objects_are_numbers_as_in_every_backend(xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    objects = np.array([Fraction(1, 2), 3], dtype=object)
    for backend in ("python", "numpy", xp):
        f = autograd.compile([x * y, x + y], ([x, y],), backend=backend)
        assert [float(z) for z in f(objects)] == [1.5, 3.5]


def test_an_argument_is_converted_once(xp: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    x = [Value(0.0) for _ in range(8)]
    f = autograd.compile(x[0] * x[1], (x,), backend=xp)
    sizes = []
    asarray = xp.asarray

    def counted(numbers: Any, *arguments: Any, **options: Any) -> Any:
        sizes.append(np.size(numbers))
        return asarray(numbers, *arguments, **options)

    monkeypatch.setattr(xp, "asarray", counted)
    f(np.arange(8, dtype=np.float32))
    assert sum(size == 8 for size in sizes) <= 2  # to the module, and to the width of the call


def test_repeating_no_times_returns_the_state_as_results_are(xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    f = autograd.compile([x * 2, y * 3], ([x, y],), backend=xp)
    for width in ("float32", "float64", "int64"):
        state = xp.asarray([1, 2], dtype=getattr(xp, width))
        none, once = f.repeat(0, state), f.repeat(1, state)
        assert (type(none), none.dtype, none.tolist()) == (type(once), once.dtype, [1.0, 2.0])


class Column:
    """A column of a table, as in pandas: it has a dtype and no shape that a module knows."""

    def __init__(self, numbers: Any) -> None:
        self.numbers = np.asarray(numbers)
        self.dtype = self.numbers.dtype

    def to_numpy(self) -> Any:
        return self.numbers

    def __array__(self) -> Any:
        return self.numbers

    def __len__(self) -> int:
        return len(self.numbers)

    def __iter__(self) -> Iterator[Any]:
        return iter(self.numbers.tolist())

    def tolist(self) -> list[Any]:
        return list(self)


def read_only(numbers: Any) -> Any:
    copy = numbers.copy()
    copy.flags.writeable = False
    return copy


class Subclass(np.ndarray):
    """An array of a class outside NumPy."""


@pytest.mark.parametrize("axes", [None, 0])
def test_arrays_of_other_kinds_are_converted(axes: int | None, xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    f = autograd.compile([x * 1.0, y], [x, y], in_axes=axes, backend=xp)
    numbers = np.array([2.0, 3.0])
    for kind in (
        Column(numbers), numbers.view(Subclass), np.array([3.0, 2.0])[::-1], numbers.astype(">f8"),
        numbers.astype(np.longdouble), np.asfortranarray([numbers, numbers])[0], numbers.astype(np.uint16),
        array("q", [2, 3]), array("f", [2, 3]), memoryview(array("q", [2, 3])), read_only(numbers),
    ):  # fmt: skip
        assert np.asarray(f(kind if axes is None else [kind])).ravel().tolist() == [2.0, 3.0]
        if axes == 0 and isinstance(kind, np.ndarray):
            assert np.asarray(f(np.stack([kind])[::-1])).ravel().tolist() == [2.0, 3.0]
    with pytest.raises(TypeError, match="datetime64"):
        f(
            np.array([1, 2], "datetime64[s]").view(Subclass)
            if axes is None
            else [Column(np.array([1], "datetime64[s]"))]
        )


@pytest.mark.parametrize(
    ("odd", "said"),
    [
        (None, "NoneType"),
        (1 + 2j, r"\.real"),
        (np.complex128(1 + 2j), r"\.real"),
        (np.complex64(1 + 2j), r"\.real"),
        (Value(1.0), r"\.data"),
    ],
)
def test_what_is_not_a_real_number_is_refused_alone_and_in_a_list(odd: Any, said: str, xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    alone, listed = autograd.compile(x * 3, (x,), backend=xp), autograd.compile(x * y, ([x, y],), backend=xp)
    batch = autograd.compile(x * 3, (x,), in_axes=0, backend=xp)
    for f, argument in ((alone, odd), (listed, [odd, 2.0]), (listed, (2.0, odd)), (batch, [odd, 2.0])):
        with pytest.raises(TypeError, match=f"argument 1: expected a .*{said}"):
            f(argument)


def test_a_list_for_a_number_and_a_number_for_a_list_are_explained(xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    with pytest.raises(ValueError, match="argument 1: expected a number, got a list of 1 number"):
        autograd.compile(x * 3, (x,), backend=xp)([1.0])
    for number in (1.0, np.float64(1.0)):
        with pytest.raises(ValueError, match="argument 1: expected 2 numbers, got a number"):
            autograd.compile(x * y, ([x, y],), backend=xp)(number)
    for nothing in (None, 1.0, np.float64(1.0)):
        with pytest.raises(ValueError, match="argument 1 is a batch"):
            autograd.compile(x * 3, (x,), in_axes=0, backend=xp)(nothing)


def test_sequences_of_any_type_are_lists(xp: ModuleType) -> None:
    x, y = Value(0.5), Value(0.25)
    f = autograd.compile([x * 3, y], ([x, y],), backend=xp)
    batch = autograd.compile([x * 3, y], ([x, y],), in_axes=0, backend=xp)
    for numbers in (range(1, 3), deque([1.0, 2.0])):
        assert f(numbers).tolist() == [3.0, 2.0]
        assert batch([numbers]).tolist() == [[3.0, 2.0]]


@pytest.mark.parametrize(("here", "there"), [("torch", "jax.numpy"), ("jax.numpy", "torch"), ("numpy", "torch")])
def test_an_array_of_another_module_is_refused(here: str, there: str) -> None:
    x, y = Value(0.5), Value(0.25)
    f = autograd.compile(x * y, ([x, y],), backend=array_module(here))
    other = array_module(there)
    said = rf"arrays for {here}, got a {there[:3]}.*: convert it to a NumPy array first"
    for argument in (other.asarray([1.0, 2.0]), [other.asarray(1.0), 2.0]):
        with pytest.raises(TypeError, match=said):
            f(argument)
    assert float(f(np.asarray(other.asarray([1.0, 2.0])).copy())) == 2.0


def test_a_stopped_gradient_is_stopped_in_the_module_too() -> None:
    x = Value(3.0)
    y = x.stop_gradient() * x
    jax, jnp = array_module("jax"), array_module("jax.numpy")
    f = autograd.compile(y, x, backend=jnp)
    assert jax.grad(f)(3.0) == 3.0
    assert "stop_gradient" in str(jax.make_jaxpr(f)(3.0))


def test_a_stopped_gradient_is_stopped_in_torch_too() -> None:
    torch = array_module("torch")
    x = Value(3.0)
    y = x.stop_gradient() * x
    f: Any = autograd.compile([y], x, backend=torch)
    t = torch.tensor(3.0, dtype=torch.float32, requires_grad=True)
    f(t).sum().backward()
    assert t.grad == 3.0
    wide = torch.tensor(3.0, dtype=torch.float64, requires_grad=True)
    g: Any = autograd.compile(y * y, (x,), backend=torch)
    g(wide).backward()
    assert wide.grad == 3.0 * 3.0 * 3.0 * 2


def rows_that_stop() -> dict[str, Callable[[Value], Value]]:
    """Made in a test, because the rows of a test end with it."""
    frozen = Op("frozen_square({})", lambda x: x * x, None)
    half = Op("half_product({}, {})", lambda x, y: x * y, lambda g, z, x, y: g * y, None)
    nested = Op("nested_half({})", lambda x: half(x, x * x), lambda g, z, x: g * x * x)
    outer = Op(
        "outer_product([{}])",
        lambda *xs: xs[0] * xs[1] * xs[2],
        lambda g, z, *xs: [g * xs[1] * xs[2], None, g * xs[0] * xs[1]],
        variadic=True,
    )
    return {
        "every operand": lambda x: frozen(x) * x,
        "one operand": lambda x: half(x, x.exp()) + half(x * x, x),
        "one operand of a variadic rule": lambda x: outer([x, x.log(), x * x]),
        "an operand inside another function": lambda x: nested(x) * x,
    }


STOPPING = ["every operand", "one operand", "one operand of a variadic rule", "an operand inside another function"]


@pytest.mark.parametrize("case", STOPPING)
def test_a_rule_that_is_none_stops_the_gradient_in_jax_too(case: str) -> None:
    x = Value(2.0)
    y = rows_that_stop()[case](x)
    jax, jnp = array_module("jax"), array_module("jax.numpy")
    f = autograd.compile(y, x, backend=jnp)
    batch: Any = autograd.compile(y, x, in_axes=0, backend=jnp)
    want = grad(y, x).data
    assert float(f(2.0)) == pytest.approx(y.data, rel=1e-13)
    assert float(jax.grad(f)(2.0)) == pytest.approx(want, rel=1e-13)
    assert jax.grad(lambda xs: batch(xs).sum())(jnp.asarray([2.0, 2.0])).tolist() == pytest.approx(
        [want] * 2, rel=1e-13
    )


@pytest.mark.parametrize("case", STOPPING)
def test_a_rule_that_is_none_stops_the_gradient_in_torch_too(case: str) -> None:
    x = Value(2.0)
    y = rows_that_stop()[case](x)
    torch = array_module("torch")
    f: Any = autograd.compile(y, x, backend=torch)
    t = torch.tensor(2.0, dtype=torch.float64, requires_grad=True)
    f(t).backward()
    assert float(t.grad) == pytest.approx(grad(y, x).data, rel=1e-13)


def test_a_variadic_rule_stops_only_the_operands_that_it_never_passes_a_gradient_to() -> None:
    """A rule that returns None for some numbers only stops nothing; one that raises for some is asked at others."""
    jax, jnp = array_module("jax"), array_module("jax.numpy")
    x, y = Value(2.0), Value(3.0)
    larger = Op(
        "larger_of([{}])",
        autograd.max,
        lambda g, z, *xs: [g if p > 0 and p == z else None for p in xs],
        variadic=True,
    )
    inverse = Op(
        "inverse_of([{}])",
        lambda *xs: autograd.div(xs[1], xs[0]),
        lambda g, z, *xs: [None, g * (1 / float(xs[0]))],
        variadic=True,
    )
    slopes = jax.grad(autograd.compile(larger([x, y]), (x, y), backend=jnp), (0, 1))(2.0, 3.0)
    assert [float(p) for p in slopes] == [0.0, 1.0]
    slopes = jax.grad(autograd.compile(inverse([x, y]), (x, y), backend=jnp), (0, 1))(2.0, 3.0)
    assert [float(p) for p in slopes] == [0.0, 0.5]


def test_looking_for_stopped_operands_records_nothing_that_others_see() -> None:
    x = Value(2.0)
    z = rows_that_stop()["one operand of a variadic rule"](x)
    with autograd.detect_anomaly():
        f = autograd.compile(z, x, backend=array_module("jax.numpy"))
    assert float(f(2.0)) == pytest.approx(z.data, rel=1e-13)


@pytest.mark.parametrize("module", ARRAY_MODULES)
def test_lone_results_share_nothing(module: str) -> None:
    """Not with arguments, nor with each other: PyTorch's and NumPy's arrays can be changed in place."""
    xp = array_module(module)
    a, b = Value(1.0), Value(2.0)
    f = autograd.compile((a, a, a * b, a * b), ([a, b],), backend=xp)
    given = xp.asarray([1.0, 2.0])
    results = f(given)
    for k, result in enumerate(results):
        if module == "torch" or type(result) is np.ndarray:  # others never change
            result[...] = 7.0
            assert [float(x) for x in results[k + 1 :]] == [1.0, 1.0, 2.0, 2.0][k + 1 :]
    assert [float(x) for x in given] == [1.0, 2.0]
