"""Train without compiling: call the model for each sample, and `backward()`."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from itertools import repeat
from typing import Any

from autograd import ops
from autograd.draws import drawing_from
from autograd.engine import Value, commit_data, set_grad
from autograd.errors import RecordingError
from autograd.floats import number
from autograd.modes import training_mode
from autograd.samples.recording import as_inputs, check_fresh, refuse_kept
from autograd.samples.rows import refuse_named
from autograd.staleness import refusing
from autograd.training.data import Dataset
from autograd.training.draws import Draws
from autograd.training.reach import Reach, strangers, warn_of_late, warn_of_strangers
from autograd.training.record import Objective, noting
from autograd.training.steps import BatchFunction
from autograd.trees import tree_copy, tree_map, tree_structure

_MOST_TRIED = 16  # samples, where one is not taken
_SAMPLES_TOGETHER = 64  # in one graph: a tenth faster than one by one, in little memory


class Freshness:
    """The check of the graphs of eager steps: that they reach the parameters, and that each computes them anew.

    A result that the model keeps from an earlier step (in a `functools.cached_property`, from a callback) would never
    be computed again, while its gradient would keep moving the parameters. Once these have moved, the engine notices
    (`staleness.py`). Before, in the first step and in the first after a callback, the graph of the first sample of each
    chunk is searched for such results.
    """

    def __init__(self, parameters: list[Value], reach: Reach) -> None:
        self.parameters = parameters
        self.reach: Reach | None = reach  # until all samples have been seen
        self.searched = False  # whether a loss has been searched for leaves of its own
        self.restart()

    def restart(self) -> None:
        """Search in the next step, because the user's code may have kept results."""
        self.due = True

    @contextmanager
    def step(self) -> Iterator[None]:
        """Watch over a step, the body.

        Raises:
            RecordingError: it uses results of parameters that are older, and that the parameters no longer give.
        """
        self.begin = Value(0.0)
        with refusing(refuse_kept):
            yield
        self.due, self.searched = False, True

    def judge(self, samples: int, penalty: Value | None) -> None:
        """Count the samples of a step; after the first epoch's last one, judge whether they depend on the parameters.

        Raises:
            ValueError: they depend on none.
        """
        if self.reach:
            if penalty is not None:
                self.reach.see_penalty(penalty)
            if self.reach.judge(samples):
                self.reach = None

    def check(self, output: Value) -> None:
        """Check an output of this step, if that is due.

        Raises:
            RecordingError: it was computed from results of parameters that are older than the step.
        """
        if self.due:
            check_fresh([output], self.begin, self.parameters)


def eager_functions(
    objective: Objective, freshness: Freshness, draws: Draws, known: Sequence[Dataset], held_out: Sequence[Dataset]
) -> tuple[BatchFunction, BatchFunction]:
    """Return functions that run the model for each sample: to learn, with `backward()`, and to judge.

    Arguments:
        objective: what to minimize.
        freshness: checks the steps.
        draws: the source of `nn.uniform`.
        known, held_out: the samples by shape, for their names.
    """
    parameters, accuracy_of = objective.parameters, objective.accuracy

    def mean(numbers: Any, xs: Any, ys: Any, *, learning: bool) -> tuple[float, float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        loss, accuracy = 0.0, 0.0
        for start in range(0, len(xs), _SAMPLES_TOGETHER):
            chunk = slice(start, start + _SAMPLES_TOGETHER)
            losses: list[Value] = []
            for x, y in zip(xs[chunk], ys[chunk]):
                try:
                    output = objective.model(as_inputs(x))
                    answered = None if freshness.searched or losses or start else Value(0.0)
                    losses.append(objective.sample_loss(output, as_inputs(y)))
                except RecordingError:
                    raise
                except Exception as problem:  # of the user's model or loss, any
                    _check_others(objective, x, y, known if learning else held_out, problem)
                    raise
                if answered is not None and learning:
                    warn_of_strangers(objective, strangers(losses[-1], freshness.begin, answered))
                    warn_of_late(objective, x, losses[-1], freshness.begin)
                loss += losses[-1].data
                if accuracy_of:
                    accuracy += number(accuracy_of(_numbers_of(output), tree_copy(y)))
            if learning:
                freshness.check(losses[0])
                total = losses[0] if len(losses) == 1 else ops.sum(losses)
                if freshness.reach:
                    freshness.reach.see(total)
                total.backward()
        return loss / len(xs), accuracy / len(xs)

    def learn(numbers: Any, xs: Any, ys: Any) -> tuple[float, Any, float]:
        draws.begin()
        with freshness.step(), training_mode(True), drawing_from(draws.leaves):
            loss, accuracy = mean(numbers, xs, ys, learning=True)
            for p in parameters:
                p.grad /= len(xs)
            penalty = objective.penalty()
            if penalty is not None:
                freshness.check(penalty)
                if not freshness.searched:
                    warn_of_strangers(objective, strangers(penalty, freshness.begin, freshness.begin))
                penalty.backward()
                loss += penalty.data
            freshness.judge(len(xs), penalty)
        return loss, [p.grad for p in parameters], accuracy

    def judge(numbers: Any, xs: Any, ys: Any) -> tuple[float, float]:
        draws.begin()
        with noting(training=False), training_mode(False), drawing_from(draws.leaves):
            return mean(numbers, xs, ys, learning=False)

    return BatchFunction(learn, compiled=False), BatchFunction(judge, compiled=False)


def _check_others(objective: Objective, x: Any, y: Any, parts: Sequence[Dataset], problem: Exception) -> None:
    """Raise what was raised for a sample of these, with its name, unless it is raised for others, too."""
    shapes = tree_structure(x), tree_structure(y)
    part = next(part for part in parts if (tree_structure(part.xs.like), tree_structure(part.ys.like)) == shapes)
    for inputs, target in map(part.sample, range(min(len(part), _MOST_TRIED))):
        with suppress(Exception):  # of the user's model or loss, any
            objective.sample_loss(objective.model(as_inputs(inputs)), as_inputs(target))
            break
    else:
        return
    refuse_named(part.name_of(x, y), x, problem)


def _numbers_of(output: Any) -> Any:
    """Return a model's output with numbers in place of Values."""
    if isinstance(output, Mapping):
        return {name: _numbers_of(part) for name, part in output.items()}
    if isinstance(output, (list, tuple)):
        return tree_map(_numbers_of, output)
    return output.data if isinstance(output, Value) else number(output)
