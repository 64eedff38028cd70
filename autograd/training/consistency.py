"""Check that the graph of one sample stands for all samples: record others, and compare what they compute.

Compiled training calls the model's Python for a few samples only. A model that reads numbers (`x.data`), draws some at
random or counts its calls computes something else for others, which nothing in one graph shows. So graphs are compared:

    before compiling    samples chosen to differ, some held out, and the first one twice
    first, last batch   some of its samples; and its compiled loss with that of the model (of a part of a large batch)
    epochs 1, 2, 4, ... some samples at random, with the current parameters
    after a callback    the first sample; if that has changed, all is recorded and compiled anew

Two graphs are the same if they lower to programs that compute the same, constants included. What differs in none of
these is not seen; `tests/campaigns/dependent_models.py` counts how often.
"""

import math
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NoReturn

from autograd.codegen.difference import Difference, difference
from autograd.codegen.program import Program, bits_of, lower
from autograd.engine import Value
from autograd.errors import RecordingError
from autograd.training.data import Data, Dataset
from autograd.training.record import Graph, Objective, Sample, check_fresh, penalty_graph, recording, watched
from autograd.training.steps import BatchFunction
from autograd.trees import tree_leaves

_COLUMNS = 8  # numbers of a sample whose extremes are chosen, at most
_TARGETS, _TARGETS_SEARCHED = 10, 1000  # different targets that are chosen, at most; where they are looked for
_AT_RANDOM = 4  # samples besides, before training, of a batch, and at each look
_OF_A_BATCH = 256  # samples whose losses are compared, at most
_REPEATS = 8  # of a sample that differs, to see whether it does so by chance
_ROUNDING = 1e-9  # of a loss: backends add samples in different orders, and `hypot` differs in its last digits
_OVERFLOWING = 1e300  # a mean that may be infinite, depending on the order of additions

_HEAD = "one recorded graph cannot stand for all samples"
_READS = "The model or the loss reads numbers: .data, float(...), int(...)"
_RANDOM = "It draws random numbers, or changes from call to call"
_MOVED = "It reads the numbers of parameters (.data), or something that it uses has changed"
_ADVICE = (
    "Keep a choice in the graph with autograd.where(condition, x, y), use inputs and targets as they come, as Values, "
    'or pass backend="eager", which calls the model for each sample'
)


class Reference:
    """A recorded graph, to compare others with.

    Constants are captured when this is made, so a leaf that is changed later counts as a difference.

    Raises:
        RecordingError: it uses results of parameters that are older than the recording.
    """

    def __init__(self, graph: Graph) -> None:
        self.parameters = graph.inputs[0]
        check_fresh(graph.outputs, graph.begin, self.parameters)
        self.program = _program(graph)
        self.alike: list[Any] = []  # the traces of graphs that compute the same
        self.places = {id(p): i for i, p in enumerate(self.parameters)}

    def difference(self, graph: Graph, made: Sequence[Value], names: Callable[[], Sequence[str]]) -> Difference | None:
        """Return where another graph differs, as text; None if it computes the same.

        Arguments:
            graph: a graph with the same parameters.
            made: all results that were recorded for it, in order of creation.
            names: returns the names of its leaves.

        Raises:
            RecordingError: it uses results of parameters that are older than the recording.
        """
        trace = self._trace(graph, made)
        if trace in self.alike:
            return None
        found = difference(self.program, _program(graph), names())
        if found is None:
            self.alike.append(trace)
        return found

    def _trace(self, graph: Graph, made: Sequence[Value]) -> tuple[Any, ...]:
        """Return what was recorded in a form that == compares: far less work than to lower the graph."""
        places: dict[int, Any] = self.places.copy()
        for leaf in tree_leaves(graph.inputs[1:]):
            places[id(leaf)] = len(places)
        steps, place = [], places.get
        for v in made:
            operands = list(map(place, map(id, v.args)))  # of constants, None
            if None in operands:
                operands = [self._constant(graph, x) if i is None else i for i, x in zip(operands, v.args)]
            places[id(v)] = len(places)
            steps.append((v.op, operands))
        return steps, [self._constant(graph, v) if place(id(v)) is None else place(id(v)) for v in graph.outputs]

    def _constant(self, graph: Graph, x: Value | float) -> bytes:
        if isinstance(x, float):
            return bits_of(x)
        if x.op is not None:
            check_fresh(graph.outputs, graph.begin, self.parameters)
        return bits_of(x.data)


def _program(graph: Graph) -> Program:
    return lower(graph.outputs, tree_leaves(graph.inputs))


class Consistency:
    """The recorded graph of the first sample, and the checks that it holds for others.

    Arguments:
        objective: what was recorded.
        graph: the graph of the first sample.
        penalty: the graph of the regularizer, if there is one.
        data: the samples.
        made: the list of the `recording` that is under way.

    Raises:
        RecordingError: the graph does not hold for one of the samples that are chosen.
    """

    def __init__(
        self, objective: Objective, graph: Graph, penalty: Graph | None, data: Data, made: list[Value]
    ) -> None:
        self.objective, self.known, self.made = objective, data.known, made
        self.seconds = 0.0
        """The time that checks have taken so far."""
        self.rng = random.Random(0)  # the user's is left alone
        with self.timed():
            self.sample = Reference(graph)
            self.penalty = Reference(penalty) if penalty else None
            self._compare_samples(data.known, chosen(data.known, self.rng))
            if data.held_out:
                n = len(data.held_out)
                self._compare_samples(data.held_out, {0, n - 1, *self.rng.sample(range(n), min(_AT_RANDOM, n))})
            self._compare_penalty()

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Count the time of the body among that of checks."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - began

    def outdated(self) -> bool:
        """Return True if the first sample, or the regularizer, computes something different now."""
        with self._recording():
            return bool(self._first_difference() or self._penalty_difference())

    def compare_some(self) -> None:
        """Compare some samples at random, and the regularizer, with the parameters that the model has now.

        Raises:
            RecordingError: one differs.
        """
        n = len(self.known)
        with self._recording():
            self._compare_samples(self.known, self.rng.sample(range(n), min(_AT_RANDOM, n)))
            self._compare_penalty()

    def compare_batch(self, name: str, learn: BatchFunction, numbers: Any, xs: Any, ys: Any) -> None:
        """Compare some samples of a batch, and the compiled loss of the batch with that of the model.

        Arguments:
            name: "first" or "last", for errors.
            learn: the compiled function.
            numbers: the parameters' numbers, equal to the model's current ones.
            xs, ys: the batch.

        Raises:
            RecordingError: a sample differs, or the loss does.
        """
        if not learn.alone and len(xs) > _OF_A_BATCH:
            part = sorted(self.rng.sample(range(len(xs)), _OF_A_BATCH))
            xs, ys = (rows[part] if learn.arrays else [rows[i] for i in part] for rows in (xs, ys))
        compiled = learn.compute(numbers, xs, ys)[0]
        if learn.alone:
            xs, ys = [xs], [ys]
        elif learn.arrays:
            xs, ys = xs.tolist(), ys.tolist()
        batch, sample = list(zip(xs, ys)), f"a sample of the {name} batch"
        with self._recording():
            for x, y in self.rng.sample(batch, min(_AT_RANDOM, len(batch))):
                self._compare(x, y, sample)
            self._compare_penalty()
        with watched(self.objective):  # faster than recording
            terms = [self.objective.loss_of(x, y).data / len(batch) for x, y in batch]
            penalty = self.objective.penalty()
        terms += [] if penalty is None else [penalty.data]
        if not _agree(compiled, terms):
            with self._recording():
                for x, y in batch:
                    self._compare(x, y, sample)
            raise RecordingError(
                f"{_HEAD}: the loss of the {name} batch is {compiled:.6g} as compiled, but {math.fsum(terms):.6g} when "
                f"the model is called. It uses numbers that change, or results that are out of date. {_ADVICE}"
            )

    @contextmanager
    def _recording(self) -> Iterator[None]:
        with recording(self.objective) as self.made:
            yield

    # Comparing -------------------------------------------------------------------------------------------------------

    def _compare_samples(self, dataset: Dataset, indices: Iterable[int]) -> None:
        for i in sorted(indices):
            self._compare(*dataset.sample(i), f"sample {i} of {dataset.xs.name}")

    def _compare(self, x: Any, y: Any, name: str) -> None:
        """Compare one sample with the first."""
        graph = self._recorded(x, y)
        found = self.sample.difference(graph, self.made, self._names)
        if found is not None:
            self._explain(found, graph, x, y, name)

    def _explain(self, found: Difference, graph: Graph, x: Any, y: Any, name: str) -> NoReturn:
        """Raise the error for a sample that differs from the first: record both again, and see whether they change."""
        this = Reference(graph)
        for _ in range(_REPEATS):
            again = this.difference(self._recorded(x, y), self.made, self._names)
            if again is not None:
                self._refuse(again, name, f"{name}, once more", _RANDOM)
        first = self._first_difference()
        if first is not None:
            self._refuse(first, "sample 0 of xs, at first", "sample 0 of xs, now", _MOVED)
        self._refuse(found, "sample 0 of xs", name, _READS)

    def _first_difference(self) -> Difference | None:
        """Return where the first sample differs from what was recorded for it."""
        return self.sample.difference(self._recorded(*self.known.sample(0)), self.made, self._names)

    def _compare_penalty(self) -> None:
        """Compare the regularizer with its first recording."""
        found = self._penalty_difference()
        if found is not None:
            self._refuse(found, "the regularizer, at first", "the regularizer, now", _MOVED)

    def _penalty_difference(self) -> Difference | None:
        self.made.clear()
        graph = penalty_graph(self.objective)
        return self.penalty.difference(graph, self.made, self._names) if self.penalty and graph else None

    def _recorded(self, x: Any, y: Any) -> Graph:
        self.made.clear()
        return Sample(self.objective, x).graph(y)

    def _names(self) -> list[str]:
        """Return the names of a sample's leaves: the parameters, and places in x and y."""
        x, y = self.known.sample(0)
        return [*self.objective.parameter_names(), *_places("x", x), *_places("y", y)]

    def _refuse(self, found: Difference, one: str, other: str, cause: str) -> NoReturn:
        width = max(len(one), len(other)) + 1
        raise RecordingError(
            f"{_HEAD}:\n    {one + ':':{width}} {found.here}\n    {other + ':':{width}} {found.there}\n"
            f"{cause}. {_ADVICE}"
        )


def _agree(loss: float, terms: Sequence[float]) -> bool:
    """Return True if the terms add up to the loss, up to the order of the additions.

    >>> _agree(0.3, [0.1, 0.2]), _agree(0.3, [0.1, 0.25]), _agree(math.inf, [math.nan, 1.0]), _agree(math.nan, [1.0])
    (True, False, True, False)
    """
    if not all(map(math.isfinite, terms)):
        return not math.isfinite(loss)
    scale = math.fsum(map(abs, terms))
    return abs(loss - math.fsum(terms)) <= _ROUNDING * scale or scale > _OVERFLOWING


def _places(name: str, tree: Any) -> list[str]:
    """Name the leaves of a tree.

    >>> _places("x", 1.0), _places("x", [1.0, [2.0]])
    (['x'], ['x[0]', 'x[1][0]'])
    """
    if not isinstance(tree, list):
        return [name]
    return [leaf for i, branch in enumerate(tree) for leaf in _places(f"{name}[{i}]", branch)]


def chosen(dataset: Dataset, rng: random.Random) -> set[int]:
    """Choose samples that differ: the first, the last, extremes of inputs and targets, different targets, some others.

    An `if` on a single number of a sample decides otherwise for the smallest than for the largest, if it ever does.
    """
    n, ys = len(dataset), dataset.ys.rows
    picked = {0, n - 1, *rng.sample(range(n), min(_AT_RANDOM, n))}
    for samples in (dataset.xs, dataset.ys):
        width = len(tree_leaves(samples.like))
        for k in rng.sample(range(width), min(_COLUMNS, width)):
            picked.update(samples.extremes(k))
    different: dict[Any, int] = {}
    for i in range(min(n, _TARGETS_SEARCHED)):
        different.setdefault(str(ys[i]), i)
        if len(different) == _TARGETS:
            break
    return picked | set(different.values())
