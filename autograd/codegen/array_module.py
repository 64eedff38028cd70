"""Compile to Python source on the arrays of a module with NumPy's names: jax.numpy, torch, or numpy itself.

All numbers are arrays of that module, and all functions its own, so its transformations, compilers and devices work on
the compiled function. It is the program on arrays (`lifting.py`) as `array_views.py` prints it. Results are bit for bit
the module's, except that `x ** 2` and `x ** -1` are always `x * x` and `1 / x`. They differ from eager mode's in the
last digits only, because sums of products are those of matrices, in any order; not in the sign of a zero, other than
such a sum, except that some modules take the square root for `x ** 0.5`: -0.0 of -0.0, nan of -inf; that JAX takes
subnormal numbers for 0; and that sums which are parts of longer ones, at an image's edge or under a causal mask, may be
computed as these with zeros among the factors: an infinity or nan in what the zeros stand beside then makes nan.

Every number has one width in a call, constants included: float64, unless the caller passes arrays of another floating
type; of several, the one that the module promotes them to. Integers and booleans become floats. JAX has float64 only
where it is enabled (`jax_enable_x64`); elsewhere its default, float32, takes the place of float64. All tensors of
PyTorch in a call are on the device of the caller's.
"""

import importlib
import operator
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from math import nan
from numbers import Number
from typing import Any, NamedTuple

from autograd.codegen.arguments import (
    Signature,
    as_array,
    batch_size,
    flattened,
    is_array,
    lone_number,
    pieces_in_place,
    shape_of,
)
from autograd.codegen.array_views import ArrayPrinter, strided
from autograd.codegen.backend import CompiledCode, defined, spelled_out
from autograd.codegen.lifting import lifted
from autograd.codegen.out import into
from autograd.codegen.program import Program, Step, without_fixed_terms
from autograd.codegen.python_source import (
    compiled_source,
    head_of_compiled,
    indented,
    packed_pieces,
    tree_text,
    written,
)
from autograd.codegen.spelling import sized_name, spelling_of
from autograd.errors import UnsupportedOperationError
from autograd.floats import number
from autograd.ops import TABLE, Op, div, pow
from autograd.trees import check_unmasked, tree_leaves, tree_map, tree_shape

_numpy = partial(importlib.import_module, "numpy")
"""NumPy is needed by all modules that can be passed, and imported only then."""


class ModuleSpelling:
    """The spelling of operations on a module's arrays, in Python."""

    def __init__(self, module: Any) -> None:
        self.module = module
        self.functions: dict[str, Any] = {}

    def expression(self, step: Step, names: Sequence[str]) -> str:
        op, xp = step.op, _ModuleFunctions(self.module)
        name, text = op.name, spelling_of(op).write("arrays", names)
        function: Callable[..., Any]
        if op is div and type(step.operands[0]) is float:  # PyTorch's 1e-310 / x is (1 / x) * 1e-310: inf at 1e-310
            function = operator.truediv
        elif op is pow and type(step.operands[1]) is not float:
            function = _power(xp)
        elif op in _AT_TIES and self.module.__name__ != "numpy":  # which has no gradients
            function = _AT_TIES[op](xp)
        elif "xp." not in text:  # an operator
            return text
        else:
            name, function = sized_name(op, len(names)), array_function(op, len(names), self.module)
        self.functions[name] = function if len(names) == 1 else self._with_constants(function)
        return f"{name}({', '.join(names)})"

    def along(self, op: Op, operands: int, lists: Sequence[str]) -> str:
        """Return an operation on lists of so many operands in all, the last axes of arrays."""
        name = op.name
        if name in _OF_LISTS:
            self.functions[name] = _OF_LISTS[name](_ModuleFunctions(self.module))
        else:
            name = sized_name(op, operands)
            self.functions[name] = on_lists(array_function(op, operands, self.module))
        return f"{name}({', '.join(lists)})"

    def transposed(self, name: str, samples: bool) -> str:
        """Return a transposed matrix; with `samples`, the left one of a product that sums over the samples."""
        root = self.module.__name__.partition(".")[0]
        if not samples or root != "jax":
            return f"{name}.T"
        # XLA would make the transposition a part of the product, which then takes twice as long.
        barrier = importlib.import_module("jax.lax").optimization_barrier
        self.functions["transposed"] = lambda x: barrier(x.T)
        return f"transposed({name})"

    def _with_constants(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Make arrays of constants among the operands: alone, they would have the module's default width."""
        np = _numpy()
        asarray = self.module.asarray

        def on_arrays(*operands: Any) -> Any:
            like = next(x for x in operands if hasattr(x, "dtype"))
            options = Kind(like.dtype, _device_of(like)).options
            return function(*[x if hasattr(x, "dtype") else constant(x, options) for x in operands])

        def constant(x: float, options: dict[str, Any]) -> Any:
            if abs(x) < 1e4:  # every width has it
                return asarray(x, **options)
            with np.errstate(over="ignore"):  # what is too large for the width is infinite
                return asarray(x, **options)

        return on_arrays


class _ModuleFunctions:
    """Look up a module's functions by NumPy's names, including those in a submodule, or derived from others.

    Raises:
        UnsupportedOperationError: the module has no such function.
    """

    def __init__(self, module: Any) -> None:
        self._module = module

    def __getattr__(self, name: str) -> Callable[..., Any]:
        self.__dict__[name] = function = self._function(name)  # the next time, it is an attribute
        return function

    def _function(self, name: str) -> Callable[..., Any]:
        xp = self._module
        function: Callable[..., Any] | None = getattr(xp, name, None) or _special(xp, name)
        if function is not None:
            return function
        if name in _ELSEWHERE:
            return self._function(_ELSEWHERE[name])
        if name == "cbrt":
            return lambda x: xp.copysign(xp.abs(x) ** (1 / 3), x)
        if name == "stop_gradient":  # torch has it under another name, NumPy has no gradients
            return getattr(xp, "detach", None) or (lambda x: x)
        if name in _OF_LISTS:
            of_list = _OF_LISTS[name](self)
            return lambda *xs: of_list(self.stack(self.broadcast_arrays(*xs), -1))
        advice = "install scipy, or pass" if xp.__name__ == "numpy" else "pass"
        raise UnsupportedOperationError(f'{xp.__name__} has no {name}: {advice} backend="numpy", which needs none')


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


def on_lists(function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of lists, the last axes of arrays: that of all their elements."""
    return lambda *lists: function(*[x[..., i] for x in lists for i in range(x.shape[-1])])


def _power(xp: Any) -> Callable[[Any, Any], Any]:
    """Return the module's power, whose results for the exponents 2 and -1 are x * x and 1 / x.

    Its derivatives, of any order, are those of the module's own power: from x * x, which has none here, a zero is
    subtracted that has these.
    """
    stop_gradient = xp.stop_gradient  # found here: torch.compile does not look

    def power(x: Any, y: Any) -> Any:
        result, base = x**y, stop_gradient(x)
        exact = ((y == 2) | (y == -1)) & xp.isfinite(result)
        product, divisor = xp.where(y == 2, base, 1.0), xp.where(y == -1, base, 1.0)
        followed = xp.where(exact, result, 0.0)
        return xp.where(exact, product * product / divisor - (stop_gradient(followed) - followed), result)

    return power


def _largest(xp: Any) -> Callable[[Any], Any]:
    """Return the largest along the last axis, whose derivatives at a tie are equal shares.

    A zero has the sign of the last one that ties. From a finite value a zero with these derivatives is subtracted; an
    infinity or a nan is the mean of those that tie.
    """

    stop_gradient = xp.stop_gradient  # found here: torch.compile does not look

    def largest(x: Any) -> Any:
        own = stop_gradient(x)
        value = xp.where(xp.isnan(own).any(-1), nan, xp.amax(own, -1))  # XLA forgets nan in large arrays
        ties = ~(value[..., None] > own)  # all, at nan
        ranks = xp.where(ties, xp.copysign(xp.cumsum(xp.ones_like(own), -1), own), 0.0)
        last = xp.amax(ranks, -1) + xp.amin(ranks, -1)
        value = xp.where(value == 0, xp.copysign(xp.where(value == 0, value, 0.0), last), value)
        if own is x:  # NumPy's, which has no gradients
            return value
        count = xp.where(ties, xp.ones_like(own), 0.0).sum(-1)
        zero = xp.where(ties, own - x, 0.0).sum(-1) / count
        mean = xp.where(ties, x, 0.0).sum(-1) / count
        return xp.where(xp.isfinite(value), value - (zero + 0.0), mean)

    return largest


def _smallest(xp: Any) -> Callable[[Any], Any]:
    largest = _largest(xp)
    return lambda x: -largest(-x)


_OF_LISTS: dict[str, Callable[[Any], Callable[[Any], Any]]] = {"largest": _largest, "smallest": _smallest}
"""Operations on a list, which is the last axis of an array."""

_ELSEWHERE = {"broadcast_arrays": "broadcast_tensors", "permute": "transpose"}
"""Other names of functions: PyTorch's of what NumPy has, and the reverse."""

_AT_TIES: dict[Op, Callable[[Any], Callable[..., Any]]] = {
    TABLE["abs"]: lambda xp: lambda x: xp.where(x == 0, 0.0, xp.abs(x)),
    TABLE["max"]: lambda xp: xp.largest,
    TABLE["min"]: lambda xp: xp.smallest,
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
    spelling, arrays = ModuleSpelling(module), ModuleArrays(module, signature)
    program, signature, terms = without_fixed_terms(*spelled_out(program, signature, "arrays", folds=False))
    of_arrays = lifted(program, signature, exact=False)
    return printed(
        ArrayPrinter(of_arrays, spelling, arrays.shapes, signature.reduce == "mean"), arrays, signature, terms
    )


def printed(printer: ArrayPrinter, arrays: "ModuleArrays", signature: Signature, terms: Iterable[int]) -> CompiledCode:
    """Return the function on arrays that a program is printed as.

    Arguments:
        printer: has printed the statements.
        arrays: the functions for arguments and results.
        signature: the arguments and the results.
        terms: the outputs to which terms are added after the reduction. These terms are the program's outputs beyond
            the signature's, in the same order.
    """
    result = _results(printer, signature, terms)
    arrays.hold(printer.constants, printer.tables)
    given = tree_text(tuple(f"a{k}" for k in range(len(signature.inputs))))
    constants = [f"c{j} = _constant({j}, kind)" for j in range(len(printer.constants))]
    lines = [f"given = {given}", f"{given}, n, kind = _arrays(given)", *constants]
    lines += [*printer.lines, f"result = _plain(given, {result})"]
    if printer.exact:  # infinities and nans are results
        lines = ["with _quiet():", *indented(lines)]
    text = "\n".join([f"def {head_of_compiled(signature)}:", *indented(lines), f"    return {written('result')}", ""])
    code = compiled_source(text, signature, {
        **printer.spelling.functions, **arrays.tables,
        "xp": _ModuleFunctions(arrays.module), "strided": arrays.strided,
        "_arrays": arrays.arrays, "_none": arrays.none, "_full": arrays.full, "_constant": arrays.constant,
        "_plain": arrays.plain, "_into": arrays.into, "_quiet": partial(_numpy().errstate, all="ignore"),
    })  # fmt: skip
    return code._replace(arrays=printer.program)


def _results(printer: ArrayPrinter, signature: Signature, terms: Iterable[int]) -> str:
    """Return the expression for the results; see `printed`."""
    outputs = printer.program.outputs
    fixed = dict(zip(terms, outputs[len(tree_leaves(signature.outputs)) :], strict=True))
    times, texts = "n * " * (signature.reduce == "sum"), []
    for piece, start, n in pieces_in_place(signature.outputs):
        build = printer.together if isinstance(piece, list) else printer.lone
        text = build(outputs[start : start + n], signature.rowwise, times)
        added = [fixed.get(i, -0.0) for i in range(start, start + n)]  # to add -0.0 changes no number
        if any(type(x) is tuple or x != 0.0 for x in added):
            text += f" + {times}{build(added, False, '')}"
        texts.append(text)
    return packed_pieces(signature.outputs, texts)


# Functions called by the generated source ----------------------------------------------------------------------------


class Kind(NamedTuple):
    """The floating type of all numbers in a call, and for PyTorch the device that they are on."""

    dtype: Any
    device: Any = None

    @property
    def options(self) -> dict[str, Any]:
        """The options of `asarray` and `zeros`."""
        return {"dtype": self.dtype} | ({} if self.device is None else {"device": self.device})


class ModuleArrays:
    """Arguments and results as arrays of `module`."""

    def __init__(self, module: Any, signature: Signature) -> None:
        self.module, self.signature = module, signature
        _ = signature.batch, signature.batched_arguments, signature.rowwise  # torch.compile cannot compute them
        shapes = [(shape_of(tree), len(tree_leaves(tree))) for tree in signature.inputs]
        self.shapes = [(size,) if shape is None else shape for shape, size in shapes]
        # Those that arguments have had which needed no conversion. No array is made here to ask for its type: with the
        # first one, JAX chooses its devices, and then it is too late to join other processes.
        self._types: set[type] = set()
        self._dtypes: set[Any] = set()
        self._constants: list[Any] = []
        self._typed: dict[Any, Any] = {}  # the constants by number and type
        self.tables: dict[str, Any] = {}
        self.strided = partial(strided, module)
        self.into = into(signature) if module.__name__ == "numpy" else self._not_into

    def hold(self, constants: Sequence[Sequence[float]], tables: Sequence[Sequence[int]]) -> None:
        """Keep constants, for `constant`, and indices, for the generated source."""
        np = _numpy()
        from_numpy = getattr(self.module, "from_numpy", lambda x: x)
        self._constants = [from_numpy(np.array(numbers, dtype=float)) for numbers in constants]
        self.tables = {f"i{j}": from_numpy(np.array(table)) for j, table in enumerate(tables)}

    def constant(self, j: int, kind: "Kind") -> Any:
        """Return constants in this kind. Those of JAX are NumPy's, which its transformations take for constants."""
        x = self._constants[j]
        if kind.device is not None or hasattr(x, "is_floating_point"):
            return x.to(self.module.float64 if kind.dtype is float else kind.dtype).to(kind.device or x.device)
        if (j, kind.dtype) not in self._typed:
            with _numpy().errstate(over="ignore"):  # what is too large for the width is infinite
                self._typed[j, kind.dtype] = x.astype(kind.dtype)
        return self._typed[j, kind.dtype]

    def arrays(self, arguments: tuple[Any, ...]) -> tuple[list[Any], int | None, "Kind"]:
        """Return the arguments as arrays of the nesting's shape, the number of samples, and the kind of all numbers.

        Raises:
            TypeError: an argument is not plainly real numbers.
            ValueError: it has another shape.
        """
        n = self._samples(arguments)
        if n is not None:
            return list(arguments), n, Kind(arguments[0].dtype, _device_of(arguments[0]))
        kind = self.kind(arguments)
        found = [self.argument(k, x, kind) for k, x in enumerate(arguments)]
        n = batch_size(*((k, arguments[k]) for k in self.signature.batched_arguments)) if self.signature.batch else None
        if all(own is x for own, x in zip(found, arguments)):
            self._types.update(map(type, found))
            self._dtypes.add(kind.dtype)
        return found, n, kind

    def _samples(self, arguments: tuple[Any, ...]) -> int | None:
        """Return the number of samples, 0 without a batch, if all arguments are arrays that need no conversion."""
        n, dtype = 0, None
        for x, shape, batch in zip(arguments, self.shapes, self.signature.batched):
            if type(x) not in self._types or (x.dtype is not dtype and (dtype or x.dtype not in self._dtypes)):
                return None
            dtype, own = x.dtype, x.shape
            if own != shape:
                if not batch or own[1:] != shape or (n and own[0] != n) or not own[0]:
                    return None
                n = own[0]
            elif batch:
                return None
        return n if arguments else None

    def kind(self, arguments: tuple[Any, ...]) -> Kind:
        """Return the kind of all numbers in a call with these arguments.

        Raises:
            TypeError: an argument is not plainly real numbers, or is PyTorch's where the module is not, or the reverse.
        """
        found: Any = float  # to every module its float64, if it has one
        device = None
        for k, (tree, batch, argument) in enumerate(zip(self.signature.inputs, self.signature.batched, arguments)):
            if type(argument) is float and not batch and type(tree) is int:
                continue
            if not (batch or isinstance(tree, (list, tuple)) or hasattr(argument, "tolist") or _is_typed(argument)):
                lone_number(k, argument)  # says which argument is none
            is_array(argument)  # refuses what is not plainly numbers
            leaves = tree_leaves(argument)
            for x in [] if _are_floats(leaves) else leaves:
                check_unmasked(x)
                if _is_typed(x):
                    device = device or _device_of(x)
                    dtype = self._own(x, empty=True).dtype  # the numbers are converted later, once
                    if _is_torch(dtype) != _is_torch(self.module.float64):
                        raise TypeError(
                            f"expected numbers or arrays for {self.module.__name__}, got a "
                            f"{type(x).__module__}.{type(x).__qualname__}: convert it to a NumPy array first"
                        )
                    if "complex" in str(dtype):
                        raise TypeError(f"expected real numbers, got an array of {dtype}: take its .real part")
                    if self._is_floating(dtype):
                        found = dtype if found is float else self.module.promote_types(found, dtype)
        return Kind(found, device)

    def _is_floating(self, dtype: Any) -> bool:
        return bool(
            dtype.is_floating_point if _is_torch(dtype) else self.module.issubdtype(dtype, self.module.floating)
        )

    def _own(self, x: Any, empty: bool = False) -> Any:
        """Convert an array of NumPy's, or a column of pandas', to one of the module's; leave others, and tracers.

        Arguments:
            empty: True for one of the same type without numbers.

        Raises:
            TypeError: it does not hold numbers.
        """
        np = _numpy()
        if hasattr(x, "to_numpy"):
            x = x.to_numpy()
        if not isinstance(x, np.ndarray):
            return x
        if empty:
            x = np.empty(0, x.dtype)
        if x.dtype.kind == "O":  # as the backends with a name take them: numbers of any kind
            x = np.array(list(map(number, x.ravel())), dtype=float).reshape(x.shape)
        if x.dtype.kind not in "fiubc":  # dates, texts
            raise TypeError(f"expected real numbers, got {x.dtype}: convert it to floats first")
        # PyTorch and JAX know neither the other order of bytes, nor more than 64 bits, PyTorch no negative strides.
        dtype = np.float64 if x.dtype == np.longdouble else x.dtype.newbyteorder("=")
        copied = any(stride < 0 for stride in x.strides) or not x.flags.writeable  # PyTorch warns of read-only ones
        return self.module.asarray(x.astype(dtype, copy=copied))

    def array(self, x: Any, kind: Kind) -> Any:
        """Convert a number or an array to the module's array of that kind."""
        own = self._own(x) if _is_typed(x) else x
        if own is not x or not _is_typed(x):
            return self.module.asarray(own, **kind.options)
        if x.dtype == kind.dtype:
            return x
        return x.astype(kind.dtype) if hasattr(x, "astype") else x.to(kind.dtype)  # both keep the graph of gradients

    def argument(self, k: int, argument: Any, kind: Kind) -> Any:
        """Return argument k as an array of its nesting's shape; flat, if its lists differ in length."""
        tree, batch = self.signature.inputs[k], self.signature.batched[k]
        if type(argument) is float and not batch and type(tree) is int:
            return self.array(argument, kind)
        if isinstance(argument, Number) or not is_array(argument):
            samples = batch_size((k, argument)) if batch else None
            numbers = flattened(k, tree, argument, samples, convert=batch)
            if not batch and not _are_floats(numbers):
                numbers = [x if _is_typed(x) else lone_number(k, x) for x in numbers]
            typed = not _are_floats(numbers) and any(map(_is_typed, numbers))  # such as tracers
            array = self.module.stack([self.array(x, kind) for x in numbers]) if typed else self.array(numbers, kind)
            return array.reshape((*([] if samples is None else [samples]), *self.shapes[k]))
        if not _is_typed(argument):  # array.array, memoryview: PyTorch would read their bytes as floats
            argument = as_array(argument)
        array = self.array(argument, kind)
        if tuple(array.shape)[batch:] != shape_of(tree):
            shape = " x ".join(map(str, array.shape)) or "no"
            raise ValueError(f"argument {k + 1}: expected {tree_shape(tree)}, got an array of {shape} numbers")
        return array

    def full(self, n: int | None, x: Any, kind: Kind) -> Any:
        whole = self.module.broadcast_to(self.array(x, kind), () if n is None else (n,))
        return whole.clone() if hasattr(whole, "clone") else whole.copy()

    def none(self, n: int | None, kind: Kind) -> Any:
        return self.module.zeros((*(() if n is None else (n,)), 0), **kind.options)

    def plain(self, arguments: Any, result: Any) -> Any:
        """Return the result; as floats and lists if every argument was numbers or lists of numbers."""
        if any(map(_is_typed, arguments)):
            return result
        leaves = tree_leaves(arguments)
        if not (_are_floats(leaves) or all(isinstance(x, (int, float)) for x in leaves)):
            return result
        return tree_map(lambda x: x.tolist(), result)

    def _not_into(self, out: Any, results: Any) -> Any:
        raise TypeError(
            f"out= is for NumPy's arrays: those of {self.module.__name__} are made by its own functions, which its "
            "derivatives and compilers follow; take what the function returns"
        )


def _is_typed(x: Any) -> bool:
    """Return True for an array or a tracer, which have a dtype, and False for numbers, NumPy's scalars included."""
    return hasattr(x, "dtype") and not isinstance(x, Number)


def _are_floats(numbers: Sequence[Any]) -> bool:
    """Return True for what needs no conversion: in lists of thousands, a check of each would take most of the time."""
    return set(map(type, numbers)) <= {float}


def _device_of(x: Any) -> Any:
    """Return the device of PyTorch's array; None for others, whose modules move numbers themselves."""
    return x.device if _is_torch(x.dtype) else None


def _is_torch(dtype: Any) -> bool:
    """Return True for PyTorch's types of numbers; JAX has NumPy's."""
    return hasattr(dtype, "is_floating_point")
