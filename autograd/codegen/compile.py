"""Turn recorded graphs into functions: `compile`, and the table of backends.

The graph is lowered to a list of steps (`program.py`), which a backend turns into source and a function.
"""

import gc
import math
import operator
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple, Protocol, SupportsIndex

from autograd.choices import warn_of_choices
from autograd.codegen.arguments import Signature
from autograd.codegen.array_module import module_backend
from autograd.codegen.backend import Backend, CompiledCode
from autograd.codegen.c import c_backend
from autograd.codegen.c_library import CProgram
from autograd.codegen.lifting import lifted_if_few
from autograd.codegen.numpy_tables import numpy_backend
from autograd.codegen.program import Program, lower
from autograd.codegen.python import python_backend
from autograd.engine import Value
from autograd.files import named_file, write_whole
from autograd.text import Text, quoted
from autograd.trees import if_a_dictionary, tree_leaves, tree_map
from autograd.validation import check_leaves

BACKENDS: dict[str, Backend] = {
    "python": python_backend,
    "numpy": numpy_backend,
    "c": c_backend,
}
"""The backends by the names that `compile` takes; `backend.py` says how to add one."""


MOST_KINDS_SHOWN = 5_000  # of steps, where the backend prints these one by one: the text is for people


class Preference(NamedTuple):
    """The facts by which `fit` makes the best use of a backend."""

    most_in_lists: float = 0
    """The number of parameters up to which lists of numbers are faster than arrays."""
    needs_numpy: bool = False


FASTEST_FIRST = {
    "c": Preference(most_in_lists=32),
    "numpy": Preference(needs_numpy=True),
    "python": Preference(most_in_lists=math.inf),
}
"""The backends that `fit` tries in turn if it may choose. The last one works everywhere."""


class Compiled(Protocol):
    """A compiled function."""

    source: str
    """The generated source."""
    arrays: str
    """The program on arrays that the recorded steps were lifted to, as text (`array_program.py`)."""
    backend: Any
    """The `backend` that was passed to `compile`."""
    program: CProgram | None
    """The program in C, for callers that call it from C; None for other backends."""

    def __call__(self, *arguments: Any, out: Any = None) -> Any: ...

    def repeat(self, n: int, state: Any, *rest: Any) -> Any:
        """Call it n times, feeding its output back as its first argument, and return the last output."""

    def write(self, path: str | os.PathLike[str]) -> Path:
        """Save the source to a file, and return its path."""


def compile(
    outputs: Any, inputs: Any, *, in_axes: Any = None, reduce: str | None = None, backend: Any = "python"
) -> Compiled:
    """Turn recorded graphs into a function.

    Arguments:
        outputs: what the function returns: a Value, or nested lists and tuples of them. Results have the same nesting.
        inputs: a tuple with one entry for each argument of the function (a lone Value or list counts as one argument);
            an entry is a leaf, or nested lists and tuples of leaves. The argument is a number, or lists or an array
            of numbers in the same nesting. Other leaves that the outputs depend on are frozen: constants, with the
            data that they have now.
        in_axes: as in `jax.vmap`, for each argument None (the same for the whole batch) or 0 (its first axis is the
            batch), or one of these for all. With a batch, each number of the outputs becomes a list over the samples,
            each flat list a list of lists.
        reduce: None, or "sum" or "mean" over the batch, of the whole output: a term that is the same for every sample,
            such as a penalty on the weights, counts once for each of them in a sum, and once in all in a mean. Such a
            term is multiplied by their number, and "numpy" and "c" add the samples in another order; so the last
            digits may differ.
        backend: the target.
            "python": statements on floats; no dependency, the same bits as the graph itself.
            "numpy": the same operations on arrays, a batch and a layer at once. The same bits too, except that a
            `reduce` adds the samples in another order.
            "c": C, several samples in one vector instruction, compiled by the system's compiler (or the one in `CC`)
            and cached (in `AUTOGRAD_CACHE_DIR`, or the user's cache). The same bits, except for `hypot` (within 2 ulp).
            A module with NumPy's names, such as `jax.numpy` or `torch`: statements on that module's arrays, which
            `jax.jit`, `jax.vmap` or `torch.compile` can transform.

    The function computes what was recorded: an `if` on data was decided during recording, once and for all. Use `where`
    for a choice to make at each call.

    Returns a function. `.source` is its source, `.write(path)` saves that. `.arrays` shows the computation as a few
    statements on arrays, to which layers of neurons are lifted; where the backend prints step by step, for at most
    5,000 kinds of steps. `.repeat(n, state, *rest)` calls it n times, feeding its result back as its first argument.
    Results are floats and lists where every argument was a number or a list; with an array among the arguments, each
    flat list is returned as an array. The function cannot be pickled: to use it in several processes, compile in each.

    `out=`, as NumPy has it, takes arrays of float64 in the nesting of the outputs; the function writes its results into
    them and returns `out`. One array may take the place of a flat list, or of any rectangular part of the outputs. None
    in the place of a part asks for its result. The arrays may be those that are passed as arguments.

    Warns:
        FrozenChoiceWarning: before an output was recorded, Values were compared that it depends on, or inputs, or
            results of these, as by `np.maximum`, `max`, `sorted` or `if x > y`: the function keeps that choice.

    Raises:
        TypeError: an output or an input is not a Value.
        ValueError: an input is not a leaf or occurs twice, or an option is unknown. The compiled function raises
            ValueError for arguments of the wrong shape, and for an `out` of another, or read-only, before anything is
            written.
        UnsupportedOperationError: the backend cannot express an operation, such as one of your own whose function runs
            in Python only. It is a ValueError.
        CompilerError: there is no C compiler.

    >>> import autograd
    >>> from autograd import Value, grad
    >>> w, b, x = Value(0.5), Value(0.6), Value(0.4)
    >>> y = (w * x + b).tanh()
    >>> f = autograd.compile((y, grad(y, [w, b])), ([w, b], x))
    >>> print(f.source)
    def compiled(a0, a1, *, out=None):
        try:
            [x0, x1] = a0
            if not (type(x0) is type(x1) is float):
                [x0, x1] = map(_number, [x0, x1])
        except (TypeError, ValueError, OverflowError) as problem:
            raise _argument_error(0, '2 numbers', a0, problem) from None
        x2 = a1 if type(a1) is float else _lone(1, a1)
        v0 = x0 * x2
        v1 = v0 + x1
        v2 = tanh(v1)
        v3 = v2 * v2
        v4 = 1.0 - v3
        v5 = v4 * x2
        if type(a0) not in _plain and _is_array(a0):
            result = (v2, _array([v5, v4]))
        else:
            result = (v2, [v5, v4])
        return result if out is None else _into(out, result)
    <BLANKLINE>
    >>> f([0.5, 0.6], 0.4)
    (0.6640367702678491, [0.2236220670928975, 0.5590551677322437])

    With NumPy, the gradient into an array that is there already:

    >>> import numpy as np
    >>> gradient = np.empty(2)
    >>> f([0.5, 0.6], 0.4, out=(None, gradient))
    (0.6640367702678491, array([0.22362207, 0.55905517]))
    """
    make = _backend(backend)
    with _uncollected():
        program, signature = _lowered(outputs, inputs, in_axes, reduce)
        code = make(program, signature)
        function = _finished(code, backend)
        function.arrays = Text(_arrays_text(code, program, signature))
    keeps = "the compiled function keeps that choice for all arguments"
    warn_of_choices(tree_leaves(outputs), keeps, tree_leaves(inputs))
    return function


def compile_recorded(
    outputs: Any, inputs: Any, *, in_axes: Any = None, reduce: str | None = None, backend: Any = "python"
) -> Compiled:
    """Compile as `compile` does, for callers that have seen to it that no comparison shaped the recording.

    The function has no `arrays`.
    """
    make = _backend(backend)
    with _uncollected():
        return _finished(make(*_lowered(outputs, inputs, in_axes, reduce)), backend)


def _arrays_text(code: CompiledCode, program: Program, signature: Signature) -> str:
    arrays = code.arrays or lifted_if_few(program, signature, MOST_KINDS_SHOWN)
    if arrays is None:
        return (
            f"{len(program.steps):,} steps of more than {MOST_KINDS_SHOWN:,} kinds, which this backend does not need "
            'on arrays: compile with backend="numpy" to see them'
        )
    return str(arrays)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Pause the cyclic garbage collector, which would take almost half of the time: it finds nothing here."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def _lowered(outputs: Any, inputs: Any, in_axes: Any, reduce: str | None) -> tuple[Program, Signature]:
    """Check the arguments of `compile`, and return the program and its signature."""
    if reduce not in (None, "sum", "mean"):
        raise ValueError(f"reduce is None, 'sum' or 'mean', got {quoted(reduce)}")
    entries = inputs if isinstance(inputs, tuple) else (inputs,)
    leaves = tree_leaves(entries)
    check_leaves(leaves, "inputs", "pass leaves that the outputs depend on")
    batched = _axes(in_axes, len(entries))
    if reduce and not any(batched):
        raise ValueError("reduce needs a batch: in_axes says which arguments have one")
    wanted = tree_leaves(outputs)
    _check_outputs(wanted)
    program = lower(wanted, leaves, folds=False)
    places, results = iter(range(len(leaves))), iter(program.outputs)
    trees = [tree_map(lambda _: next(places), entry) for entry in entries]
    return program, Signature(trees, tree_map(lambda _: next(results), outputs), batched, reduce)


def _finished(code: CompiledCode, backend: Any) -> Compiled:
    function: Any = code.call
    function.source, function.backend, function.program = Text(code.text), backend, code.program
    function.repeat = _not_repeatable if code.repeat is None else partial(_repeated, code.repeat)
    function.write = partial(_write, code.text)
    result: Compiled = function
    return result


def _backend(backend: Any) -> Backend:
    if isinstance(backend, str) and backend in BACKENDS:
        return BACKENDS[backend]
    if isinstance(backend, ModuleType):
        return partial(module_backend, module=backend)
    raise ValueError(
        f"no backend {quoted(backend)}: there are {', '.join(map(repr, BACKENDS))}, "
        "and modules with NumPy's names, such as jax.numpy or torch (the module itself, not its name)"
    )


def _write(text: str, path: str | os.PathLike[str]) -> Path:
    write_whole(path, text)
    return Path(named_file(path))


def _repeated(repeat: Callable[..., Any], n: SupportsIndex, state: Any, *rest: Any) -> Any:
    n = operator.index(n)
    if not 0 <= n < 2**63:
        raise ValueError(f"n is the number of calls, 0 or more, got {n}")
    return repeat(n, state, *rest)


def _not_repeatable(n: int, state: Any, *rest: Any) -> Any:
    raise ValueError("repeat() feeds the output back as the first argument: compile outputs in its nesting, unbatched")


def _check_outputs(leaves: Sequence[Any]) -> None:
    for leaf in leaves:
        if callable(leaf):
            raise TypeError("compile() takes recorded results, not a function: call it on Values first")
        if isinstance(leaf, Mapping):
            raise TypeError(f"an output is a {type(leaf).__name__}{if_a_dictionary(leaf)}")
        if not isinstance(leaf, Value):
            raise TypeError(
                f"an output is the plain {type(leaf).__name__} {quoted(leaf)}, which would be frozen: pass a Value, "
                "for a gradient grad(loss, x), not x.grad"
            )


def _axes(in_axes: Any, arguments: int) -> list[bool]:
    axes = list(in_axes) if isinstance(in_axes, (list, tuple)) else [in_axes] * arguments
    if len(axes) != arguments:
        raise ValueError(f"in_axes has {len(axes)} entries for {arguments} arguments")
    if any(axis is not None and (axis != 0 or isinstance(axis, bool)) for axis in axes):
        raise ValueError(f"in_axes are None or 0, got {quoted(in_axes)}")
    return [axis is not None for axis in axes]
