"""Prepare a model for training: record it, check that the graph holds for all samples, and compile it."""

import functools
import math
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, NamedTuple, TypeVar

from autograd.engine import Value, grad, graph_of
from autograd.errors import RecordingError
from autograd.events import unobserved
from autograd.frames import is_raised_here
from autograd.samples.recording import Graph, as_inputs
from autograd.samples.reference import Reference
from autograd.samples.rows import Samples, by_shape, read, refuse_sample, refuse_shapes
from autograd.samples.tables import Other, Refusal, variable
from autograd.training.consistency import Consistency, First, Stopwatch
from autograd.training.data import Data, Dataset, refused, unlike
from autograd.training.draws import Draws
from autograd.training.eager import Freshness, eager_functions
from autograd.training.reach import Reach, strangers, warn_of_late, warn_of_strangers
from autograd.training.record import Objective, Sample, held_by, noting, penalty_graph, recording
from autograd.training.steps import BatchFunction, Learner, compiled_functions
from autograd.trees import tree_map, tree_structure

T = TypeVar("T")
_Fitting = list[tuple[Dataset, Sample]]
"""The samples of each shape, and the first of them on its way through the model."""


class Part(NamedTuple):
    """The samples of one shape, with the targets that the loss has converted, and the function of their batches."""

    data: Dataset
    function: BatchFunction
    consistency: Consistency | None
    """The checks that the recorded graph still holds; None if nothing is recorded."""


class Prepared(NamedTuple):
    """A model that is ready to be trained."""

    objective: Objective
    learners: list[Part]
    """The samples to train with."""
    judges: list[Part]
    """Those held out, if any."""
    backend: str
    fallback: bool
    """True if faster backends cannot be used; a warning has said why, where it is not for lack of a compiler."""
    draws: Draws
    watch: Stopwatch
    """The time that checks take."""
    freshness: Freshness | None
    """The check of eager steps; None if they are compiled."""
    sample: Sample
    """The first sample of the shape that most have, on its way through the model."""


def prepare(objective: Objective, data: Data, size: int, backend: str, draws: Draws, *, epochs: int = 0) -> Prepared:
    """Record and compile the model with its current parameters, or make the functions that call it.

    Arguments:
        objective: what to minimize.
        data: the samples, with the user's targets.
        size: the number of samples in a batch.
        backend: as in `fit`.
        draws: the source of `nn.uniform`.
        epochs: the number of epochs to come; 0 if "auto" is to compile no C that is not in the cache.

    Raises:
        RecordingError: one graph cannot stand for all samples of a shape.
        TypeError, ValueError: the targets do not fit, or the model or the loss returns something else than Values, or
            they do not take some of the samples.
        ValueError: the loss depends on no parameter; in eager training, the first epoch shows it.
    """
    watch = Stopwatch()
    if backend == "eager":
        freshness = Freshness(objective.parameters, Reach(objective, len(data.known)))
        known, held_out = _fitting(objective, data)
        parts = [[part for part, _ in fitting] for fitting in (known, held_out)]
        learn, judge = eager_functions(objective, freshness, draws, *parts)
        learners = [Part(part, learn, None) for part, _ in known]
        judges = [Part(part, judge, None) for part, _ in held_out]
        return Prepared(objective, learners, judges, "eager", False, draws, watch, freshness, _of_most(known))
    with recording(objective) as made:
        known, held_out = _fitting(objective, data)
        graphs, judged = ([_graph_of(*fitting) for fitting in some] for some in (known, held_out))
        penalty = penalty_graph(objective)
        objective.held.hold(held_by([*graphs, *judged, *([penalty] if penalty else [])]))
        reach = Reach(objective, samples=1)  # which stands for all
        for graph in graphs:
            reach.see(graph.outputs[0])
        if penalty:
            reach.see_penalty(penalty.outputs[0])
        reach.judge(samples=1)
        found = []
        for graph, (_, sample) in zip(graphs, known):
            found += strangers(graph.outputs[0], graph.begin, sample.answered)
        if penalty:
            found += strangers(penalty.outputs[0], penalty.begin, penalty.begin)
        warn_of_strangers(objective, found)
        for graph, (_, sample) in zip(graphs, known):
            warn_of_late(objective, tree_map(attrgetter("data"), sample.x), graph.outputs[0], graph.begin)
        with watch.running():
            known_penalty = Reference(penalty) if penalty else None
            checks = [
                Consistency(objective, _first(part, graph), known_penalty, part, made)
                for (part, _), graph in zip(known, graphs)
            ]
            for check in checks:
                check.compare_chosen()
            judging = [_judged((*fitting, graph), checks, graphs, made) for fitting, graph in zip(held_out, judged)]
    sizes = [min(size, len(part)) for part, _ in known]
    sized = [Learner(graph, n, epochs * -(-len(part) // n)) for graph, n, (part, _) in zip(graphs, sizes, known)]
    functions = compiled_functions(sized, [graph for graph, _ in judging], penalty, objective.held, backend)
    learners = [Part(*fields) for fields in zip((part for part, _ in known), functions.learn, checks)]
    judges = [
        Part(part, function, check) for (part, _), function, (_, check) in zip(held_out, functions.judge, judging)
    ]
    backend, fallback = functions.backend, functions.fallback
    return Prepared(objective, learners, judges, backend, fallback, draws, watch, None, _of_most(known))


def _of_most(known: _Fitting) -> Sample:
    _, sample = max(known, key=lambda found: len(found[0]))
    return sample


_MOST_TARGETS = 16  # that are tried, where the first is not taken


def _graph_of(part: Dataset, sample: Sample) -> Graph:
    """Return the graph of the first sample; if its target is not taken, and another is, the error names the sample."""
    try:
        return sample.graph(part.ys.like)
    except RecordingError:
        raise
    except Exception as problem:  # of the user's loss, any
        for i in range(1, min(len(part), _MOST_TARGETS)):
            with suppress(Exception):
                sample.graph(part.sample(i)[1])
                break
        else:
            raise
        refuse_sample(part.xs, 0, problem)


def _first(part: Dataset, graph: Graph) -> First:
    return First(Reference(graph), *part.sample(0), f"sample {part.xs.number_of(0)} of {part.xs.name}")


def _judged(
    held_out: tuple[Dataset, Sample, Graph],
    checks: Sequence[Consistency],
    graphs: Sequence[Graph],
    made: list[Value],
) -> tuple[Graph, Consistency]:
    """Return the graph of samples held out, and its checks.

    They are not those of training if the model computes something else in training, such as dropout. If it does not,
    the graph is that of the same shape to train with.

    Arguments:
        held_out: the samples; the first of them, not in training, and its graph.
        checks, graphs: of the samples to train with, by shape.
        made: the list that the running `recording` fills.
    """
    part, sample, graph = held_out
    objective, first = sample.objective, None
    results = [v for v in graph_of(*graph.outputs) if v.op]  # the model may have been called long before
    for check, theirs in zip(checks, graphs):
        if _structure(check.known) == _structure(part):
            if check.first.reference.difference(graph, results, check.names) is None:
                graph, first = theirs, check.first
            else:  # in training, at least, these are samples as the others are
                Consistency(objective, check.first, None, part, made).compare_ends()
    consistency = Consistency(objective, first or _first(part, graph), None, part, made, training=False)
    consistency.compare_some_held_out(again=first is None)
    return graph, consistency


def _structure(part: Dataset) -> tuple[object, object]:
    return tree_structure(part.xs.like), tree_structure(part.ys.like)


# Infinities ----------------------------------------------------------------------------------------------------------

_MOST_TRIED = 3  # samples with an infinity


def refuse_infinite(prepared: Prepared, xs: Any, ys: Any, validation: Any) -> None:
    """Refuse infinite inputs and targets by which loss or gradients are not finite; others may mask something.

    Arguments:
        xs, ys, validation: what the user has passed.

    Raises:
        ValueError: it names all such samples.
    """
    _refuse_infinite(prepared.objective, prepared.learners, "", xs, ys)
    if isinstance(validation, (tuple, list)):
        _refuse_infinite(prepared.objective, prepared.judges, "validation ", *validation)
    else:
        _refuse_infinite(prepared.objective, prepared.judges, "", xs, ys)


def _refuse_infinite(objective: Objective, parts: Sequence[Part], prefix: str, xs: Any, ys: Any) -> None:
    for data, _, _ in parts:
        infinite = sorted({*data.xs.infinite(), *data.ys.infinite()})
        if not any(_loses_its_numbers(objective, *data.sample(i)) for i in infinite[:_MOST_TRIED]):
            continue
        x_name, y_name = f"{prefix}xs", f"{prefix}ys"
        found = [
            read(x_name, _again(xs, data.xs), Other(variable(y_name), ys), complete=True, finite=True, several=True),
            read(y_name, _again(ys, data.ys), Other(variable(x_name), xs), complete=True, finite=True, several=True),
        ]
        refusals = [refusal for refusal in found if isinstance(refusal, Refusal) and refusal.kind is ValueError]
        if refusals:
            raise refused(prefix, refusals)


def _again(passed: Any, data: Samples) -> Any:
    """Return what the user has passed, or of an iterator, which has been read, the samples."""
    return data.as_lists() if isinstance(passed, Iterator) else passed


@unobserved
def _loses_its_numbers(objective: Objective, x: Any, y: Any) -> bool:
    """Return True if the loss of a sample, or the gradient of a parameter, is not finite."""
    loss = Sample(objective, x).loss(as_inputs(y))
    used = [v for v in graph_of(loss) if v in set(objective.parameters)]
    return not all(math.isfinite(v.data) for v in (loss, *(grad(loss, used) if used else ())))


# Samples and targets that fit the model and the loss -----------------------------------------------------------------


def _fitting(objective: Objective, data: Data) -> tuple[_Fitting, _Fitting]:
    """Return the samples to train with and those held out, by their shapes, with converted targets.

    Raises:
        TypeError, ValueError: the targets do not fit; or the model or the loss takes some of the samples only.
    """
    known = _taken(objective, data.known, data.classes)
    held_out: _Fitting = []
    for part in data.held_out.by_shape() if data.held_out else []:
        sample = Sample(objective, part.xs.like, training=False)
        strange = all(tree_structure(part.xs.like) != tree_structure(other.xs.like) for other, _ in known)
        if strange:
            _or_unlike(functools.partial(getattr, sample, "output"), part.xs, known[0][0].xs, several=len(known) > 1)
        converted = _with_targets(part, sample, data.classes)
        if all(tree_structure(converted.ys.like) != tree_structure(other.ys.like) for other, _ in known):
            _or_unlike(
                functools.partial(sample.graph, converted.ys.like),
                converted.ys,
                known[0][0].ys,
                several=len(known) > 1,
            )
        held_out.append((converted, sample))
    return known, held_out


def _or_unlike(take: Callable[[], T], held_out: Samples, known: Samples, *, several: bool) -> T:
    """Return what the model or the loss makes of a sample held out of another shape than those to train with.

    Arguments:
        several: whether these are of several shapes, so that it may be none that matters.
    """
    try:
        return take()
    except RecordingError:
        raise
    except Exception as problem:  # of the user's model, any
        if is_raised_here(problem) and not several:
            raise ValueError(unlike(held_out, known)) from problem
        refuse_sample(held_out, 0, problem)


def _taken(objective: Objective, data: Dataset, classes: list[str]) -> _Fitting:
    """Return the samples to train with by shape; if there are several, check that the model and the loss take all."""
    parts = data.by_shape()
    samples = [Sample(objective, part.xs.like) for part in parts]
    if len(parts) == 1:
        return [(_with_targets(parts[0], samples[0], classes), samples[0])]

    def taken(part: Dataset, sample: Sample) -> tuple[Dataset, Sample]:
        part = _with_targets(part, sample, classes)
        sample.graph(part.ys.like)
        return part, sample

    outputs = [functools.partial(getattr, sample, "output") for sample in samples]
    _all_taken(data, data.xs, Other("ys", data.ys.as_lists()), outputs)
    losses = [functools.partial(taken, part, sample) for part, sample in zip(parts, samples)]
    return _all_taken(data, data.ys, Other("xs", data.xs.as_lists()), losses)


def _all_taken(data: Dataset, column: Samples, other: Other, takes: Sequence[Callable[[], T]]) -> list[T]:
    """Return what is made of the samples of each shape; raise the error for a column of which some are not taken."""
    found: list[T] = []
    taken, failed = list[list[int]](), list[tuple[list[int], Exception]]()
    for indices, take in zip(by_shape(data.xs, data.ys), takes):
        try:
            found.append(take())
        except RecordingError:
            raise
        except Exception as problem:  # of the user's model or loss, any
            failed.append((indices, problem))
        else:
            taken.append(indices)
    if failed and not taken:
        raise failed[0][1]
    if failed:
        refuse_shapes(column, other, taken, failed)
    return found


def _with_targets(data: Dataset, sample: Sample, classes: list[str]) -> Dataset:
    """Return samples of one shape with the targets that the loss takes.

    Raises:
        TypeError, ValueError: as the loss raises for targets that do not fit, with their name in front.
    """
    ys = data.ys
    if not isinstance(ys.like, list) or (ys.is_column() and not sample.takes(ys.like)):
        data = data.with_bare_targets()
    if classes and sample.objective.classes:
        data = data.with_codes(sample.objective.classes(sample.output, classes))
    convert = sample.objective.targets
    if not convert:
        return data
    with noting(training=sample.training):
        return data.converted(functools.partial(convert, sample.output))
