"""Write an operation in terms of others, by recording what its function does to Values.

A user's `Op("cube({})", lambda x: x * x * x, ...)` has no spelling in any target, but its function is written with the
table's operations. Called on Values, it records a graph, which every target can write. The graph is recorded anew for
each program, because a function may read names that change: a constant, or an operation that a notebook redefines.

A function that asks its operands for plain numbers (`math.exp(x)`, `if x > 0`) does something that no graph can hold.
Python and NumPy call such a function; every other target refuses it, with the message that is written here.
"""

import builtins
import contextlib
import dis
import functools
import itertools
import math
import random
from collections.abc import Callable, Iterator, Sequence
from contextvars import Context
from threading import get_ident
from types import CodeType, FunctionType
from typing import Any

from autograd.codegen.spelling import spelling_of
from autograd.engine import Value, graph_of, listening, replay
from autograd.floats import number
from autograd.ops import Op


def recorded(op: Op, operands: int) -> tuple[list[Value], Value]:
    """Return leaves in place of the operands, and the operation's result as a graph of other operations on them.

    Raises:
        ValueError: a user's function runs in Python only. The message says how to write it instead.

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
    function = op.function
    compared: list[int] = []  # the threads in which Values were compared
    if _reaches(function, builtins.sum):
        raise _refusal(op, "it calls Python's sum(), which does not add strictly from left to right since Python 3.12")
    try:
        # An empty context: `detect_anomaly` watches the user's graph, not this one.
        with listening(compared=lambda *_: compared.append(get_ident())):
            result = Context().run(function, *leaves)
        result = result if type(result) is Value else Value(number(result))
    except Exception as problem:
        raise _refusal(op, f"called on Values it raises {type(problem).__name__}: {problem}") from problem
    if get_ident() in compared:
        raise _refusal(op, "it compares its operands")
    if not _agrees(function, leaves, result):
        raise _refusal(op, "it computes something else on Values than on numbers")
    return leaves, result


def _refusal(op: Op, reason: str) -> ValueError:
    return ValueError(
        f"the operation {op.name!r} runs in Python only: {reason}. Every other target is given what its function "
        "records when it is called on Values, so write it with autograd's operations: autograd.tanh(x), not "
        "math.tanh(x); where(c, x, y), max and min of autograd.ops, not `if` and comparisons; autograd.sum, not sum. "
        "Or compile with backend='python' or 'numpy', which call the function"
    )


def _agrees(function: Callable[..., Any], leaves: Sequence[Value], result: Value) -> bool:
    """Tell whether the graph has the function's bits at some points, those at which the function returns a number."""
    nodes = graph_of(result)
    for point in _points(len(leaves)):
        try:
            wanted = number(function(*point))
        except Exception:  # Python's / and ** raise where the table's operations have an answer
            continue
        got = replay(nodes, dict(zip(leaves, point, strict=True))).get(result, result.data)
        if not (math.isnan(got) and math.isnan(wanted)) and got.hex() != wanted.hex():
            return False
    return True


def _points(operands: int) -> Iterator[list[float]]:
    """Yield operands at which a choice, a comparison or another order of additions would show."""
    for x in (0.0, -0.0, 1.0, -2.5, math.inf, -math.inf, math.nan):
        yield [x] * operands
    rng = random.Random(operands)
    for size in [1.0, 3.0, 30.0, 1e3] * 6:
        yield [rng.uniform(-size, size) for _ in range(operands)]
    yield [x for x, _ in zip(itertools.cycle([1e16, 1.0, -1e16, 0.1]), range(operands))]


def _reaches(function: Any, wanted: Any) -> bool:
    """Tell whether a function, or one that it refers to by name, refers to `wanted` by name."""
    waiting, seen = [function], set()
    while waiting:
        f = waiting.pop()
        if f is wanted or f is builtins:  # which has it as an attribute
            return True
        if isinstance(f, functools.partial):
            waiting += [f.func, *f.args]
        f = getattr(f, "__func__", f)  # of a method
        if isinstance(f, FunctionType) and f not in seen and not f.__module__.startswith("autograd."):
            seen.add(f)
            for name in _global_names(f.__code__):
                waiting.append(f.__globals__.get(name, getattr(builtins, name, None)))
            waiting += f.__defaults__ or ()
            for cell in f.__closure__ or ():
                with contextlib.suppress(ValueError):  # a cell that is not filled yet
                    waiting.append(cell.cell_contents)
    return False


def _global_names(code: CodeType) -> Iterator[str]:
    """Yield the global names that the code reads, that of inner functions included; attributes are no names."""
    for instruction in dis.get_instructions(code):
        if instruction.opname in ("LOAD_GLOBAL", "LOAD_NAME"):
            yield instruction.argval
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _global_names(constant)
