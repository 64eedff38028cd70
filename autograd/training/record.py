"""Record the graph of one sample, to be compiled for all, and refuse what would freeze a decision in it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any, NamedTuple

from autograd.engine import Value, listening
from autograd.training.data import Data
from autograd.training.objective import Objective
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
        frozen: whether the graph will serve other samples as well, so that comparing Values is an error.
    """

    def __init__(self, objective: Objective, like: Any, *, frozen: bool) -> None:
        self.objective = objective
        self.x = tree_map(Value, like)
        self.watch = partial(no_frozen_branch, 'or pass backend="eager"') if frozen else nullcontext

    @cached_property
    def output(self) -> Any:
        with self.watch():
            return self.objective.model(self.x)

    def with_targets(self, data: Data) -> Data:
        """Return the data with its targets checked against the output and converted, if the loss can do that."""
        targets = self.objective.targets
        return data.with_targets(partial(targets, self.output) if targets else None)

    def graph(self, like: Any) -> SampleGraph:
        """Record the loss and the accuracy too, for a target with the nesting of `like`."""
        objective, y = self.objective, tree_map(Value, like)
        output = self.output
        with self.watch():
            loss, accuracy = objective.sample_loss(output, y), objective.sample_accuracy(output, y)
            return SampleGraph(objective.parameters, self.x, y, loss, accuracy, objective.penalty())
