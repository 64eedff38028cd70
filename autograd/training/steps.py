"""Make the functions that compute a batch: loss, gradients and accuracy, compiled or by `backward()`.

In every backend they compute the same, with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    accuracy   mean over the batch of the share that is right
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import repeat
from typing import Any, NamedTuple

from autograd import ops
from autograd.codegen.compile import compile
from autograd.engine import Value, commit_data, grad, set_grad
from autograd.errors import CompilerError
from autograd.floats import number
from autograd.training.objective import Objective
from autograd.training.record import SampleGraph
from autograd.trees import tree_map

FASTEST_FIRST = ("c", "numpy", "python")
BACKENDS = ("auto", *FASTEST_FIRST, "eager")

_FASTER_IN_LISTS = 32  # parameters; with more, arrays are faster
_SAMPLES_TOGETHER = 64  # in one graph of the eager backend: a tenth faster than one by one, in little memory


class Stepper(NamedTuple):
    """The functions of a batch, and the form in which they take their arguments."""

    learn: Callable[[Any, Any, Any], tuple[float, Any, float]]
    """(parameters, xs, ys) -> (loss, gradients, accuracy)."""
    judge: Callable[[Any, Any, Any], tuple[float, float]] | None
    """(parameters, xs, ys) -> (loss, accuracy) of samples held out, without the regularizer; None if there are none."""
    backend: str
    arrays: bool = False
    """Parameters and batches are NumPy arrays, or else lists."""
    alone: bool = False
    """`learn` takes a single sample, not a list of samples."""


# Compiled ------------------------------------------------------------------------------------------------------------


def compiled_stepper(graph: SampleGraph, size: int, backend: str, *, judge: bool) -> Stepper:
    """Compile the graph of one sample to functions of a batch.

    Arguments:
        graph: the recorded sample.
        size: the number of samples in a batch.
        backend: "auto" for the first of the fastest that is available.
        judge: whether to compile a function for samples held out as well.

    Raises:
        CompilerError: the backend needs a C compiler.
        ValueError: the backend does not know an operation.
    """
    loss, parameters = graph.loss, graph.parameters
    gradients = [0.0 + g for g in grad(loss, parameters)]  # as sums begin, in backward() and over a batch: -0.0 -> 0.0
    if graph.penalty is not None:
        gradients = [g + other for g, other in zip(gradients, grad(graph.penalty, parameters))]
        loss = loss + graph.penalty
    inputs: Any = (parameters, graph.x, graph.y)
    batch: Any = {"in_axes": (None, 0, 0), "reduce": "mean"}

    def made(backend: str) -> Stepper:
        arrays = backend != "python" and has_numpy()
        if size == 1 and backend == "c" and len(parameters) <= _FASTER_IN_LISTS:
            arrays = False
        alone = size == 1 and not arrays
        learning = compile((loss, gradients, graph.accuracy), inputs, backend=backend, **({} if alone else batch))
        judging = compile((graph.loss, graph.accuracy), inputs, backend=backend, **batch) if judge else None
        return Stepper(learning, judging, backend, arrays, alone)

    if backend != "auto":
        return made(backend)
    *faster, last = (name for name in FASTEST_FIRST if name != "numpy" or has_numpy())
    for name in faster:
        try:
            return made(name)
        except (CompilerError, ValueError):
            continue
    return made(last)


# Eager ---------------------------------------------------------------------------------------------------------------


def eager_stepper(objective: Objective) -> Stepper:
    """Return functions of a batch that run the model anew for each sample, and call `backward()`."""
    parameters, accuracy_of = objective.parameters, objective.accuracy

    def mean(numbers: Any, xs: Any, ys: Any, *, backward: bool) -> tuple[float, float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        loss = accuracy = 0.0
        for start in range(0, len(xs), _SAMPLES_TOGETHER):
            chunk = slice(start, start + _SAMPLES_TOGETHER)
            losses = []
            for x, y in zip(xs[chunk], ys[chunk]):
                output = objective.model(tree_map(Value, x))
                losses.append(objective.loss_of(output, tree_map(Value, y)))
                loss += losses[-1].data
                if accuracy_of:
                    accuracy += number(accuracy_of(tree_map(_number_of, output), y))
            if backward:
                (losses[0] if len(losses) == 1 else ops.sum(losses)).backward()
        return loss / len(xs), accuracy / len(xs)

    def learn(numbers: Any, xs: Any, ys: Any) -> tuple[float, Any, float]:
        loss, accuracy = mean(numbers, xs, ys, backward=True)
        for p in parameters:
            p.grad /= len(xs)
        penalty = objective.penalty()
        if penalty is not None:
            penalty.backward()
            loss += penalty.data
        return loss, [p.grad for p in parameters], accuracy

    return Stepper(learn, partial(mean, backward=False), "eager")


def _number_of(output: Any) -> float:
    return output.data if isinstance(output, Value) else number(output)


def has_numpy() -> bool:
    return find_spec("numpy") is not None
