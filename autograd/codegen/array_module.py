"""Compile to Python source on the arrays of a module with NumPy's names: jax.numpy, torch, or numpy itself.

All numbers are arrays of that module, and all functions its own, so its transformations, compilers and devices work on
the compiled function. Results are bit for bit the module's, except that `x ** 2` and `x ** -1` are always `x * x` and
`1 / x`. They differ from eager mode's in the last digits only, not in the sign of a zero, except that some modules take
the square root for `x ** 0.5`: -0.0 of -0.0, nan of -inf; and that JAX takes subnormal numbers for 0.

Every number has one width in a call, constants included: float64, unless the caller passes arrays of another floating
type; of several, the one that the module promotes them to. Integers and booleans become floats. JAX has float64 only
where it is enabled (`jax_enable_x64`); elsewhere its default, float32, takes the place of float64. All tensors of
PyTorch in a call are on the device of the caller's.
"""

import importlib
import operator
import re
from collections.abc import Callable, Sequence
from functools import partial, reduce
from itertools import count
from numbers import Number
from typing import Any, NamedTuple

from autograd.codegen.arguments import (
    Signature,
    as_array,
    batch_size,
    flattened,
    is_array,
    lone_number,
    pieces_of,
    shape_of,
)
from autograd.codegen.backend import CompiledCode, defined, spelled_out
from autograd.codegen.out import into
from autograd.codegen.program import Operand, Program, Step, without_fixed_terms
from autograd.codegen.python_source import (
    Name,
    compiled_source,
    head_of_compiled,
    indented,
    packed_pieces,
    size_of_the_batch,
    straight_statements,
    tree_text,
    variable_names,
    written,
)
from autograd.codegen.spelling import sized_name, spelling_of
from autograd.errors import UnsupportedOperationError
from autograd.floats import number
from autograd.ops import TABLE, Op, div, pow
from autograd.trees import check_unmasked, tree_leaves, tree_map, tree_shape


class ModuleSpelling:
    """The spelling of operations on a module's arrays, in Python."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.functions: dict[str, Any] = {}

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op = step.op
        text = spelling_of(op).write("arrays", names)
        if op is div and type(step.operands[0]) is float:  # PyTorch's 1e-310 / x is (1 / x) * 1e-310: inf at 1e-310
            self.functions["div"] = self._with_constants(operator.truediv)
            return f"div({', '.join(names)})"
        if op is pow and type(step.operands[1]) is not float:
            self.functions["pow"] = self._with_constants(_power(self.module))
            return f"pow({', '.join(names)})"
        if op in _AT_TIES and self.module.__name__ != "numpy":  # which has no gradients
            self.functions[op.name] = self._with_constants(_AT_TIES[op](_ModuleFunctions(self.module)))
            return f"{op.name}({', '.join(names)})"
        if "xp." not in text:  # an operator
            return text
        name = sized_name(op, len(names))
        function = array_function(op, len(names), self.module)
        self.functions[name] = function if len(names) == 1 else self._with_constants(function)
        return f"{name}({', '.join(names)})"

    def _with_constants(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make arrays of constants among the operands: alone, they would have the module's default width."""
        asarray = self.module.asarray

        def on_arrays(*operands: Any) -> Any:
            like = next(x for x in operands if hasattr(x, "dtype"))
            kind = _Kind(like.dtype, _device_of(like))
            return function(*[x if hasattr(x, "dtype") else asarray(x, **kind.options) for x in operands])

        return on_arrays


class _ModuleFunctions:
    """Look up a module's functions by NumPy's names, including those in a submodule, or derived from others.

    Raises:
        UnsupportedOperationError: the module has no such function.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Callable[..., Any]:
        xp = self._module
        function: Callable[..., Any] | None = getattr(xp, name, None) or _special(xp, name)
        if function is None and name == "cbrt":
            return lambda x: xp.copysign(xp.abs(x) ** (1 / 3), x)
        if function is None and name == "stop_gradient":  # torch has it under another name, NumPy has no gradients
            return getattr(xp, "detach", None) or (lambda x: x)
        if function is None and name in _OF_MANY:
            return _OF_MANY[name](self)
        if function is None:
            advice = "install scipy, or pass" if xp.__name__ == "numpy" else "pass"
            raise UnsupportedOperationError(f'{xp.__name__} has no {name}: {advice} backend="numpy", which needs none')
        return function


def array_function(op: Op, operands: int, module: Any) -> Callable[..., Any]:
    """Return an operation of the table as a function of that many operands, on the arrays of `module`.

    Raises:
        UnsupportedOperationError: the module lacks a function in the operation's spelling.
    """
    xp, names = _ModuleFunctions(module), [f"x{i}" for i in range(operands)]
    text = spelling_of(op).write("arrays", names)
    for name in re.findall(r"xp\.(\w+)", text):
        getattr(xp, name)  # so that a missing name raises now, not in the first call
    return defined(op.name, f"def {op.name}({', '.join(names)}):\n    return {text}\n", {"xp": xp})


def _power(module: Any) -> Callable[[Any, Any], Any]:
    """Return the module's power, whose results for the exponents 2 and -1 are x * x and 1 / x.

    Its derivatives, of any order, are those of the module's own power: from x * x, which has none here, a zero is
    subtracted that has these.
    """
    xp = _ModuleFunctions(module)

    def power(x: Any, y: Any) -> Any:
        result, base = x**y, xp.stop_gradient(x)
        exact = ((y == 2) | (y == -1)) & xp.isfinite(result)
        product, divisor = xp.where(y == 2, base, 1.0), xp.where(y == -1, base, 1.0)
        followed = xp.where(exact, result, 0.0)
        return xp.where(exact, product * product / divisor - (xp.stop_gradient(followed) - followed), result)

    return power


def _abs(xp: Any) -> Callable[[Any], Any]:
    """Return the absolute value, whose derivative at 0 is 0; JAX's own is 1 there."""
    return lambda x: xp.where(x == 0, 0.0, xp.abs(x))


def _largest(xp: Any) -> Callable[..., Any]:
    """Return the largest of several, whose derivatives at a tie are equal shares.

    The value is that of `where`, to the sign of a zero. Where it is finite, a zero with these derivatives is subtracted
    from it; an infinity or a nan is the mean of those that tie.
    """

    def largest(*xs: Any) -> Any:
        stopped = [xp.stop_gradient(x) for x in xs]
        value = reduce(lambda x, y: xp.where((x > y) | xp.isnan(x), x, y), stopped)
        ties = [~(value > x) for x in stopped]  # all, at nan
        count = sum(xp.where(tie, xp.ones_like(value), 0.0) for tie in ties)
        zero = sum(xp.where(tie, own - x, 0.0) for tie, own, x in zip(ties, stopped, xs)) / count
        mean = sum(xp.where(tie, x, 0.0) for tie, x in zip(ties, xs)) / count
        return xp.where(xp.isfinite(value), value - (zero + 0.0), mean)

    return largest


def _smallest(xp: Any) -> Callable[..., Any]:
    largest = _largest(xp)
    return lambda *xs: -largest(*(-x for x in xs))


_OF_MANY: dict[str, Callable[[Any], Callable[..., Any]]] = {"largest": _largest, "smallest": _smallest}

_AT_TIES: dict[Op, Callable[[Any], Callable[..., Any]]] = {
    TABLE["abs"]: _abs,
    TABLE["max"]: _largest,
    TABLE["min"]: _smallest,
}
"""Operations whose own derivatives in JAX or PyTorch, where operands tie, are not those of the row."""


def _special(xp: Any, name: str) -> Callable[..., Any] | None:
    """Return a function of `scipy.special`, for jax.numpy of `jax.scipy.special` or `jax.lax`, if any."""
    root = xp.__name__.partition(".")[0]
    for place in ["scipy.special"] if root == "numpy" else [f"{root}.scipy.special", f"{root}.lax"]:
        try:
            function: Callable[..., Any] | None = getattr(importlib.import_module(place), name, None)
        except ImportError:
            continue
        if function is not None:
            return function
    return None


def module_backend(program: Program, signature: Signature, module: Any) -> CompiledCode:
    """Compile to a function on the arrays of `module`.

    Raises:
        UnsupportedOperationError: the module lacks an operation.
    """
    program, signature, terms = without_fixed_terms(*spelled_out(program, signature, "arrays"))
    name, spelling = variable_names(program), ModuleSpelling(module)
    statements = straight_statements(program, signature, name, spelling)
    arguments = tree_text(tuple(f"a{k}" for k in range(len(signature.inputs))))
    lines = [f"def {head_of_compiled(signature)}:", f"    kind = _kind({arguments})"]
    for k, tree in enumerate(signature.inputs):
        lines.append(f"    [{', '.join(map(name, tree_leaves(tree)))}] = _numbers({k}, a{k}, kind)")
    if signature.batch:
        lines.append(f"    {size_of_the_batch(signature)}")
    lines += indented([*statements.once, *statements.each])
    result = _outputs_as_arrays(signature, terms, name)
    lines += [f"    result = _plain({arguments}, {result})", f"    return {written('result')}"]
    text = "\n".join(lines) + "\n"
    arrays = _Arrays(module, signature)
    return compiled_source(text, signature, {
        **spelling.functions,
        "_kind": arrays.kind, "_numbers": arrays.numbers, "_table": arrays.table, "_full": arrays.full,
        "_plain": _plain, "_into": into(signature) if module.__name__ == "numpy" else partial(_not_into, module),
    })  # fmt: skip


def _outputs_as_arrays(signature: Signature, terms: dict[int, Operand], name: Name) -> str:
    """Return the expression for the outputs: each flat list, or batch, becomes one array."""
    n, places, texts = "n" if signature.batch else "None", count(), []
    for piece in pieces_of(signature.outputs):
        build = "_table" if isinstance(piece, list) else "_full"
        text = f"{build}({n}, {tree_text(tree_map(name, piece))}, kind)"
        if signature.reduce:
            text += ".sum(0)" + " / n" * (signature.reduce == "mean")
            fixed = tree_map(lambda _: terms.get(next(places), 0.0), piece)
            if any(type(term) is int or term != 0.0 for term in tree_leaves(fixed)):
                text += (
                    f" + {'n * ' * (signature.reduce == 'sum')}{build}(None, {tree_text(tree_map(name, fixed))}, kind)"
                )
        texts.append(text)
    return packed_pieces(signature.outputs, texts)


# Functions called by the generated source ----------------------------------------------------------------------------


class _Kind(NamedTuple):
    """The floating type of all numbers in a call, and for PyTorch the device that they are on."""

    dtype: Any
    device: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of `asarray` and `zeros`."""
        return {"dtype": self.dtype} | ({} if self.device is None else {"device": self.device})


class _Arrays:
    """Arguments and results as arrays of `module`."""

    def __init__(self, module: Any, signature: Signature) -> None:
        self.module, self.signature = module, signature

    def kind(self, arguments: tuple[Any, ...]) -> _Kind:
        """Return the kind of all numbers in a call with these arguments.

        Raises:
            TypeError: an argument is not plainly real numbers, or is PyTorch's where the module is not, or the reverse.
        """
        found: Any = float  # to every module its float64, if it has one
        device = None
        for k, (tree, batch, argument) in enumerate(zip(self.signature.inputs, self.signature.batched, arguments)):
            if not (batch or isinstance(tree, (list, tuple)) or hasattr(argument, "tolist") or _is_typed(argument)):
                lone_number(k, argument)  # says which argument is none
            is_array(argument)  # refuses what is not plainly numbers
            for x in tree_leaves(argument):
                check_unmasked(x)
                if _is_typed(x):
                    device = device or _device_of(x)
                    dtype = self._own(_emptied(x)).dtype  # the numbers are converted later, once
                    if _is_torch(dtype) != _is_torch(self.module.float64):
                        raise TypeError(
                            f"expected numbers or arrays for {self.module.__name__}, got a "
                            f"{type(x).__module__}.{type(x).__qualname__}: convert it to a NumPy array first"
                        )
                    if "complex" in str(dtype):
                        raise TypeError(f"expected real numbers, got an array of {dtype}: take its .real part")
                    if self._is_floating(dtype):
                        found = dtype if found is float else self.module.promote_types(found, dtype)
        return _Kind(found, device)

    def _is_floating(self, dtype: Any) -> bool:
        return bool(
            dtype.is_floating_point if _is_torch(dtype) else self.module.issubdtype(dtype, self.module.floating)
        )

    def _own(self, x: Any) -> Any:
        """Convert an array of NumPy's, or a column of pandas', to one of the module's; leave others, and tracers.

        Raises:
            TypeError: it does not hold numbers.
        """
        import numpy as np  # noqa: PLC0415  # the modules that can be passed need it

        if hasattr(x, "to_numpy"):
            x = x.to_numpy()
        if not isinstance(x, np.ndarray):
            return x
        if x.dtype.kind == "O":  # as the backends with a name take them: numbers of any kind
            x = np.array(list(map(number, x.ravel())), dtype=float).reshape(x.shape)
        if x.dtype.kind not in "fiubc":  # dates, texts
            raise TypeError(f"expected real numbers, got {x.dtype}: convert it to floats first")
        # PyTorch and JAX know neither the other order of bytes, nor more than 64 bits, PyTorch no negative strides.
        dtype = np.float64 if x.dtype == np.longdouble else x.dtype.newbyteorder("=")
        copied = any(stride < 0 for stride in x.strides) or not x.flags.writeable  # PyTorch warns of read-only ones
        return self.module.asarray(x.astype(dtype, copy=copied))

    def array(self, x: Any, kind: _Kind) -> Any:
        """Convert a number or an array to the module's array of that kind."""
        own = self._own(x) if _is_typed(x) else x
        if own is not x or not _is_typed(x):
            return self.module.asarray(own, **kind.options)
        if x.dtype == kind.dtype:
            return x
        return x.astype(kind.dtype) if hasattr(x, "astype") else x.to(kind.dtype)  # both keep the graph of gradients

    def numbers(self, k: int, argument: Any, kind: _Kind) -> list[Any]:
        """Return one array for each number of argument k: a scalar, or the vector of a batch."""
        tree, batch = self.signature.inputs[k], self.signature.batched[k]
        plain = isinstance(argument, Number) or not is_array(argument)
        if plain and not batch:
            numbers = flattened(k, tree, argument, convert=False)
            return [self.array(x if _is_typed(x) else lone_number(k, x), kind) for x in numbers]
        if plain:
            samples = batch_size((k, argument))
            rows = flattened(k, tree, argument, samples)
            array = self.array(rows, kind).reshape(samples, len(tree_leaves(tree)))
        else:
            if not _is_typed(argument):  # array.array, memoryview: PyTorch would read their bytes as floats
                argument = as_array(argument)
            array = self.array(argument, kind)
            if tuple(array.shape)[batch:] != shape_of(tree):
                shape = " x ".join(map(str, array.shape)) or "no"
                raise ValueError(f"argument {k + 1}: expected {tree_shape(tree)}, got an array of {shape} numbers")
            array = array.reshape(*array.shape[:batch], len(tree_leaves(tree)))
        return list(array.T) if batch else list(array)

    def full(self, n: int | None, x: Any, kind: _Kind) -> Any:
        return self.module.broadcast_to(self.array(x, kind), () if n is None else (n,))

    def table(self, n: int | None, xs: Sequence[Any], kind: _Kind) -> Any:
        if not xs:
            return self.module.zeros((*(() if n is None else (n,)), 0), **kind.options)
        return self.module.stack([self.full(n, x, kind) for x in xs], -1)


def _emptied(x: Any) -> Any:
    """Return an array of the same type without numbers for one of NumPy's or a column of pandas'; leave others."""
    import numpy as np  # noqa: PLC0415  # as above

    plain = isinstance(x, np.ndarray) or (hasattr(x, "to_numpy") and isinstance(x.dtype, np.dtype))
    return np.empty(0, x.dtype) if plain else x


def _is_typed(x: Any) -> bool:
    """Return True for an array or a tracer, which have a dtype, and False for numbers, NumPy's scalars included."""
    return hasattr(x, "dtype") and not isinstance(x, Number)


def _device_of(x: Any) -> Any:
    """Return the device of PyTorch's array; None for others, whose modules move numbers themselves."""
    return x.device if _is_torch(x.dtype) else None


def _is_torch(dtype: Any) -> bool:
    """Return True for PyTorch's types of numbers; JAX has NumPy's."""
    return hasattr(dtype, "is_floating_point")


def _not_into(module: Any, out: Any, results: Any) -> Any:
    raise TypeError(
        f"out= is for NumPy's arrays: those of {module.__name__} are made by its own functions, which its derivatives "
        "and compilers follow; take what the function returns"
    )


def _plain(arguments: Any, result: Any) -> Any:
    """Return the result; as floats and lists if every argument was numbers or lists of numbers."""
    if not all(isinstance(x, (int, float)) for x in tree_leaves(arguments)):
        return result
    if isinstance(result, (list, tuple)):
        return type(result)([_plain((), part) for part in result])
    return result.tolist()
