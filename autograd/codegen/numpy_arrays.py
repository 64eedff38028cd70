"""Spell operations on NumPy arrays with the bits of floats, and define what the generated source calls.

Functions such as tanh are called with the float of each element, because NumPy's own differ in the last digits, and
between processors.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from math import prod
from typing import Any

from autograd.codegen.arguments import Signature, argument_error, checked_lists, flattened, lone_number, shape_of
from autograd.codegen.array_module import array_function
from autograd.codegen.program import Step
from autograd.codegen.python import FloatSpelling
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op
from autograd.trees import tree_shape

OPERATORS = {TABLE[name] for name in ("add", "sub", "mul", "div", "neg")}
_SAME_BITS = {
    *(TABLE[name] for name in ("abs", "sqrt", "relu", "sign", "step", "max", "min", "where", "stop_gradient")),
    *(TABLE[name] for name in ("floor", "ceil", "round", "mod", "floordiv", "leaky_relu", "clip")),
}
"""Operations for which NumPy's functions give the same bits as Python's."""

_OF_TWO = {TABLE["largest"]: TABLE["max"], TABLE["smallest"]: TABLE["min"]}
"""Operations on lists, of which NumPy has those of two operands."""

_NUMBERS_AT_ONCE = 2**15  # products before they are added: 256 KiB, which stay in the processor's cache


class ArraySpelling:
    """The spelling of operations on NumPy arrays, in Python.

    Arguments:
        floats: the spelling of operations on floats; both share one dictionary, `functions`.
    """

    def __init__(self, floats: FloatSpelling) -> None:
        self.functions = floats.functions
        self._floats = floats

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op = step.op
        if op in OPERATORS:
            return spelling_of(op).write("arrays", names)
        of_two = _OF_TWO.get(op)
        function = f"{self._floats.function_name(of_two or op)}_each"
        self.functions[function] = _on_arrays(of_two or op, 2 if of_two else len(names))
        self.functions["_reduce"] = reduce
        return f"_reduce({function}, [{', '.join(names)}])" if of_two else f"{function}({', '.join(names)})"


def _on_arrays(op: Op, operands: int) -> Callable[..., Any]:
    import numpy as np  # noqa: PLC0415  # optional

    if op in _SAME_BITS:
        return array_function(op, operands, np)

    def each(*xs: Any) -> Any:
        tables = np.broadcast_arrays(*xs) if len(xs) > 1 else xs
        lists = [table.ravel().tolist() for table in tables]
        return np.fromiter(map(op.computes, *lists), float).reshape(tables[0].shape)

    return each


class Columns:
    """Convert an argument to rows, one per number, with one element per sample."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.shapes = list(map(shape_of, signature.inputs))

    def __call__(self, k: int, argument: Any) -> Any:
        import numpy as np  # noqa: PLC0415  # optional

        tree, shape, batch = self.signature.inputs[k], self.shapes[k], self.signature.batched[k]
        if not (batch or isinstance(tree, (list, tuple))):
            return np.array([[lone_number(k, argument)]])
        if not isinstance(argument, np.ndarray) or argument.dtype.kind not in "fiub" or shape is None:
            plain = checked_lists(argument)
            array = np.array(flattened(k, tree, plain, len(plain) if batch else None))
        elif argument.shape[batch:] != shape:
            expected = f"samples of {tree_shape(tree)}" if batch else tree_shape(tree)
            raise argument_error(k, expected, argument, ValueError())
        else:
            array = argument.astype(float, copy=False)
        return np.ascontiguousarray(array.reshape(len(argument) if batch else 1, -1).T)


def grid(table: Any, start: int, counts: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Return a view of the rows of a table that nested loops run through."""
    import numpy as np  # noqa: PLC0415  # optional

    row = table.strides[0]
    steps = (*[stride * row for stride in strides], *table.strides[1:])
    return np.ndarray((*counts, *table.shape[1:]), float, table, start * row, steps)


def added(z: Any, p: Any, q: Any = 1.0, depth: int = 1) -> Any:
    """Return z plus the products of terms, which are on the first `depth` axes, added strictly from left to right.

    NumPy adds in pairs what is adjacent in memory, but the rows of a table one after the other.
    """
    import numpy as np  # noqa: PLC0415  # optional

    every = np.broadcast(z, p, q)
    shape, inner = every.shape[depth:], every.shape[1:depth]
    size = prod(shape)
    at_once = _NUMBERS_AT_ONCE // (prod(inner) * size)
    if isinstance(z, float) and len(p) <= at_once and size > 1:
        return np.add.reduce(np.multiply(p, q, order="C").reshape(-1, *shape), 0, initial=z)
    if at_once < 4:  # such rows are not worth it
        for i in range(len(p)):
            y = q if isinstance(q, float) else q[i]
            z = added(z, p[i], y, depth - 1) if inner else z + p[i] * y
        return z
    products = np.empty((min(len(p), at_once), *inner, *shape))
    for i in range(0, len(p), at_once):
        some = products[: len(p) - i]
        np.multiply(p[i : i + at_once], q if isinstance(q, float) else q[i : i + at_once], some)
        rows = some.reshape(-1, *shape)
        rows[0] += z
        z = np.add.reduce(rows, 0, initial=-0.0) if size > 1 else rows.cumsum(0)[-1]
    return z
