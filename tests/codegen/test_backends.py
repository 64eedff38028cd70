"""The contract of a backend: one function, put together from parts, and one entry in a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, grad, nn, optim
from autograd.codegen.arguments import Signature
from autograd.codegen.backend import CompiledCode, defined, over_samples, repeating, spelled_out
from autograd.codegen.compile import BACKENDS
from autograd.codegen.program import Operand, Program, Step
from autograd.codegen.python_source import (
    compiled_source,
    function_text,
    packed,
    parameters,
    straight_statements,
    variable_names,
)
from autograd.errors import UnsupportedOperationError
from autograd.ops import Op
from autograd.trees import tree_leaves

SPELLED = {"add", "sub", "mul", "div", "neg", "exp", "log", "sqrt", "sum", "dot"}


class DecimalSpelling:
    """Spell operations on decimals in Python."""

    def __init__(self) -> None:
        self.functions: dict[str, Any] = {"Decimal": Decimal}

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op = step.op.name
        if op not in SPELLED:
            reason = f"there is no decimal {op}: use arithmetic, exp, log and sqrt, or backend='python'"
            raise UnsupportedOperationError(reason)
        if op in ("exp", "log", "sqrt"):
            return f"{names[0]}.{'ln' if op == 'log' else op}()"
        return step.op.read(*names)


def decimal_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to Python source on decimals of 28 digits."""
    if signature.batch:
        raise ValueError("decimals have no batches: call the function for each sample")
    program, signature = spelled_out(program, signature, lambda op: op.built_in and op.name in SPELLED)
    variable = variable_names(program)

    def name(x: Operand) -> str:
        return variable(x) if type(x) is int else f"Decimal({x!r})"

    spelling = DecimalSpelling()
    statements = straight_statements(program, signature, name, spelling)
    converted = [f"{name(i)} = Decimal({name(i)})" for i in range(program.inputs)]
    numbers = [f"float({name(x)})" for x in tree_leaves(signature.outputs)]
    text = function_text(
        f"compiled({parameters(signature)})", signature, name, [*converted, *statements.once, *statements.each],
        lambda arrays: packed(signature.outputs, numbers, arrays),
    )  # fmt: skip
    return compiled_source(text, signature, spelling.functions)


@pytest.fixture(autouse=True)
def listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(BACKENDS, "decimal", decimal_backend)
    monkeypatch.setitem(BACKENDS, "decimals", over_samples(decimal_backend))


def test_a_backend_of_parts_computes_what_the_graph_does() -> None:
    w, b, x = Value(0.5), Value(0.6), Value(0.4)
    y = (w * x + b).exp() / x + autograd.sum([w, b, x]) - autograd.dot([w, b], [b, x]).log() ** 1
    f: Any = autograd.compile((y, grad(y, [w, b])), ([w, b], x), backend="decimal")
    value, gradients = f([0.5, 0.6], 0.4)
    assert value == pytest.approx(y.data, rel=1e-15)
    assert gradients == pytest.approx([g.data for g in grad(y, [w, b])], rel=1e-15)
    assert f(np.array([0.5, 0.6]), 0.4)[1].tolist() == gradients
    assert "v0 = x0 * x2" in f.source
    assert f.backend == "decimal"
    with pytest.raises(ValueError, match="argument 1: expected 2 numbers, got 3 numbers"):
        f([1.0, 2.0, 3.0], 0.4)


def test_decimals_have_digits_that_floats_lose() -> None:
    x = Value(1e-17)
    y = (x + 1.0) - 1.0
    assert autograd.compile(y, x)(1e-17) == 0.0
    assert autograd.compile(y, x, backend="decimal")(1e-17) == 1e-17


def test_an_operation_of_your_own_is_written_out() -> None:
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(0.5)
    f = autograd.compile((cube(x), grad(cube(x), x)), x, backend="decimal")
    assert f(0.5) == (0.125, 0.75)


def test_repeat_comes_with_the_parts() -> None:
    x = Value(1.0)
    halved = autograd.compile([x * 0.5], [x], backend="decimal")
    assert halved.repeat(10, [1.0]) == [2.0**-10]


def test_a_closure_can_be_repeated() -> None:
    outer = defined("outer", "def outer(step):\n    return lambda x: x + step\n", {})
    assert repeating(outer(0.5))(4, 1.0) == 3.0


@pytest.mark.parametrize("reduce", [None, "sum", "mean"])
@pytest.mark.parametrize("make", [list, np.array])
def test_batches_are_made_of_calls_for_each_sample(reduce: str | None, make: Any) -> None:
    w, b, x = Value(0.5), Value(0.6), [Value(0.4), Value(0.3)]
    y = (w * x[0] + b * x[1]).exp()
    outputs, inputs = (y, grad(y, [w, b]), (y * w,)), ([w, b], x)
    f, like = (
        autograd.compile(outputs, inputs, in_axes=(None, 0), reduce=reduce, backend=backend)
        for backend in ("decimals", "python")
    )
    arguments = make([0.5, 0.25]), make([[1.0, 2.0], [3.0, 4.0], [-1.0, 0.5]])
    for got, want in zip(tree_leaves(f(*arguments)), tree_leaves(like(*arguments)), strict=True):
        assert type(got) is type(want)
        assert got == pytest.approx(want, rel=1e-14)
    with pytest.raises(ValueError, match="argument 2: expected 2 numbers, got 3 numbers"):
        f([0.5, 0.25], [[1.0, 2.0, 3.0]])
    with pytest.raises(ValueError, match="an empty batch: pass at least one sample"):
        f([0.5, 0.25], [])


def test_a_sum_over_samples_can_be_repeated() -> None:
    w, x = Value(0.5), Value(1.0)
    f = autograd.compile([w - 0.5 * (w - x)], ([w], x), in_axes=(None, 0), reduce="mean", backend="decimals")
    assert f.repeat(2, [0.0], [1.0, 3.0]) == [1.5]
    assert autograd.compile(w * x, (w, x), backend="decimals")(2.0, 3.0) == 6.0


@pytest.mark.parametrize("batch_size", [1, 2, None])
def test_fit_takes_a_listed_backend(batch_size: int | None) -> None:
    models = [nn.Neuron(1, "linear", weights=[0.5], bias=0.5) for _ in range(2)]
    histories = [
        autograd.fit(
            model, [[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0], loss=lambda output, y: (output - y) * (output - y),
            optimizer=optim.SGD(0.1), epochs=3, batch_size=batch_size, seed=1, backend=backend, progress=False,
            validation=([[3.0]], [7.0]),
        )
        for model, backend in zip(models, ("decimals", "python"), strict=True)
    ]  # fmt: skip
    assert histories[0].losses == pytest.approx(histories[1].losses, rel=1e-12)
    assert [p.data for p in models[0].parameters()] == pytest.approx([p.data for p in models[1].parameters()])


def test_a_backend_may_refuse() -> None:
    x = Value(1.0)
    with pytest.raises(ValueError, match="no decimal tanh"):
        autograd.compile(x.tanh(), x, backend="decimal")
    with pytest.raises(ValueError, match="no batches"):
        autograd.compile(x * x, x, in_axes=0, backend="decimal")
    with pytest.raises(ValueError, match=", ".join(map(repr, BACKENDS))):
        autograd.compile(x * x, x, backend="octal")
