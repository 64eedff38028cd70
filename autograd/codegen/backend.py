"""Define the contract of a backend: a function from a program and a signature to compiled code.

To add a backend, write one file with such a function, and list it in `BACKENDS` in `compile.py`. The arithmetic is the
program's (`program.py`): a list of steps in order of execution, each an operation on the numbers of earlier values
(`int`) and on constants (`float`). The signature (`arguments.py`) maps those numbers to the function's arguments and
results. A backend also implements batches and `reduce`, or raises a ValueError.

A value is *batch-invariant* if no batched argument affects it: it is the same for every sample, so it is computed once
in a call. Without a batch, all values are.

A backend is composed of independent parts:

    `spelled_out` replaces operations that the target does not spell by others that it does, and folds x * 1
    spelling      one operation as the target writes it: an object with `expression` (see `Spelling`)
    `lifted`      a few statements on arrays in place of the steps, for targets that have arrays (`lifting.py`)
    statements    steps as lines, batch-invariant ones apart from the others: `straight_statements`
    arguments     checks and conversions while the function runs (`arguments.py`), and the lines of a Python function
                  that unpacks its arguments and assembles its result (`python_source.py`)
    `defined`     turns source into a function that tracebacks can show
    `repeating`   loops over the function in Python, if the target has no loop (`compiled_source` does both)
    `over_samples`  batches for a backend without them: a call for each sample, then lists, a sum or a mean

`python.py` combines them for floats. A backend for `decimal` would differ in its spelling, and in the conversion of
arguments and results.
"""

import linecache
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, repeat
from types import FunctionType
from typing import Any, NamedTuple, Protocol, cast

from autograd.codegen.arguments import Signature, as_array, batch_size, checked_lists, is_array, pieces_of, with_pieces
from autograd.codegen.array_program import ArrayProgram
from autograd.codegen.c_library import CProgram
from autograd.codegen.program import Program, Step, expanded
from autograd.floats import number, sum_
from autograd.ops import Op
from autograd.trees import tree_leaves, tree_map


class CompiledCode(NamedTuple):
    """A program compiled by a backend."""

    text: str
    """The complete source, for `.source` and `.write`; it contains no text written by the user."""
    call: Callable[..., Any]
    """The function, called with the signature's arguments. It must accept attributes, and be in no reference cycle.

    If it computes in float64, it takes `out`, too, and passes it on to the function of `out.py`.
    """
    repeat: Callable[..., Any] | None = None
    """`repeat(n, state, *rest)`, required where `signature.feedback`, else None."""
    arrays: ArrayProgram | None = None
    """The program on arrays that it was printed from, if it was."""
    program: CProgram | None = None
    """The program in C, for callers that call it from C."""


class Backend(Protocol):
    """Compile a program to code with this signature.

    Raises:
        UnsupportedOperationError: the backend cannot express an operation; the message says what to do instead.
            `fit` with backend="auto" then goes on to the next backend; any other error ends it.
        CompilerError: the backend needs a compiler, and there is none.
    """

    def __call__(self, program: Program, signature: Signature) -> CompiledCode: ...


class Spelling(Protocol):
    """The spelling of operations in a target that is written in Python."""

    functions: dict[str, Any]
    """The functions called by the expressions so far, by name."""

    def expression(self, step: Step, names: Sequence[str]) -> str:
        """Return one operation other than `sum` and `dot` as an expression.

        Arguments:
            step: the operation with its operands, for spellings that depend on a constant.
            names: the operands as written, constants included.
        """


def spelled_out(
    program: Program,
    signature: Signature,
    target: str | Callable[[Op], bool],
    *,
    calls_functions: bool = False,
    folds: bool = True,
) -> tuple[Program, Signature]:
    """Expand the operations that `target` does not spell (see `expanded`), in program and signature.

    `folds`: False for a program that is lifted, in which x * 1 is of the same kind as x * 2 (`lifting.py`).
    """
    otherwise = "Or pass backend='python' or 'numpy', which call the function"
    program = expanded(program, target, otherwise=otherwise, calls_functions=calls_functions, folds=folds)
    return program, signature.with_outputs(program.outputs)


_serial = count(1)


def defined(name: str, text: str, namespace: dict[str, Any]) -> FunctionType:
    """Run the source and return the function `name`.

    The source is registered, so that tracebacks and `inspect.getsource` show it while the function exists.
    """
    filename = f"<autograd.compile {next(_serial)}>"
    scope = dict(namespace)
    exec(compile(text, filename, "exec"), scope)
    function: FunctionType = scope.pop(name)  # a function among its own globals would be a reference cycle
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function


def _widened(x: Any, width: Any) -> Any:
    """Return a number as a float, an array with floats of this type."""
    if hasattr(x, "astype"):
        return x.astype(width)
    return x.to(width) if hasattr(x, "to") else number(x)  # of PyTorch


def repeating(function: FunctionType) -> Callable[..., Any]:
    """Return `repeat` for a backend without its own loop: it calls the function and feeds back the result."""
    # A twin, because the function itself will hold `repeat`: another reference cycle.
    call = FunctionType(function.__code__, function.__globals__, closure=function.__closure__)
    call.__kwdefaults__ = function.__kwdefaults__

    def repeated(n: int, state: Any, *rest: Any) -> Any:
        if n == 0:
            results = tree_leaves(call(state, *rest))  # refuses what any other n would refuse
            width = next((x.dtype for x in results if hasattr(x, "dtype")), float)
            return tree_map(lambda x: _widened(x, width), state)
        for _ in range(n):
            state = call(state, *rest)
        return state

    return repeated


def over_samples(backend: Backend) -> Backend:
    """Return a backend with batches, made of one without: it calls the function for each sample.

    The results of the samples are listed, or added in floats, left to right. `fit` compiles batches with
    `reduce="mean"`. The source is that of one sample.
    """

    def batched_backend(program: Program, signature: Signature) -> CompiledCode:
        if not signature.batch:
            return backend(program, signature)
        code = backend(program, replace(signature, batched=[False] * len(signature.inputs), reduce=None))

        def call(*arguments: Any) -> Any:
            n = batch_size(*((k, arguments[k]) for k in signature.batched_arguments))
            lists = map(checked_lists, arguments)
            columns = [x if k in signature.batched_arguments else repeat(x) for k, x in enumerate(lists)]
            results = [code.call(*sample) for sample in zip(*columns)]
            if signature.reduce:
                share = n if signature.reduce == "mean" else 1
                sums = [sum_(*terms) / share for terms in zip(*map(tree_leaves, results))]
                pieces = pieces_of(signature.with_outputs(sums).outputs)
            else:
                pieces = list(map(list, zip(*map(pieces_of, results))))
            if any(is_array(x) and getattr(x, "shape", True) for x in arguments):
                pieces = [as_array(piece) if isinstance(piece, list) else piece for piece in pieces]
            return with_pieces(signature.outputs, iter(pieces))

        return CompiledCode(code.text, call, repeating(cast(FunctionType, call)) if signature.feedback else None)

    return batched_backend
