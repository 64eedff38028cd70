"""Write an operation in terms of others, by recording what its function does to Values.

A user's `Op("cube({})", lambda x: x * x * x, ...)` has no spelling in any target, but its function is written with the
table's operations. Called on Values, it records a graph, which every target can write. The graph is recorded anew for
each program, because a function may read names that change: a constant, or an operation that a notebook redefines.

JAX and PyTorch differentiate the function, not the rules. So the graph stops the gradient at each operand to which the
rules pass none.

A function that asks its operands for plain numbers (`math.exp(x)`, `if x > 0`) does something that no graph can record.
Python and NumPy call such a function; every other target refuses it, with the message defined here.
"""

import builtins
import math
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType
from typing import Any, TypeVar

from autograd.codegen.spelling import spelling_of
from autograd.engine import Value, graph_of, replay
from autograd.errors import UnsupportedOperationError
from autograd.events import listening, unobserved
from autograd.floats import number
from autograd.ops import TABLE, Op, stop_gradient
from autograd.text import quoted

T = TypeVar("T")

_SUMS = "it adds with Python's sum(), which does not add strictly from left to right from Python 3.12 on"


@unobserved
def recorded(op: Op, operands: int) -> tuple[list[Value], Value]:
    """Return leaves in place of the operands, and the operation's result as a graph of other operations on them.

    Raises:
        UnsupportedOperationError: a user's function runs in Python only. The message says how to write it instead.

    >>> from autograd import tanh
    >>> swing = Op("swing({})", lambda x: x * tanh(x), lambda g, z, x: g * (tanh(x) + x * (1 - tanh(x) * tanh(x))))
    >>> [x], result = recorded(swing, 1)
    >>> [v.op.name for v in graph_of(result) if v.op]
    ['tanh', 'mul']
    """
    leaves = [Value(math.nan) for _ in range(operands)]  # nan: there is no number to go by
    formula = spelling_of(op).formula if op.built_in else None
    if formula:
        return leaves, formula(*leaves)
    function, passing = op.function, _passing(op, operands)

    def stopping(*xs: Value) -> Any:
        return function(*[x if passes else stop_gradient(x) for x, passes in zip(xs, passing, strict=True)])

    refused: list[str] = []  # the reasons

    def refuse_sums(v: Value) -> None:
        if sums and v.op is TABLE["add"]:
            refused.append(_SUMS)

    try:
        with (
            _running_sums() as sums,
            listening(recorded=refuse_sums, compared=lambda *_: refused.append("it compares its operands")),
        ):
            result = stopping(*leaves)
        result = result if type(result) is Value else Value(number(result))
    except Exception as problem:
        raise _runs_in_python_only(op, f"called on Values it raises {type(problem).__name__}: {problem}") from problem
    if refused:
        raise _runs_in_python_only(op, refused[0])
    if not _agrees(function, leaves, result):
        raise _runs_in_python_only(op, "it computes something different on Values than on numbers")
    return leaves, result


def _runs_in_python_only(op: Op, reason: str) -> UnsupportedOperationError:
    return UnsupportedOperationError(
        f"the operation {quoted(op.name)} runs in Python only: {reason}. Every other target is given what its function "
        "records when it is called on Values, so write it with autograd's operations: autograd.tanh(x), not "
        "math.tanh(x); autograd.where(c, x, y), autograd.max and autograd.min, not `if` and comparisons; autograd.sum, "
        "not sum"
    )


def _passing(op: Op, operands: int) -> list[bool]:
    """Return for each operand True if a gradient passes to it.

    A variadic rule tells only in its answer. An operand counts as stopped if the answers at all test points have None
    in its place: a rule that returns None for some numbers only passes a gradient for the others.
    """
    if not op.variadic:
        return [op.passes(i) for i in range(operands)]
    answers = [pulls for _, pulls in _answers(lambda *xs: op.pulls(1.0, op.computes(*xs), *xs), operands)]
    return [any(pull is not None for pull in pulls) for pulls in zip(*answers)] or [True] * operands


def _agrees(function: Callable[..., Any], leaves: Sequence[Value], result: Value) -> bool:
    """Return True if the graph has the function's bits at all test points where the function returns a number."""
    nodes = graph_of(result)
    for point, wanted in _answers(lambda *xs: number(function(*xs)), len(leaves)):
        got = replay(nodes, dict(zip(leaves, point, strict=True))).get(result, result.data)
        if not (math.isnan(got) and math.isnan(wanted)) and got.hex() != wanted.hex():
            return False
    return True


def _answers(function: Callable[..., T], operands: int) -> Iterator[tuple[list[float], T]]:
    """Yield the test points at which a function returns something, and what it returns."""
    for point in _points(operands):
        try:
            answer = function(*point)
        except Exception:  # Python's / and ** raise where the table's operations have an answer
            continue
        yield point, answer


def _points(operands: int) -> Iterator[list[float]]:
    """Yield operands at which a choice, a comparison or another order of additions would show."""
    for x in (0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan):
        yield [x] * operands
    rng = random.Random(operands)
    for size in [1.0, 3.0, 30.0, 1e3] * 6:
        yield [rng.uniform(-size, size) for _ in range(operands)]
    yield [(1e16, 1.0, -1e16, 0.1)[i % 4] for i in range(operands)]


@contextmanager
def _running_sums() -> Iterator[Sequence[str]]:
    """Keep a list with an item for each call of Python's sum that is running in this thread.

    The interpreter announces the calls that Python code makes to a profile function. It does not announce those of
    other C code, as in `map(sum, ...)`, and a profiler that is there already is left alone. There `_agrees` decides: it
    compares bits, which sum has like `+` before Python 3.12.
    """
    running: list[str] = []

    def profile(_: FrameType, event: str, function: object) -> None:
        if function is builtins.sum and event == "c_call":
            running.append("sum")
        elif function is builtins.sum and event in ("c_return", "c_exception"):
            running.pop()

    if sys.getprofile() is not None:
        yield running
        return
    try:
        sys.setprofile(profile)
        yield running
    finally:
        sys.setprofile(None)
