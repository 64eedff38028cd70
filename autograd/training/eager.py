"""Train without compiling: call the model for each sample, and `backward()`."""

from itertools import repeat
from typing import Any

from autograd import ops
from autograd.engine import Value, commit_data, set_grad
from autograd.floats import number
from autograd.training.record import Objective, check_fresh
from autograd.training.steps import BatchFunction, TrainingFunctions
from autograd.trees import tree_copy, tree_map

_SAMPLES_TOGETHER = 64  # in one graph: a tenth faster than one by one, in little memory


class Freshness:
    """The check that each step computes anew what it takes from the parameters.

    A result that the model keeps from an earlier step (in a `functools.cached_property`, from a callback) would never
    be computed again, while its gradient would keep moving the parameters.

    Looking at every graph would take half as long as training. So the check looks at the first sample of each graph,
    and at the regularizer: in steps 1, 2, 4, 8, ... counted from the start and from each callback, and in the last.
    """

    def __init__(self, parameters: list[Value]) -> None:
        self.parameters = parameters
        self.restart()

    def restart(self) -> None:
        """Count the steps from 1 again, because the user's code may have kept other results."""
        self.steps = 0

    def begin_step(self) -> None:
        self.steps += 1
        self.due = self.steps.bit_count() == 1
        self.begin, self.outputs = Value(0.0), list[Value]()

    def add(self, output: Value) -> None:
        """Note an output of this step, and check it if that is due.

        Raises:
            RecordingError: it was computed from results of parameters that are older than the step.
        """
        self.outputs = [*self.outputs[-1:], output]  # those before are let go, with their graphs
        if self.due:
            self.check()

    def check(self) -> None:
        """Check the last outputs of the current step, or of the latest one.

        Raises:
            RecordingError: as `add`.
        """
        check_fresh(self.outputs, self.begin, self.parameters)


def eager_functions(objective: Objective, freshness: Freshness) -> TrainingFunctions:
    """Return functions that run the model for each sample, and call `backward()`; `freshness` checks the steps."""
    parameters, accuracy_of = objective.parameters, objective.accuracy

    def mean(numbers: Any, xs: Any, ys: Any, *, learning: bool) -> tuple[float, float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        loss, accuracy = 0.0, 0.0
        for start in range(0, len(xs), _SAMPLES_TOGETHER):
            chunk = slice(start, start + _SAMPLES_TOGETHER)
            losses = []
            for x, y in zip(xs[chunk], ys[chunk]):
                output = objective.model(tree_map(Value, x))
                losses.append(objective.sample_loss(output, tree_map(Value, y)))
                loss += losses[-1].data
                if accuracy_of:
                    accuracy += number(accuracy_of(tree_map(_number_of, output), tree_copy(y)))
            if learning:
                freshness.add(losses[0])
                (losses[0] if len(losses) == 1 else ops.sum(losses)).backward()
        return loss / len(xs), accuracy / len(xs)

    def learn(numbers: Any, xs: Any, ys: Any) -> tuple[float, Any, float]:
        freshness.begin_step()
        loss, accuracy = mean(numbers, xs, ys, learning=True)
        for p in parameters:
            p.grad /= len(xs)
        penalty = objective.penalty()
        if penalty is not None:
            freshness.add(penalty)
            penalty.backward()
            loss += penalty.data
        return loss, [p.grad for p in parameters], accuracy

    def judge(numbers: Any, xs: Any, ys: Any) -> tuple[float, float]:
        return mean(numbers, xs, ys, learning=False)

    return TrainingFunctions(BatchFunction(learn), BatchFunction(judge), "eager")


def _number_of(output: Any) -> float:
    return output.data if isinstance(output, Value) else number(output)
