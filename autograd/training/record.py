"""Record the graph of one sample's loss, and refuse comparisons, which would freeze a decision in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any, NamedTuple

from autograd.engine import Value, listening
from autograd.losses import Accuracy, Targets, carried
from autograd.trees import tree_map


@contextmanager
def no_frozen_branch(otherwise: str) -> Iterator[None]:
    """Refuse to compare Values in this thread: the branch that one sample takes would be recorded for all samples.

    Arguments:
        otherwise: an alternative to rewriting the comparison, for the end of the error message.

    Raises:
        TypeError: at the comparison.

    >>> with no_frozen_branch("or leave it"):
    ...     Value(1.0) > 0  # doctest: +ELLIPSIS
    Traceback (most recent call last):
        ...
    TypeError: Values are compared while a graph is recorded: one sample would decide for all. ...
    >>> Value(1.0) > 0
    True
    """
    thread = threading.get_ident()

    def refuse(v: Value, other: object) -> None:
        if threading.get_ident() == thread:
            raise TypeError(
                "Values are compared while a graph is recorded: one sample would decide for all. "
                f"Keep the choice in the graph with autograd.where(v, x, y), autograd.max or autograd.min; {otherwise}"
            )

    with listening(compared=refuse):
        yield


class Objective(NamedTuple):
    """The number to minimize: the loss of a model's outputs, plus a regularizer of its parameters."""

    model: Callable[[Any], Any]
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

    def sample_loss(self, output: Any, y: Any) -> Value:
        """Return the loss of one sample."""
        return _value("loss", self.loss(output, y))

    def penalty(self) -> Value | None:
        """Return the regularizer's share of the loss."""
        return _value("regularizer", self.regularizer(self.parameters)) if self.regularizer else None


def _value(name: str, result: Any) -> Value:
    if not isinstance(result, Value):
        raise TypeError(f"the {name} has to return a Value, got {type(result).__name__} {result!r}")
    return result


class SampleGraph(NamedTuple):
    """The graph of one sample: its leaves, and the results that training needs."""

    parameters: list[Value]
    x: Any
    y: Any
    loss: Value
    accuracy: Value
    penalty: Value | None


class Sample:
    """The first sample, on its way through the model and the loss.

    The model is called when the output is first needed, and only once: the check of the targets and all compiled
    functions share its output.

    Arguments:
        objective: what to record.
        like: the inputs of the sample, numbers.
        frozen: True if the graph will serve other samples as well, so that comparing Values is an error.
    """

    def __init__(self, objective: Objective, like: Any, *, frozen: bool) -> None:
        self.objective = objective
        self.x = tree_map(Value, like)
        self.watch = partial(no_frozen_branch, 'or pass backend="eager"') if frozen else nullcontext

    @cached_property
    def output(self) -> Any:
        with self.watch():
            return self.objective.model(self.x)

    def graph(self, like: Any) -> SampleGraph:
        """Record the loss and the accuracy (0 if the loss has none) too, for a target with the nesting of `like`."""
        objective, y = self.objective, tree_map(Value, like)
        output = self.output
        with self.watch():
            loss = objective.sample_loss(output, y)
            accuracy = _value("accuracy", objective.accuracy(output, y)) if objective.accuracy else Value(0.0)
            return SampleGraph(objective.parameters, self.x, y, loss, accuracy, objective.penalty())
