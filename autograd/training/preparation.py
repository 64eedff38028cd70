"""Prepare a model for training: record it, check that the graph holds for all samples, and compile it."""

import functools
from contextlib import nullcontext
from typing import NamedTuple

from autograd.training.consistency import Consistency
from autograd.training.data import Data
from autograd.training.eager import Freshness, eager_functions
from autograd.training.reach import Reach
from autograd.training.record import Objective, Sample, penalty_graph, recording
from autograd.training.steps import TrainingFunctions, compiled_functions


class Prepared(NamedTuple):
    """A model that is ready to be trained."""

    objective: Objective
    data: Data
    """The samples, with the targets that the loss has converted."""
    functions: TrainingFunctions
    consistency: Consistency | None
    """The checks that the recorded graph still holds; None if nothing is recorded."""
    freshness: Freshness | None
    """The check of eager steps; None if they are compiled."""
    sample: Sample
    """The first sample, on its way through the model."""

    def is_outdated(self) -> bool:
        """Return True if the model has other parameters, or computes something else, than when it was prepared.

        Raises:
            RecordingError: it computes something else with each call.
        """
        with self.consistency.timed() if self.consistency else nullcontext():
            if list(self.objective.model.parameters()) != self.objective.parameters:
                return True
            return self.consistency is not None and self.consistency.outdated()


def prepare(objective: Objective, data: Data, size: int, backend: str) -> Prepared:
    """Record and compile the model with its current parameters, or make the functions that call it.

    Arguments:
        objective: what to minimize.
        data: the samples, with the user's targets.
        size: the number of samples in a batch.
        backend: as in `fit`.

    Raises:
        RecordingError: one graph cannot stand for all samples.
        TypeError, ValueError: the targets do not fit, or the model or the loss returns something else than Values.
        ValueError: the loss depends on no parameter; in eager training, the first epoch shows it.
    """
    sample = Sample(objective, data.known.xs.like)
    if backend == "eager":
        freshness = Freshness(objective.parameters, Reach(objective, len(data.known)))
        data, functions = _with_targets(data, sample), eager_functions(objective, freshness)
        return Prepared(objective, data, functions, None, freshness, sample)
    with recording(objective) as made:
        data = _with_targets(data, sample)
        graph, penalty = sample.graph(data.known.ys.like), penalty_graph(objective)
        reach = Reach(objective, samples=1)  # which stands for all
        reach.see(graph.outputs[0])
        if penalty:
            reach.see_penalty(penalty.outputs[0])
        reach.judge(samples=1)
        consistency = Consistency(objective, graph, penalty, data, made)
    functions = compiled_functions(graph, penalty, size, backend, judge=data.held_out is not None)
    return Prepared(objective, data, functions, consistency, None, sample)


def _with_targets(data: Data, sample: Sample) -> Data:
    ys = data.known.ys
    if not isinstance(ys.like, list) or (ys.is_column() and not sample.takes(ys.like)):
        data = data.with_bare_targets()
    if data.classes and sample.objective.classes:
        data = data.with_codes(sample.objective.classes(sample.output, data.classes))
    convert = sample.objective.targets
    return data.with_targets(functools.partial(convert, sample.output) if convert else None)
