"""A program as Python source on arrays: a batch at once, one statement a step.

Two kinds. With NumPy, what the batch does not change is calculated on floats, the rest on arrays with an element a
sample; `tables.py` makes larger statements of programs with layers. Functions such as tanh are those of the floats,
called for each sample: NumPy's own differ in the last digits, from processor to processor too.

With a module that has NumPy's names (jax.numpy, torch, or numpy itself) everything is
that module's arrays and functions, so that its own transformations, compilers and devices can take the function over.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from itertools import count
from typing import Any

from autograd.codegen.arguments import (
    Signature,
    argument_error,
    flattened,
    refilled,
    rows,
    shape_of,
    units_of,
    written,
)
from autograd.codegen.backend import Made, repeating
from autograd.codegen.program import Program, Step
from autograd.codegen.python import PythonSource, defined
from autograd.ops import BUILT_IN, TABLE, Op
from autograd.trees import tree_leaves, tree_map, tree_shape

# NumPy ---------------------------------------------------------------------------------------------------------------


class NumpySource(PythonSource):
    """The text of a function that takes a batch at once; without a batch it is the text on floats."""

    branches = False

    def __init__(self, program: Program, signature: Signature) -> None:
        super().__init__(program, signature)
        self.shapes = list(map(shape_of, self.inputs))
        import numpy as np  # noqa: PLC0415  # this backend was asked for

        self.namespace |= {
            "_columns": self._columns, "_sums": _sums, "_table": _table, "_full": np.full, "_ignored": _ignored,
        }  # fmt: skip

    def _call(self, step: Step, names: Sequence[str], varies: bool) -> str:
        if not varies:
            return super()._call(step, names, varies)
        if step.op is TABLE["div"]:
            return step.op.read(*names)
        function = f"{self._function(step.op)}_each"
        self.namespace[function] = _on_arrays(step.op)
        return f"{function}({', '.join(names)})"

    def _loop(self) -> Iterator[str]:
        """No loop: the batch at once."""
        batched = [k for k, batch in enumerate(self.batched) if batch]
        yield f"    n = _batch_size({', '.join(f'({k}, a{k})' for k in batched)})"
        for k in batched:
            yield f"    [{', '.join(map(self.name, tree_leaves(self.inputs[k])))}] = _columns({k}, a{k})"
        yield "    with _ignored():"
        yield from (f"        {line}" for line in self.each)
        if self.reduce:
            outputs = tree_leaves(self.outputs)
            yield f"        [{', '.join(f's{i}' for i in range(len(outputs)))}] = _sums(n, {self._nest(outputs)})"
            return
        for i, unit in enumerate(units_of(self.outputs)):
            yield f"        r{i} = {'_table' if isinstance(unit, list) else '_full'}(n, {self._nest(unit)})"

    def _collected(self, name: str, arrays: bool) -> str:
        return name if arrays else f"{name}.tolist()"

    def _columns(self, k: int, argument: Any) -> Any:
        """An argument as rows, one for each of its numbers: with an element for each sample, or one without a batch."""
        import numpy as np  # noqa: PLC0415

        nest, shape, batch = self.inputs[k], self.shapes[k], self.batched[k]
        if not isinstance(argument, np.ndarray) or argument.dtype.kind not in "fiub" or shape is None:
            plain = rows(argument)
            array = np.array(flattened(k, nest, plain, len(plain) if batch else None))
        elif argument.shape[batch:] != shape:
            raise argument_error(
                k, f"samples of {tree_shape(nest)}" if batch else tree_shape(nest), argument, ValueError()
            )
        else:
            array = argument.astype(float, copy=False)
        return np.ascontiguousarray(array.reshape(len(argument) if batch else 1, -1).T)


def _ignored() -> Any:
    """Without NumPy's warnings: infinities and nans are results here."""
    import numpy as np  # noqa: PLC0415

    return np.errstate(all="ignore")


def _table(n: int, columns: Sequence[Any]) -> Any:
    """Columns, arrays of n or numbers, side by side."""
    import numpy as np  # noqa: PLC0415

    table = np.empty((n, len(columns)))
    for j, column in enumerate(columns):
        table[:, j] = column
    return table


def _sums(n: int, columns: Sequence[Any]) -> Any:
    """The sums over the samples, as floats."""
    import numpy as np  # noqa: PLC0415

    spread = [column if isinstance(column, np.ndarray) else np.full(n, column) for column in columns]
    return np.concatenate(spread).reshape(-1, n).sum(axis=1).tolist() if spread else []


def _on_arrays(op: Op) -> Callable[..., Any]:
    import numpy as np  # noqa: PLC0415

    vectorized: dict[str, Callable[..., Any]] = {**_choices(np), "sqrt": np.sqrt}
    if op.name in BUILT_IN and op.name in vectorized:
        return vectorized[op.name]

    def each(*xs: Any) -> Any:
        tables = np.broadcast_arrays(*xs) if len(xs) > 1 else xs
        lists = [table.ravel().tolist() for table in tables]
        return np.fromiter(map(op.computes, *lists), float).reshape(tables[0].shape)

    return each


def _choices(xp: Any) -> dict[str, Callable[..., Any]]:
    """The operations that only choose, in the words that NumPy and its likes share: the same bits everywhere."""
    return {
        "abs": xp.abs,
        "relu": lambda x: xp.where(x <= 0, 0.0, x),
        "sign": lambda x: xp.where(xp.isnan(x), x, xp.where(x > 0, 1.0, 0.0) - xp.where(x < 0, 1.0, 0.0)),
        "step": lambda x: xp.where(xp.isnan(x), x, xp.where(x > 0, 1.0, 0.0)),
        "max": lambda x, y: xp.where((x > y) | xp.isnan(x), x, y),
        "min": lambda x, y: xp.where((x < y) | xp.isnan(x), x, y),
        "where": lambda c, x, y: xp.where(c > 0, x, y),
    }


# A module with NumPy's names -----------------------------------------------------------------------------------------


class ModuleSource(PythonSource):
    """The text of a function on the arrays of `module`."""

    branches = False

    def __init__(self, program: Program, signature: Signature, module: Any) -> None:
        self.module = module
        super().__init__(program, signature)
        self.namespace |= {"_numbers": self._numbers, "_table": self._table, "_full": self._full, "_floats": _floats}

    def _call(self, step: Step, names: Sequence[str], varies: bool) -> str:
        if step.op is TABLE["div"]:
            return step.op.read(*names)
        function = self._function(step.op)
        self.namespace[function] = _in_module(step.op, self.module)
        return f"{function}({', '.join(names)})"

    def text(self) -> str:
        lines = [f"def compiled({self._parameters()}):"]
        for k, nest in enumerate(self.inputs):
            lines.append(f"    [{', '.join(map(self.name, tree_leaves(nest)))}] = _numbers({k}, a{k})")
        if any(self.batched):
            batched = [f"({k}, a{k})" for k, batch in enumerate(self.batched) if batch]
            lines.append(f"    n = _batch_size({', '.join(batched)})")
        lines += [f"    {line}" for line in (*self.once, *self.each)]
        return "\n".join([*lines, f"    return _floats(({self._parameters()},), {self._units()})"]) + "\n"

    def _units(self) -> str:
        """The outputs in their nest; a list, and a batch, is one array."""
        places, texts = count(), []
        for unit in units_of(self.outputs):
            build = "_table" if isinstance(unit, list) else "_full"
            text = f"{build}({'n' if any(self.batched) else 'None'}, {self._nest(unit)})"
            if self.reduce:
                text += ".sum(0)" + " / n" * (self.reduce == "mean")
                terms = tree_map(lambda _: self.added.get(next(places), 0.0), unit)
                if any(term != 0.0 for term in tree_leaves(terms)):
                    text += f" + {'n * ' * (self.reduce == 'sum')}{build}(None, {self._nest(terms)})"
            texts.append(text)
        return written(refilled(self.outputs, iter(texts)))

    def _array(self, x: Any) -> Any:
        """What is not yet one as the module's array; what stands for one while a function is traced stays."""
        ready = hasattr(x, "dtype") and type(x).__module__ != "numpy"
        return x if ready else self.module.asarray(x, dtype=float)

    def _numbers(self, k: int, argument: Any) -> list[Any]:
        """An argument as one array for each number: without dimensions, or with the batch's alone."""
        nest, batch = self.inputs[k], self.batched[k]
        if isinstance(argument, (list, tuple)) and not batch:
            return [self._array(x) for x in flattened(k, nest, argument, convert=False)]
        if batch and isinstance(argument, (list, tuple)):
            plain = flattened(k, nest, argument, len(argument))
            array = self._array(plain).reshape(len(argument), len(tree_leaves(nest)))
        else:
            array = self._array(argument)
            if tuple(array.shape)[batch:] != shape_of(nest):
                shape = " x ".join(map(str, array.shape)) or "no"
                raise ValueError(f"argument {k + 1}: expected {tree_shape(nest)}, got an array of {shape} numbers")
            array = array.reshape(*array.shape[:batch], -1)
        return list(array.T) if batch else list(array)

    def _full(self, n: int | None, x: Any) -> Any:
        return self.module.broadcast_to(self._array(x), () if n is None else (n,))

    def _table(self, n: int | None, xs: Sequence[Any]) -> Any:
        return self.module.stack([self._full(n, x) for x in xs], -1)


def module_function(program: Program, signature: Signature, module: Any) -> Made:
    """The program as a function on the arrays of a module that has NumPy's names."""
    source = ModuleSource(program, signature, module)
    text = source.text()
    function = defined("compiled", text, source.namespace)
    return Made(text, function, repeating(function) if signature.feedback else None)


def _floats(arguments: Any, result: Any) -> Any:
    """The result; as floats and lists where every argument was a number or a list of numbers."""
    if not all(isinstance(x, (int, float)) for x in tree_leaves(arguments)):
        return result
    if isinstance(result, (list, tuple)):
        return type(result)([_floats((), part) for part in result])
    return result.tolist()


_NUMPY_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh", "acosh": "arccosh",
    "atanh": "arctanh",
}  # fmt: skip


def _in_module(op: Op, xp: Any) -> Callable[..., Any]:
    """The operation on the module's arrays.

    Raises:
        ValueError: the module has nothing like it, or a user added the operation.
    """
    if op.name not in BUILT_IN:
        raise ValueError(
            f"the operation {op.name!r} is your own: {xp.__name__} cannot look into it. "
            "Write it with the table's operations, or compile with backend='python' or 'numpy'"
        )

    choices = _choices(xp)

    def sigmoid(x: Any) -> Any:
        z = xp.exp(-xp.abs(x))  # never overflows
        return xp.where(x < 0, z, 1.0) / (1.0 + z)

    def softplus(x: Any) -> Any:
        return choices["relu"](x) + xp.log1p(xp.exp(-xp.abs(x)))

    spelled: dict[str, Callable[..., Any]] = {
        **choices,
        "sigmoid": sigmoid,
        "softplus": softplus,
        "pow": lambda x, y: x**y,
    }
    if op.name in spelled:
        return spelled[op.name]
    name = _NUMPY_NAMES.get(op.name, op.name)
    function = getattr(xp, name, None) or _special(xp, name)
    if function is None and op.name == "cbrt":
        return lambda x: xp.sign(x) * xp.abs(x) ** (1 / 3)
    if function is None:
        raise ValueError(f"{xp.__name__} has no {name}")
    if op.arity == 1:
        return function

    def binary(x: Any, y: Any) -> Any:  # a constant becomes an array like the other operand
        if not hasattr(x, "dtype"):
            x = xp.full_like(y, x)
        return function(x, y if hasattr(y, "dtype") else xp.full_like(x, y))

    return binary


def _special(xp: Any, name: str) -> Callable[..., Any] | None:
    """The error function stands beside the module: jax.scipy.special.erf for jax.numpy, scipy.special.erf for numpy."""
    root = xp.__name__.partition(".")[0]
    try:
        special = importlib.import_module("scipy.special" if root == "numpy" else f"{root}.scipy.special")
    except ImportError:
        return None
    function: Callable[..., Any] | None = getattr(special, name, None)
    return function
