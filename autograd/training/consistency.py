"""Check that the graph of one sample stands for all samples: record others, and compare what they compute.

Compiled training calls the model's Python for a few samples only. A model that reads numbers (`x.data`), draws some at
random or counts its calls computes something else for others, and no single graph shows that. So graphs are compared,
among samples of the same shape:

    before compiling    samples chosen to differ, some held out, and the first one twice
    first, last batch   its samples (some of a large batch); their compiled loss and that of the model; of a few of
                        them the gradients, too
    held-out samples    some of them, and their loss, when it is first and last computed
    epochs 1, 2, 4, ... some samples at random, with the parameters that the model has by then
    callbacks           one sample at random before and after each: if its graph has changed in between, the model is
                        recorded and compiled again

Two graphs are the same if they lower to programs that compute the same, constants included. So a gradient that is
stopped for some samples shows even if the loss does not change. A difference that occurs in none of these samples is
not detected; `tests/campaigns/dependent_models.py` counts how often.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, NoReturn, cast

from autograd.codegen.difference import Difference
from autograd.engine import Value, grad
from autograd.errors import RecordingError
from autograd.events import unobserved
from autograd.samples.recording import Graph
from autograd.samples.reference import (
    AT_RANDOM,
    MOVED,
    READS,
    Reference,
    agree,
    check_repeatable,
    largest_in,
    leaf_names,
    refuse,
    refuse_number,
)
from autograd.samples.rows import refuse_named
from autograd.training.data import Dataset
from autograd.training.record import Objective, Sample, penalty_graph, recording
from autograd.training.steps import BatchFunction

_TARGETS, _TARGETS_SEARCHED = 10, 1000  # different targets that are chosen, at most; targets that are searched for them
_OF_A_BATCH, _OF_HELD_OUT = 256, 32  # samples that are compared, at most

_Samples = Sequence[tuple[Any, Any, Sequence[float]]]
"""The inputs and the target of each sample, in lists, and its drawn numbers."""


class Stopwatch:
    """The time that checks take.

    >>> watch = Stopwatch()
    >>> with watch.running():
    ...     pass
    >>> watch.seconds > 0
    True
    """

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count the time of the body."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began


class First(NamedTuple):
    """The recorded sample with which others are compared."""

    reference: Reference
    x: Any
    y: Any
    name: str
    """What it is called in errors."""


class Consistency:
    """The checks that the recorded graph of a sample holds for the other samples of its shape.

    Arguments:
        objective: what was recorded.
        first: the recorded sample.
        penalty: the recorded regularizer, if there is one.
        data: the samples.
        training: whether they are to train with, or held out.
        made: the list that the running `recording` fills.
    """

    def __init__(
        self,
        objective: Objective,
        first: First,
        penalty: Reference | None,
        data: Dataset,
        made: list[Value],
        *,
        training: bool = True,
    ) -> None:
        self.objective, self.first, self.penalty, self.known = objective, first, penalty, data
        self.training, self.made = training, made
        self.compared = [0]  # the samples that `compare_some` compared last
        self.rng = random.Random(0)  # the user's is left alone

    def compare_chosen(self) -> None:
        """Compare samples to train with that are chosen to differ, before training, as part of the running `recording`.

        Raises:
            RecordingError: one differs.
        """
        self._compare_samples(chosen(self.known, self.rng))
        self._compare_penalty()

    def compare_some_held_out(self, *, again: bool) -> None:
        """Compare some samples held out, as part of the running `recording`; the first of them only if `again`.

        Raises:
            RecordingError: one differs.
        """
        n = len(self.known)
        picked = {0, n - 1, *self.rng.sample(range(n), min(AT_RANDOM, n))}
        self._compare_samples(picked if again else picked - {0})

    def compare_ends(self) -> None:
        """Compare the first and the last sample, as part of the running `recording`.

        Raises:
            RecordingError: one differs.
        """
        self._compare_samples({0, len(self.known) - 1})

    def outdated(self) -> bool:
        """Return True if the graph of a sample or of the regularizer has changed since `compare_some`.

        Raises:
            RecordingError: it changes with each call.
        """
        i = self.compared[0]
        x, y = self.known.sample(i)
        parts: list[tuple[Reference, Callable[[], Graph], str]] = [
            (self.first.reference, lambda: self._recorded(x, y), self._name_of(i))
        ]
        if self.penalty:
            parts.append((self.penalty, self._recorded_penalty, "the regularizer"))
        with self._recording():
            for reference, record, name in parts:
                try:
                    graph = record()
                    found = reference.difference(graph, self.made, self.names)
                except Exception:  # the model no longer fits the data: preparing it again raises the error
                    return True
                if found:
                    self._check_repeatable(graph, record, name)
                    return True
        return False

    def compare_some(self, count: int) -> None:
        """Compare that many random samples, and the regularizer, using the current parameters.

        Raises:
            RecordingError: one differs.
        """
        n = len(self.known)
        self.compared = self.rng.sample(range(n), min(count, n))
        with self._recording():
            self._compare_samples(self.compared)
            self._compare_penalty()

    def compare_batch(self, name: str, learn: BatchFunction, numbers: Any, xs: Any, ys: Any) -> None:
        """Compare samples of a batch, and the compiled loss and gradients with those of the model.

        Arguments:
            name: the name of the batch, for errors.
            learn: the compiled function.
            numbers: the parameters' numbers, the same as the model's.
            xs, ys: the batch.

        Raises:
            RecordingError: a sample differs, or the loss, or a gradient.
        """
        some = learn.form.some(xs, ys, _OF_A_BATCH, self.rng)
        few = learn.form.some(*some, AT_RANDOM, self.rng)
        with self._recording():
            penalty = self._compare_penalty()
            samples, (loss, *_) = self._computed(learn, numbers, *some)
            self._compare_loss(name, samples, penalty, loss)
            samples, (_, gradients, _) = self._computed(learn, numbers, *few)
            self._compare_gradients(name, samples, penalty, gradients)

    def compare_held_out(self, judge: BatchFunction, numbers: Any, xs: Any, ys: Any) -> None:
        """Compare samples held out, and their compiled loss with that of the model.

        Arguments:
            judge: the compiled function.
            numbers, xs, ys: as in `compare_batch`.

        Raises:
            RecordingError: a sample differs, or the loss.
        """
        some = judge.form.some(xs, ys, _OF_HELD_OUT, self.rng)
        with self._recording():
            samples, (loss, *_) = self._computed(judge, numbers, *some)
            self._compare_loss("the validation data", samples, None, loss)

    def _computed(self, function: BatchFunction, numbers: Any, xs: Any, ys: Any) -> tuple[_Samples, Any]:
        """Return the samples of a batch, with numbers drawn for each, and what the function computes of them."""
        pairs = function.form.samples(xs, ys)
        rows: list[list[float]] = [[self.rng.random() for _ in range(function.draws)] for _ in pairs]
        draws: Any = rows[0] if function.form.alone else rows
        results = function.compute(numbers, xs, ys, *([draws] if function.draws else []))
        return [(x, y, row) for (x, y), row in zip(pairs, rows)], results

    @contextmanager
    def _recording(self) -> Iterator[None]:
        with recording(self.objective) as self.made:
            yield

    # Comparing -------------------------------------------------------------------------------------------------------

    def _compare_samples(self, indices: Iterable[int]) -> None:
        for i in sorted(indices):
            self._compare(*self.known.sample(i), self._name_of(i))

    def _name_of(self, i: int) -> str:
        return f"sample {self.known.xs.number_of(i)} of {self.known.xs.name}"

    def _compare(self, x: Any, y: Any, name: str, draws: Sequence[float] = ()) -> Value:
        """Compare one sample with the first, and return its loss."""
        try:
            graph = self._recorded(x, y, draws)
        except RecordingError:
            raise
        except Exception as problem:  # of the user's model or loss, any
            refuse_named(self.known.name_of(x, y), x, problem)
        found = self.first.reference.difference(graph, self.made, self.names)
        if found is not None:
            self._explain(found, graph, x, y, name)
        return graph.outputs[0]

    def _compare_loss(self, of: str, samples: _Samples, penalty: Value | None, compiled: float) -> None:
        shares = [loss.data / len(samples) for loss in self._compared(of, samples)]
        shares += [] if penalty is None else [penalty.data]
        self._check_agreement([compiled], [shares], lambda i: "the loss", of, samples)

    def _compare_gradients(self, of: str, samples: _Samples, penalty: Value | None, compiled: Sequence[float]) -> None:
        parameters, names = self.objective.parameters, self.objective.parameter_names
        rows = [[g / len(samples) for g in _gradients(loss, parameters)] for loss in self._compared(of, samples)]
        rows += [] if penalty is None else [_gradients(penalty, parameters)]
        self._check_agreement(compiled, zip(*rows), lambda i: f"the gradient with respect to {names()[i]}", of, samples)

    def _compared(self, of: str, samples: _Samples) -> Iterator[Value]:
        """Compare samples with the first, and yield the loss of each."""
        return (self._compare(x, y, f"a sample of {of}", draws) for x, y, draws in samples)

    def _check_agreement(
        self,
        compiled: Sequence[float],
        shares: Iterable[Sequence[float]],
        name: Callable[[int], str],
        of: str,
        samples: _Samples,
    ) -> None:
        """Raise an error unless each compiled number is the sum of its shares, up to rounding.

        A sum close to 0 may be the rounding error of larger numbers, so these count if it does not agree otherwise.
        """
        pairs = enumerate(zip(compiled, shares))
        differing = [(i, number, parts) for i, (number, parts) in pairs if not agree(number, parts)]
        if not differing:
            return
        largest = largest_in(self._compared(of, samples))
        for i, number, parts in differing:
            if not agree(number, parts, largest):
                refuse_number(f"{name(i)} on {of}", number, math.fsum(parts))

    def _explain(self, found: Difference, graph: Graph, x: Any, y: Any, name: str) -> NoReturn:
        """Raise the error for a sample that differs from the first; both are recorded again to find the cause."""
        self._check_repeatable(graph, lambda: self._recorded(x, y), name)
        reference, first_x, first_y, zero = self.first
        first = reference.difference(self._recorded(first_x, first_y), self.made, self.names)
        if first is not None:
            refuse(first, f"{zero}, as recorded", f"{zero}, now", MOVED)
        refuse(found, zero, name, READS)

    def _check_repeatable(self, graph: Graph, record: Callable[[], Graph], name: str) -> None:
        check_repeatable(graph, record, self.made, self.names, name)

    def _compare_penalty(self) -> Value | None:
        """Compare the regularizer with its first recording, and return its share of the loss."""
        if self.penalty is None:
            return None
        graph = self._recorded_penalty()
        found = self.penalty.difference(graph, self.made, self.names)
        if found is not None:
            self._check_repeatable(graph, self._recorded_penalty, "the regularizer")
            refuse(found, "the regularizer, as recorded", "the regularizer, now", MOVED)
        return graph.outputs[0]

    def _recorded_penalty(self) -> Graph:
        self.made.clear()
        return cast(Graph, penalty_graph(self.objective))  # where there was one, there is one

    def _recorded(self, x: Any, y: Any, draws: Sequence[float] = ()) -> Graph:
        self.made.clear()
        return Sample(self.objective, x, training=self.training, draws=draws).graph(y)

    def names(self) -> list[str]:
        """Return the names of a sample's leaves: the parameters, places in x and y, and what is drawn."""
        reference, x, y, _ = self.first
        drawn = leaf_names("nn.uniform", [0.0] * reference.drawn)
        names = self.objective.leaf_names()
        trained = len(self.objective.parameters)
        inputs = [*leaf_names("x", x), *leaf_names("y", y), *drawn]
        return [*names[:trained], *inputs, *names[trained:]]


@unobserved
def _gradients(output: Value, parameters: Sequence[Value]) -> list[float]:
    """Return the gradients of the parameters. No `.grad` changes, not even if Ctrl-C comes."""
    return [g.data for g in grad(output, parameters)]


def chosen(dataset: Dataset, rng: random.Random) -> set[int]:
    """Choose samples that differ: some that differ in inputs or targets, with different targets, some others."""
    n, ys = len(dataset), dataset.ys.rows
    picked = {*rng.sample(range(n), min(AT_RANDOM, n)), *dataset.xs.differing(rng), *dataset.ys.differing(rng)}
    different: dict[Any, int] = {}
    for i in range(min(n, _TARGETS_SEARCHED)):
        different.setdefault(str(ys[i]), i)
        if len(different) == _TARGETS:
            break
    return picked | set(different.values())
