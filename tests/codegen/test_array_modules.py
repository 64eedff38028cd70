"""Compiled functions on the arrays of NumPy, JAX and PyTorch."""

from __future__ import annotations

import math
import random
from importlib.util import find_spec
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from needs import array_module

import autograd
from autograd import Value, grad
from autograd.engine import record
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves

LEAST_NORMAL = 2.2250738585072014e-308  # JAX takes smaller numbers as 0


@pytest.fixture(params=["numpy", "jax.numpy", "torch"])
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


def test_torch_goes_on_from_it() -> None:
    torch = array_module("torch")
    loss, w, x, t = layered()
    forward: Any = autograd.compile(loss, (w, x, t), backend=torch)
    parameters = torch.tensor([p.data for p in w], dtype=torch.float64, requires_grad=True)
    forward(parameters, torch.tensor([0.5, -0.25], dtype=torch.float64), 0.1).backward()
    assert parameters.grad.tolist() == pytest.approx([g.data for g in grad(loss, w)], rel=1e-12)


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
