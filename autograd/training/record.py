"""Record the graph of one sample, to be compiled for all, and refuse what would freeze a decision in it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import Any, NamedTuple

from autograd import engine
from autograd.engine import Value
from autograd.training.data import Data
from autograd.training.objective import Objective
from autograd.trees import tree_map

_compare = engine._compare
_lock = threading.Lock()
_recording: dict[object, int] = {}  # what is being recorded, and in which thread


@contextmanager
def no_frozen_branch(otherwise: str) -> Iterator[None]:
    """Refuse to compare Values in this thread: what followed would be recorded for one sample and done for all.

    Arguments:
        otherwise: what else there is to do, for the end of the error's text.

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

    def watched(v: Value, other: Any, holds: Callable[[float, float], bool]) -> bool:
        if threading.get_ident() not in _recording.values():
            return _compare(v, other, holds)
        raise TypeError(
            "Values are compared while a graph is recorded: one sample would decide for all. "
            f"Keep the choice in the graph with autograd.where(v, x, y), autograd.max or autograd.min; {otherwise}"
        )

    this = object()
    try:
        with _lock:
            _recording[this] = threading.get_ident()
            vars(engine)["_compare"] = watched
        yield
    finally:
        try:
            _end(this)
        except BaseException:  # Ctrl-C just here would forbid to compare for ever
            _end(this)
            raise


def _end(recording: object) -> None:
    with _lock:
        _recording.pop(recording, None)
        if not _recording:
            vars(engine)["_compare"] = _compare


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
        frozen: whether the graph is to be used for other samples, so that Values must not be compared.
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
            loss, accuracy = objective.loss_of(output, y), objective.accuracy_of(output, y)
            return SampleGraph(objective.parameters, self.x, y, loss, accuracy, objective.penalty())
