"""Define the contract of a backend: a function from a program and a signature to compiled code.

To add a backend, write one file with such a function, and list it in `BACKENDS` in `compile.py`. The arithmetic is the
program's (`program.py`): a list of steps in order of execution, each an operation on the numbers of earlier values
(`int`) and on constants (`float`). The signature (`arguments.py`) says where those numbers stand in the function's
arguments and results. `reduce` and batches are the backend's task; whoever cannot do them raises a ValueError.

A backend is put together from parts that know nothing of each other:

    `spelled_out` writes operations that the target does not spell as others that it does
    spelling      how the target writes one operation: an object with `expression`, as `Spelling` describes
    statements    steps as lines, those that no sample changes apart from the others: `straight_statements`
    arguments     checks and conversions while the function runs (`arguments.py`), and the lines of a Python function
                  that takes its arguments apart and puts its result together (`python_source.py`)
    `defined`     source made a function that tracebacks can show
    `repeating`   a loop around the function, where the target has none of its own (`compiled_source` does both)
    `over_samples`  batches for a backend without them: a call for each sample, then lists, a sum or a mean

`python.py` puts them together for floats. A backend for `decimal` differs in its spelling, and in the lines that
convert the numbers on their way in and out.
"""

import linecache
import weakref
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import count, repeat
from types import FunctionType
from typing import Any, NamedTuple, Protocol, cast

from autograd.codegen.arguments import Signature, as_array, as_lists, batch_size, is_array, pieces_of, with_pieces
from autograd.codegen.program import Program, Step, expanded
from autograd.floats import number, sum_
from autograd.ops import Op
from autograd.trees import tree_leaves, tree_map


class CompiledCode(NamedTuple):
    """What a backend makes of a program."""

    text: str
    """The source, for `.source` and `.write`: complete, and free of any text of the user's."""
    call: Callable[..., Any]
    """The function of the signature's arguments. It must accept attributes, and be freed with its last name."""
    repeat: Callable[..., Any] | None = None
    """`repeat(n, state, *rest)`, required where `signature.feedback`, else None."""


class Backend(Protocol):
    """Turn a program into code that is called as the signature says.

    Raises:
        ValueError: the backend cannot express an operation; the message says what to do instead.
        CompilerError: the backend needs a compiler, and there is none.
    """

    def __call__(self, program: Program, signature: Signature) -> CompiledCode: ...


class Spelling(Protocol):
    """How a target written as Python spells one operation."""

    functions: dict[str, Any]
    """The functions that the expressions so far call, by name."""

    def expression(self, step: Step, names: Sequence[str]) -> str:
        """Return one operation, of a fixed number of operands, as an expression.

        Arguments:
            step: the operation with its operands, for spellings that depend on a constant.
            names: the operands as they are written, constants and all.
        """


def spelled_out(
    program: Program, signature: Signature, target: str | Callable[[Op], bool]
) -> tuple[Program, Signature]:
    """Return program and signature with operations written out that `target`, as for `expanded`, does not spell."""
    program = expanded(program, target)
    return program, signature.with_outputs(program.outputs)


_numbers = count(1)


def defined(name: str, text: str, namespace: dict[str, Any]) -> FunctionType:
    """Run the source and return its function of that name.

    The source is registered, so that tracebacks and `inspect.getsource` show it, for as long as the function lives.
    """
    filename = f"<autograd.compile {next(_numbers)}>"
    scope = dict(namespace)
    exec(compile(text, filename, "exec"), scope)
    function: FunctionType = scope.pop(name)  # a function among its own globals would be a reference cycle
    linecache.cache[filename] = (len(text), None, text.splitlines(keepends=True), filename)
    weakref.finalize(function, linecache.cache.pop, filename, None)
    return function


def repeating(function: FunctionType) -> Callable[..., Any]:
    """Return `repeat` for a backend without a loop of its own: it calls the function and feeds back the result."""
    # A twin, because the function itself will hold `repeat`: another reference cycle.
    call = FunctionType(function.__code__, function.__globals__, closure=function.__closure__)

    def repeated(n: int, state: Any, *rest: Any) -> Any:
        if n == 0:
            call(state, *rest)  # refuses what any other n would refuse
            return state.astype(float) if hasattr(state, "astype") else tree_map(number, state)
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
            lists = map(as_lists, arguments)
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
