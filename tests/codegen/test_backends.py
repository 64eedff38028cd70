"""The contract of a backend: one function, put together from parts, and one entry in a table."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

import autograd
from autograd import Value, grad
from autograd.codegen.arguments import Signature
from autograd.codegen.backend import CompiledCode, spelled_out
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
            raise ValueError(f"there is no decimal {op}: use arithmetic, exp, log and sqrt, or backend='python'")
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


def test_an_operation_of_ones_own_is_written_out() -> None:
    cube = Op("cube({})", lambda x: x * x * x, lambda g, z, x: g * 3 * x * x)
    x = Value(0.5)
    f = autograd.compile((cube(x), grad(cube(x), x)), x, backend="decimal")
    assert f(0.5) == (0.125, 0.75)


def test_repeat_comes_with_the_parts() -> None:
    x = Value(1.0)
    halved = autograd.compile([x * 0.5], [x], backend="decimal")
    assert halved.repeat(10, [1.0]) == [2.0**-10]


def test_a_backend_may_refuse() -> None:
    x = Value(1.0)
    with pytest.raises(ValueError, match="no decimal tanh"):
        autograd.compile(x.tanh(), x, backend="decimal")
    with pytest.raises(ValueError, match="no batches"):
        autograd.compile(x * x, x, in_axes=0, backend="decimal")
    with pytest.raises(ValueError, match=", ".join(map(repr, BACKENDS))):
        autograd.compile(x * x, x, backend="octal")
