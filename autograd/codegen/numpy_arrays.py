"""Spell operations on NumPy arrays with the bits of floats, and define what the generated source calls.

Functions such as tanh are called with the float of each element, because NumPy's own differ in the last digits, and
between processors.
"""

from collections.abc import Callable, Sequence
from functools import partial, reduce
from math import prod
from typing import Any

from autograd.codegen.arguments import (
    Signature,
    argument_error,
    batch_size,
    checked_lists,
    flattened,
    is_array,
    lone_number,
    shape_of,
)
from autograd.codegen.array_module import Kind, ModuleArrays, array_function, on_lists
from autograd.codegen.array_program import REPEATED
from autograd.codegen.program import Step
from autograd.codegen.python import FloatSpelling
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op
from autograd.trees import tree_map, tree_shape

_OPERATORS = {TABLE[name] for name in ("add", "sub", "mul", "div", "neg")}
_SAME_BITS = {
    *(TABLE[name] for name in ("abs", "sqrt", "relu", "sign", "step", "max", "min", "where", "stop_gradient")),
    *(TABLE[name] for name in ("floor", "ceil", "round", "mod", "floordiv", "leaky_relu", "clip")),
}
"""Operations for which NumPy's functions give the same bits as Python's."""

_NUMBERS_AT_ONCE = 2**15  # products before they are added: 256 KiB, which stay in the processor's cache


class ArraySpelling:
    """The spelling of operations on NumPy arrays, in Python."""

    def __init__(self) -> None:
        self.floats = FloatSpelling()
        """The spelling of operations on floats; both share one dictionary, `functions`."""
        self.functions = self.floats.functions
        self.functions["_added"] = added

    def expression(self, step: Step, names: Sequence[str]) -> str:
        if step.op in _OPERATORS:
            return spelling_of(step.op).write("arrays", names)
        name = f"{self.floats.function_name(step.op)}_each"
        self.functions[name] = _on_arrays(step.op, len(names))
        return f"{name}({', '.join(names)})"

    def along(self, op: Op, operands: int, lists: Sequence[str]) -> str:
        """Return an operation on lists of so many operands in all, the last axes of arrays."""
        of_two, _ = REPEATED.get(op, (None, None))
        each = _on_arrays(of_two or op, 2 if of_two else operands)
        name = f"{self.floats.function_name(op)}{operands}_along"
        self.functions[name] = on_lists((lambda *xs: reduce(each, xs)) if of_two else each)
        return f"{name}({', '.join(lists)})"

    def transposed(self, name: str, samples: bool) -> str:
        return f"{name}.T"


def _on_arrays(op: Op, operands: int) -> Callable[..., Any]:
    import numpy as np  # noqa: PLC0415  # optional

    if op in _SAME_BITS:
        return array_function(op, operands, np)

    def each(*xs: Any) -> Any:
        tables = np.broadcast_arrays(*xs) if len(xs) > 1 else xs
        lists = [table.ravel().tolist() for table in tables]
        return np.fromiter(map(op.computes, *lists), float).reshape(tables[0].shape)

    return each


class NumpyArrays(ModuleArrays):
    """Arguments as tables of float64, and results as arrays of the signature's shapes, or lists and floats."""

    def __init__(self, np: Any, signature: Signature) -> None:
        super().__init__(np, signature)
        self.strided = partial(_strided, np)
        self._shape_of = list(map(shape_of, signature.inputs))
        self._listed = [batch or isinstance(x, (list, tuple)) for x, batch in zip(signature.inputs, signature.batched)]

    def arrays(self, arguments: tuple[Any, ...]) -> tuple[list[Any], int | None, Kind]:
        for argument, listed in zip(arguments, self._listed):
            if listed and type(argument) is not self.module.ndarray:
                is_array(argument)  # refuses masked arrays, too
        n = batch_size(*((k, arguments[k]) for k in self.signature.batched_arguments)) if self.signature.batch else None
        return [self._converted(k, x, n) for k, x in enumerate(arguments)], n, Kind(float)

    def _converted(self, k: int, argument: Any, n: int | None) -> Any:
        tree, shape, batch = self.signature.inputs[k], self._shape_of[k], self.signature.batched[k]
        np = self.module
        if not self._listed[k]:
            return np.float64(lone_number(k, argument))
        if not isinstance(argument, np.ndarray) or argument.dtype.kind not in "fiub" or shape is None:
            numbers = flattened(k, tree, checked_lists(argument), n if batch else None)
            argument = np.array(numbers).reshape(*([n] if batch else []), *self.shapes[k])
        elif argument.shape[batch:] != shape:
            expected = f"samples of {tree_shape(tree)}" if batch else tree_shape(tree)
            raise argument_error(k, expected, argument, ValueError())
        array = np.asarray(argument, float)
        return np.ascontiguousarray(array.reshape(n, -1).T).reshape(*self.shapes[k], n) if batch else array

    def plain(self, arguments: Any, result: Any) -> Any:
        """Return the result: floats and lists if all arguments were, else arrays for flat lists."""
        np = self.module
        arrays = any(listed and hasattr(x, "tolist") for x, listed in zip(arguments, self._listed))
        return tree_map(lambda x: np.ascontiguousarray(x.T) if arrays and x.ndim else x.T.tolist(), result)

    def none(self, n: int | None, kind: Kind) -> Any:
        return super().none(n, kind).T

    def full(self, n: int | None, x: Any, kind: Kind) -> Any:
        return self.module.float64(x) if n is None else self.module.full(n, x)


def _strided(np: Any, x: Any, start: int, counts: tuple[int, ...], strides: tuple[int, ...]) -> Any:
    """Return elements of the first axis of an array: in its place an axis for each loop, which may share elements."""
    x = np.ascontiguousarray(x)
    steps = (*[stride * x.strides[0] for stride in strides], *x.strides[1:])
    return np.ndarray((*counts, *x.shape[1:]), float, x, start * x.strides[0], steps)


def added(z: Any, p: Any, q: Any = 1.0, depth: int = 1) -> Any:
    """Return z plus the products of terms, which are on the first `depth` axes, added strictly from left to right.

    NumPy adds in pairs what is adjacent in memory, but the rows of a table one after the other.
    """
    import numpy as np  # noqa: PLC0415  # optional

    every = np.broadcast(z, p, q)
    terms, shape, inner = every.shape[:depth], every.shape[depth:], every.shape[1:depth]
    if p.shape[:depth] != terms:
        p = np.broadcast_to(p, (*terms, *p.shape[depth:]))
    if not isinstance(q, float) and q.shape[:depth] != terms:
        q = np.broadcast_to(q, (*terms, *q.shape[depth:]))
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
