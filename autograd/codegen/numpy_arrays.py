"""Compile to Python source on NumPy arrays: a batch at once, one statement for each step.

Batch-invariant steps (`backend.py`) are computed on floats, all others on arrays with one element per sample. Functions
such as tanh are called with the float of each sample, because NumPy's own differ in the last digits, and between
processors.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from autograd.codegen.arguments import Signature, argument_error, checked_lists, flattened, pieces_of, shape_of
from autograd.codegen.array_module import array_function
from autograd.codegen.backend import CompiledCode
from autograd.codegen.program import Program, Step, without_fixed_terms
from autograd.codegen.python import FloatSpelling
from autograd.codegen.python_source import (
    Name,
    compiled_source,
    finished_sums,
    function_text,
    head_of_compiled,
    indented,
    packed,
    packed_pieces,
    size_of_the_batch,
    straight_statements,
    tree_text,
    variable_names,
)
from autograd.codegen.spelling import spelling_of
from autograd.ops import TABLE, Op
from autograd.trees import tree_leaves, tree_map, tree_shape

_OPERATORS = {TABLE[name] for name in ("add", "sub", "mul", "div", "neg")}
_SAME_BITS = {
    *(TABLE[name] for name in ("abs", "sqrt", "relu", "sign", "step", "max", "min", "where", "stop_gradient")),
    *(TABLE[name] for name in ("floor", "ceil", "round", "mod", "floordiv", "leaky_relu", "clip")),
}
"""Operations for which NumPy's functions give the same bits as Python's."""


class ArraySpelling:
    """The spelling of operations on NumPy arrays, in Python.

    Arguments:
        floats: the spelling of batch-invariant steps; both share one dictionary, `functions`.
    """

    def __init__(self, floats: FloatSpelling) -> None:
        self.functions = floats.functions
        self._floats = floats

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op = step.op
        if op in _OPERATORS:
            return spelling_of(op).write("arrays", names)
        function = f"{self._floats.function_name(op)}_each"
        self.functions[function] = _on_arrays(op, len(names))
        return f"{function}({', '.join(names)})"


def _on_arrays(op: Op, operands: int) -> Callable[..., Any]:
    import numpy as np  # noqa: PLC0415

    if op in _SAME_BITS:
        return array_function(op, operands, np)

    def each(*xs: Any) -> Any:
        tables = np.broadcast_arrays(*xs) if len(xs) > 1 else xs
        lists = [table.ravel().tolist() for table in tables]
        return np.fromiter(map(op.computes, *lists), float).reshape(tables[0].shape)

    return each


def arrays_backend(program: Program, signature: Signature) -> CompiledCode:
    """Compile to a function that computes a batch at once; for signatures with a batch."""
    import numpy as np  # noqa: PLC0415  # this backend was asked for

    program, signature, terms = without_fixed_terms(program, signature)
    name, floats = variable_names(program), FloatSpelling()
    statements = straight_statements(program, signature, name, ArraySpelling(floats), fixed=floats)

    def result(arrays: bool) -> str:
        if signature.reduce:
            return packed(signature.outputs, finished_sums(signature, terms, name), arrays)
        pieces = [f"r{i}" for i in range(len(pieces_of(signature.outputs)))]
        return packed_pieces(signature.outputs, pieces if arrays else [f"{r}.tolist()" for r in pieces])

    body = [*statements.once, *_at_once(statements.each, signature, name)]
    text = function_text(head_of_compiled(signature), signature, name, body, result, out=True)
    return compiled_source(text, signature, {
        **floats.functions, "_columns": Columns(signature), "_sums": _sums, "_table": _table, "_full": np.full,
        "_ignored": partial(np.errstate, all="ignore"),  # infinities and nans are results
    })  # fmt: skip


def _at_once(each: Sequence[str], signature: Signature, name: Name) -> Iterator[str]:
    """Yield the statements that compute the batch, then collect or sum the outputs."""
    yield size_of_the_batch(signature)
    for k in signature.batched_arguments:
        yield f"[{', '.join(map(name, tree_leaves(signature.inputs[k])))}] = _columns({k}, a{k})"
    lines = list(each)
    if signature.reduce:
        outputs = list(map(name, tree_leaves(signature.outputs)))
        lines.append(f"[{', '.join(f's{i}' for i in range(len(outputs)))}] = _sums(n, {tree_text(outputs)})")
    else:
        for i, piece in enumerate(pieces_of(signature.outputs)):
            build = "_table" if isinstance(piece, list) else "_full"
            lines.append(f"r{i} = {build}(n, {tree_text(tree_map(name, piece))})")
    if lines:  # there are outputs
        yield "with _ignored():"
        yield from indented(lines)


# Functions called by the generated source ----------------------------------------------------------------------------


class Columns:
    """Convert an argument to rows, one per number, with one element per sample."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self.shapes = list(map(shape_of, signature.inputs))

    def __call__(self, k: int, argument: Any) -> Any:
        import numpy as np  # noqa: PLC0415

        tree, shape, batch = self.signature.inputs[k], self.shapes[k], self.signature.batched[k]
        if not isinstance(argument, np.ndarray) or argument.dtype.kind not in "fiub" or shape is None:
            plain = checked_lists(argument)
            array = np.array(flattened(k, tree, plain, len(plain) if batch else None))
        elif argument.shape[batch:] != shape:
            expected = f"samples of {tree_shape(tree)}" if batch else tree_shape(tree)
            raise argument_error(k, expected, argument, ValueError())
        else:
            array = argument.astype(float, copy=False)
        return np.ascontiguousarray(array.reshape(len(argument) if batch else 1, -1).T)


def _table(n: int, columns: Sequence[Any]) -> Any:
    """Combine columns, each an array of length n or a number, into one table."""
    import numpy as np  # noqa: PLC0415

    table = np.empty((n, len(columns)))
    for j, column in enumerate(columns):
        table[:, j] = column
    return table


def _sums(n: int, columns: Sequence[Any]) -> Any:
    """Return the sums over the samples, as floats."""
    import numpy as np  # noqa: PLC0415

    spread = [column if isinstance(column, np.ndarray) else np.full(n, column) for column in columns]
    return np.concatenate(spread).reshape(-1, n).sum(axis=1).tolist() if spread else []
