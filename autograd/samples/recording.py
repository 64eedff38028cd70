"""Record the graph of one sample, and refuse what would freeze a decision or a number in it."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, cast
from weakref import ref

from autograd.engine import Value, graph_of
from autograd.errors import RecordingError
from autograd.events import listening_here
from autograd.ops import Op
from autograd.text import visible
from autograd.trees import tree_leaves, tree_map, tree_shape

COMPARED = (
    "Values are compared while a graph is recorded: one sample would decide for all. "
    "Keep the choice in the graph with autograd.where(v, x, y), autograd.max or autograd.min"
)


ONE_SAMPLE = "A model is called with one sample; model.predict(xs) computes many"
"""What a model says that is called with many; from inside `fit` and `predict` it is of no help."""


class Graph(NamedTuple):
    """A recorded graph."""

    inputs: Any
    """Its leaves, in the nesting in which `compile` takes them: the parameters, and for a sample x and y."""
    outputs: list[Value]
    """The loss and the accuracy of a sample; or the penalty."""
    begin: Value
    """A leaf made before anything else in the recording."""
    drawn: list[Value] = []  # noqa: RUF012  # never changed
    """The leaves that `nn.uniform` made: inputs, too, with other numbers for each sample."""
    held: Sequence[Value] = ()
    """Further leaves that are inputs, the same for all samples, such as those of frozen parts."""

    def all_inputs(self) -> tuple[Any, ...]:
        """Return the inputs, and what was drawn, if anything."""
        return (*self.inputs, self.drawn) if self.drawn else tuple(self.inputs)


class Drawing:
    """A source for `nn.uniform` while a graph is recorded: it keeps the leaves.

    Arguments:
        numbers: those to give them, in turn; if there are no more, it draws others, and leaves the user's generators
            alone.
    """

    def __init__(self, numbers: Sequence[float] = ()) -> None:
        self.numbers, self.drawn = numbers, list[Value]()

    def __call__(self, n: int) -> list[Value]:
        begin = len(self.drawn)
        numbers = list(self.numbers[begin : begin + n])
        numbers += [_generator.random() for _ in range(n - len(numbers))]
        leaves: list[Value] = as_inputs(numbers)
        self.drawn += leaves
        return leaves


_generator = random.Random(0)  # the user's is left alone
_inputs: dict[ref[Value], None] = {}


def as_inputs(x: Any) -> Any:
    """Return leaves with these numbers, in the same nesting, for a call of a model."""
    inputs = tree_map(Value, x)
    for v in tree_leaves(inputs):
        _inputs[ref(v, _inputs.pop)] = None
    return inputs


def called(model: Any, inputs: Any) -> Any:
    """Call a model with a sample of xs, and say what to do about xs where it takes no such sample."""
    try:
        return model(inputs)
    except (TypeError, ValueError) as problem:
        text = str(problem)
        if isinstance(inputs, list) and text.endswith(ONE_SAMPLE):
            text = text.removesuffix(ONE_SAMPLE) + f"A sample of xs is {tree_shape(inputs)}"
            rows = [isinstance(part, list) for part in inputs]
            if rows == [False, True]:
                text += ", a number and a row: to leave the number out, write xs = [row for _, row in xs]"
            elif any(rows):
                text += ": to flatten the samples, write xs = np.reshape(xs, (len(xs), -1))"
            raise type(problem)(text) from None
        if not isinstance(inputs, list) and type(problem) in (TypeError, ValueError):
            text = text.removesuffix(ONE_SAMPLE).removesuffix(". ")
            problem.args = (f"{text}. Each number in xs is a sample: for a single sample of several, write [x]",)
        if text.startswith("'Value' object is not iterable"):
            problem.add_note(
                "A layer or network of one output returns a Value; nn.Layer(n, 1, squeeze=False) returns a list of it."
            )
        raise


def is_input(v: Value) -> bool:
    """Return True for a leaf that `as_inputs` made: what a model keeps of a call may depend on it alone.

    >>> is_input(as_inputs([1.0])[0]), is_input(Value(1.0))
    (True, False)
    """
    return ref(v) in _inputs


def inputs_alive() -> set[Value]:
    """Return the leaves that `as_inputs` made, and that still exist."""
    return {v for known in list(_inputs) if (v := known()) is not None}


def parameter_names(model: Any, parameters: Sequence[Value]) -> list[str]:
    """Return a name for each parameter, fit for a message: its path in a Module, else its label, else its number.

    Parameters are numbered from 1, as in `Module.named_parameters`.
    """
    named = getattr(model, "named_parameters", None)
    paths = {p: name for name, p in named()} if callable(named) else {}
    return [visible(paths.get(p) or p.label or f"parameter{i}") for i, p in enumerate(parameters, 1)]


@contextmanager
def no_frozen_branch(otherwise: str) -> Iterator[None]:
    """Refuse to compare Values in this thread: the branch that one sample takes would be recorded for all samples.

    Arguments:
        otherwise: an alternative to rewriting the comparison, for the end of the error message.

    Raises:
        RecordingError: at the comparison.

    >>> with no_frozen_branch("or leave it"):
    ...     Value(1.0) > 0  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    autograd.errors.RecordingError: Values are compared while a graph is recorded: one sample would decide for all. ...
    >>> Value(1.0) > 0
    True
    """

    def refuse(v: Value, other: object) -> None:
        raise RecordingError(f"{COMPARED}; {otherwise}")

    with listening_here(compared=refuse):
        yield


@contextmanager
def results_recorded() -> Iterator[list[Value]]:
    """Yield the list of the results that this thread records in the body, for the caller to read and clear."""
    made: list[Value] = []
    with listening_here(recorded=made.append):
        yield made


def refuse_kept(v: Value) -> NoReturn:
    """Raise the error for a result of parameters that is not computed anew in each step."""
    raise RecordingError(
        f"the model keeps {v}, which {cast(Op, v.op).name} computed from parameters earlier: its number would stay "
        "when they change. Compute it in each call of the model or the loss; do not keep it from __init__, in a "
        "cached_property or from a callback"
    )


def check_fresh(outputs: list[Value], begin: Value, parameters: list[Value]) -> None:
    """Check that every result of parameters from which the outputs were computed was recorded after `begin`.

    Such a result keeps its number, while compiled code would compute it from the parameters of each step.

    Raises:
        RecordingError: there is one.
    """
    trained = set(parameters)
    for v in itertools.takewhile(lambda v: v is not begin, graph_of(*outputs, begin)):
        if v.op is not None and any(type(x) is Value and x in trained for x in v.args):
            refuse_kept(v)
