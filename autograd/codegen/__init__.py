"""Recorded graphs as functions: `compile`.

The graph is lowered to a straight line of steps (`program.py`), which a backend prints as source and runs.
"""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Sequence
from itertools import count
from typing import Any, Protocol

from autograd.codegen.program import lower
from autograd.codegen.python import PythonSource, define
from autograd.engine import Value
from autograd.nests import leaves_of, mapped

_numbers = count(1)


class Compiled(Protocol):
    """What `compile` returns: a function, with its source."""

    source: str
    backend: str

    def __call__(self, *arguments: Any) -> Any: ...

    def repeat(self, n: int, state: Any, *rest: Any) -> Any:
        """Call it n times, feeding its output back as its first argument, and return the last output."""


def compile(
    outputs: Any, inputs: Any, *, in_axes: Any = None, reduce: str | None = None, backend: str = "python"
) -> Compiled:
    """Turn recorded graphs into a function.

    Arguments:
        outputs: a Value, or nested lists and tuples of them: what the function returns, in this nesting.
        inputs: a tuple with one entry for each argument of the function (a lone Value or list counts as one argument);
            an entry is a leaf, or nested lists and tuples of leaves. The argument is a number, or lists or an array
            of numbers in the same nesting. Other leaves that the outputs depend on are frozen: constants, with the
            data that they have now.
        in_axes: for each argument None (the same for the whole batch) or 0 (its first axis is the batch); one of these
            for all. With a batch, each number of the outputs becomes a list over the samples, each flat list a list
            of lists.
        reduce: None, or "sum" or "mean" over the batch, added left to right.
        backend: "python": straight-line source on floats, no dependency, the same bits as the graph itself.

    The graph is what was recorded: an `if` on data was decided then, for good. Use `where` for a choice that has to be
    made anew at each call.

    Returns a function, with its text as `.source` and `.repeat(n, state, *rest)`. Floats and lists come back where
    every argument was a number or a list; with an array among the arguments each flat list comes back as an array.

    Raises:
        TypeError: an output or an input is no Value.
        ValueError: an input is not a leaf or stands twice, or an option is not known. The function raises ValueError
            for arguments of the wrong shape.

    >>> import autograd
    >>> from autograd import Value, grad
    >>> w, b, x = Value(0.5), Value(0.6), Value(0.4)
    >>> y = (w * x + b).tanh()
    >>> f = autograd.compile((y, grad(y, [w, b])), ([w, b], x))
    >>> print(f.source)
    def compiled(a0, a1):
        try:
            [x0, x1] = a0
            if not (type(x0) is type(x1) is float):
                [x0, x1] = map(_number, [x0, x1])
        except (TypeError, ValueError) as problem:
            raise _shape_error(0, '2 numbers', a0, problem) from None
        x2 = a1 if type(a1) is float else _number(a1)
        v0 = x0 * x2
        v1 = v0 + x1
        v2 = tanh(v1)
        v3 = v2 * v2
        v4 = 1.0 - v3
        v5 = v4 * x2
        if type(a0) not in _plain:
            return _with_arrays((v2, [v5, v4]))
        return (v2, [v5, v4])
    <BLANKLINE>
    >>> f([0.5, 0.6], 0.4)
    (0.6640367702678491, [0.2236220670928975, 0.5590551677322437])
    """
    if backend != "python":
        raise ValueError(f"no backend {backend!r} here: there is 'python'")
    if reduce not in (None, "sum", "mean"):
        raise ValueError(f"reduce is None, 'sum' or 'mean', got {reduce!r}")
    entries = inputs if isinstance(inputs, tuple) else (inputs,)
    leaves = leaves_of(entries)
    _check_inputs(leaves)
    batched = _axes(in_axes, len(entries))
    if reduce and not any(batched):
        raise ValueError("reduce needs a batch: say with in_axes which arguments have one")
    wanted = leaves_of(outputs)
    _check_outputs(wanted)
    program = lower(wanted, leaves)
    places, results = iter(range(len(leaves))), iter(program.outputs)
    nests = [mapped(lambda _: next(places), entry) for entry in entries]
    source = PythonSource(program, nests, mapped(lambda _: next(results), outputs), batched, reduce)
    text = source.text()
    function: Any = _defined("compiled", text, source.namespace)
    function.source, function.backend = text, backend
    same_nest = bool(entries) and not any(batched) and _form(outputs) == _form(entries[0])
    function.repeat = _defined("repeated", source.repeated_text(), source.namespace) if same_nest else _not_repeatable
    compiled: Compiled = function
    return compiled


def _not_repeatable(n: int, state: Any, *rest: Any) -> Any:
    raise ValueError("repeat() feeds the output back as the first argument: compile outputs in its nesting, unbatched")


def _form(nest: Any) -> Any:
    return mapped(lambda _: None, nest)


def _check_outputs(leaves: Sequence[Any]) -> None:
    for leaf in leaves:
        if callable(leaf):
            raise TypeError("compile() takes recorded results, not a function: call it on Values first")
        if not isinstance(leaf, Value):
            raise TypeError(
                f"an output is the plain {type(leaf).__name__} {leaf!r}, which would be frozen: pass a Value, "
                "for a gradient grad(loss, x), not x.grad"
            )


def _check_inputs(leaves: Sequence[Any]) -> None:
    for leaf in leaves:
        if not isinstance(leaf, Value):
            raise TypeError(f"inputs are Values, got {type(leaf).__name__} {leaf!r}")
        if leaf.op is not None:
            raise ValueError(f"an input has to be a leaf, but {leaf} was made by {leaf.op}")
    if len(set(leaves)) != len(leaves):
        twice = next(leaf for leaf in leaves if leaves.count(leaf) > 1)
        raise ValueError(f"{twice} stands twice among the inputs")


def _axes(in_axes: Any, arguments: int) -> list[bool]:
    axes = list(in_axes) if isinstance(in_axes, (list, tuple)) else [in_axes] * arguments
    if len(axes) != arguments:
        raise ValueError(f"in_axes has {len(axes)} entries for {arguments} arguments")
    if any(axis is not None and (axis != 0 or isinstance(axis, bool)) for axis in axes):
        raise ValueError(f"in_axes are None or 0, got {in_axes!r}")
    return [axis is not None for axis in axes]


def _defined(name: str, text: str, namespace: dict[str, Any]) -> Callable[..., Any]:
    """Run the source, registered so that tracebacks and `inspect.getsource` show it as long as the function lives."""
    filename = f"<autograd.compile {next(_numbers)}>"
    function = define(name, text, namespace, filename)
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function
