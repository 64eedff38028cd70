"""Record the graph of one sample's loss, and refuse what would freeze a decision or a number in it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import Any, NamedTuple, NoReturn, cast

from autograd.engine import Value, commit_data, graph_of
from autograd.errors import RecordingError
from autograd.events import listening_here
from autograd.losses import Accuracy, Targets, carried
from autograd.ops import Op
from autograd.text import visible
from autograd.trees import tree_copy, tree_leaves, tree_map


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
        raise RecordingError(
            "Values are compared while a graph is recorded: one sample would decide for all. "
            f"Keep the choice in the graph with autograd.where(v, x, y), autograd.max or autograd.min; {otherwise}"
        )

    with listening_here(compared=refuse):
        yield


class Objective(NamedTuple):
    """The number to minimize: the loss of a model's outputs, plus a regularizer of its parameters."""

    model: Any
    parameters: list[Value]
    loss: Callable[[Any, Any], Any]
    accuracy: Accuracy | None
    targets: Targets | None
    regularizer: Callable[[list[Value]], Any] | None

    @classmethod
    def of(cls, model: Any, loss: Any, regularizer: Any) -> Objective:
        """Check the user's arguments.

        Raises:
            TypeError: one is of the wrong kind.
            ValueError: the model has no parameters.
        """
        if not callable(model) or not hasattr(model, "parameters"):
            raise TypeError(
                f"a model can be called and has parameters(), as autograd.nn's Modules do, got {type(model).__name__}"
            )
        if not callable(loss):
            raise TypeError(f"loss is a function of an output and a target, such as nn.mse, got {loss!r}")
        if regularizer is not None and not callable(regularizer):
            raise TypeError(f"regularizer is a function of the list of parameters, got {regularizer!r}")
        parameters = list(model.parameters())
        if not parameters:
            raise ValueError("the model has no parameters, so there is nothing to learn")
        return cls(model, parameters, loss, carried(loss, "accuracy"), carried(loss, "targets"), regularizer)

    def parameter_names(self) -> list[str]:
        """Return a name for each parameter, fit for a message: its path in a Module, else its label, else its number.

        Parameters are numbered from 1, as in `Module.named_parameters`.
        """
        named = getattr(self.model, "named_parameters", None)
        paths = {p: name for name, p in named()} if callable(named) else {}
        return [visible(paths.get(p) or p.label or f"parameter{i}") for i, p in enumerate(self.parameters, 1)]

    def sample_loss(self, output: Any, y: Any) -> Value:
        """Return the loss of one sample."""
        return _value("loss", self.loss(output, y))

    def loss_of(self, x: Any, y: Any) -> Value:
        """Return the loss of one sample, given its inputs and target as numbers."""
        return self.sample_loss(self.model(tree_map(Value, x)), tree_map(Value, y))

    def penalty(self) -> Value | None:
        """Return the regularizer's share of the loss."""
        return _value("regularizer", self.regularizer(list(self.parameters))) if self.regularizer else None


def _value(name: str, result: Any) -> Value:
    if not isinstance(result, Value):
        raise TypeError(f"the {name} has to return a Value, got {type(result).__name__} {result!r}")
    return result


class Graph(NamedTuple):
    """A recorded graph."""

    inputs: Any
    """Its leaves, in the nesting in which `compile` takes them: the parameters, and for a sample x and y."""
    outputs: list[Value]
    """The loss and the accuracy of a sample; or the penalty."""
    begin: Value
    """A leaf made before anything else in the recording."""


class Sample:
    """A sample on its way through the model and the loss.

    The model is called when the output is first needed, and only once: the check of the targets and all compiled
    functions share the output of the first sample. Model and loss get lists of their own, which they may change.

    Arguments:
        objective: what to record.
        x: the inputs of the sample, numbers.
    """

    def __init__(self, objective: Objective, x: Any) -> None:
        self.objective = objective
        self.x = tree_map(Value, x)

    @cached_property
    def output(self) -> Any:
        return self.objective.model(tree_copy(self.x))

    def graph(self, y: Any) -> Graph:
        """Record the loss and the accuracy (0 if the loss has none) too, for a target."""
        objective, target, output = self.objective, tree_map(Value, y), self.output
        loss, accuracy = objective.sample_loss(output, tree_copy(target)), Value(0.0)
        if objective.accuracy:
            accuracy = _value("accuracy", objective.accuracy(output, tree_copy(target)))
        return Graph((objective.parameters, self.x, target), [loss, accuracy], tree_leaves(self.x)[0])


def penalty_graph(objective: Objective) -> Graph | None:
    """Record the regularizer; None if there is none."""
    begin, penalty = Value(0.0), objective.penalty()
    return None if penalty is None else Graph((objective.parameters,), [penalty], begin)


# What a graph cannot hold --------------------------------------------------------------------------------------------


def refuse_kept(v: Value) -> NoReturn:
    """Raise the error for a result of parameters that is not computed anew in each step."""
    raise RecordingError(
        f"the model keeps {v}, which {cast(Op, v.op).name} computed from parameters earlier: its number would stay "
        "while they are trained. Compute it in each call of the model or the loss; do not keep it from __init__, in a "
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


@contextmanager
def watched(objective: Objective) -> Iterator[None]:
    """Refuse what one graph cannot express for all samples: that the body compares Values or sets parameters.

    Raises:
        RecordingError: at a comparison; or after the body, if a parameter has another number. The parameters then have
            their old numbers again.
    """
    numbers = [p.data for p in objective.parameters]
    with no_frozen_branch('or pass backend="eager"'):
        yield
    moved = [i for i, p in enumerate(objective.parameters) if p.data is not numbers[i] and p.data != numbers[i]]
    if moved:
        commit_data(objective.parameters, numbers)
        raise RecordingError(
            f"the model or the loss sets {objective.parameter_names()[moved[0]]}.data while it is called, which "
            'compiled code would not do. Change parameters in the callback of fit, or pass backend="eager"'
        )


@contextmanager
def recording(objective: Objective) -> Iterator[list[Value]]:
    """Combine `watched` and `results_recorded`: yield the list of the results.

    Raises:
        RecordingError: as `watched`.
    """
    with watched(objective), results_recorded() as made:
        yield made


@contextmanager
def results_recorded() -> Iterator[list[Value]]:
    """Yield the list of the results that this thread records in the body, for the caller to read and clear."""
    made: list[Value] = []
    with listening_here(recorded=made.append):
        yield made
