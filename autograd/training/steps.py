"""Make the functions that compute a batch: loss, gradients and accuracy, compiled or by `backward()`.

In every backend they compute the same, with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    accuracy   mean over the batch of the share that is right
"""

from __future__ import annotations

from collections.abc import Callable
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

BatchFunction = Callable[[Any, Any, Any], tuple[float, Any, float]]
"""(parameters, xs, ys) -> (loss, gradients, accuracy)."""


class Stepper(NamedTuple):
    """A function of a batch, and the form in which it takes its arguments."""

    compute: BatchFunction
    backend: str
    arrays: bool = False
    """Parameters and batches are NumPy arrays, or else lists."""
    alone: bool = False
    """A batch is a single sample, not a list of samples."""


def compiled_stepper(graph: SampleGraph, size: int, backend: str, *, gradients: bool = True) -> Stepper:
    """Compile one sample's graph to a function of a batch.

    Arguments:
        graph: the recorded sample.
        size: how many samples a batch has.
        backend: "auto" for the first of the fastest that can be made here.
        gradients: whether to compute them; without them, the loss has no regularizer.

    Raises:
        CompilerError: the backend needs a C compiler.
        ValueError: the backend does not know an operation.
    """
    loss, parameters = graph.loss, graph.parameters
    wanted: Any = []
    if gradients:
        # 0.0 is where sums begin, in backward() and over a batch: it turns -0.0 into 0.0.
        wanted = [0.0 + g for g in grad(loss, parameters)]
        if graph.penalty is not None:
            wanted = [g + other for g, other in zip(wanted, grad(graph.penalty, parameters))]
            loss = loss + graph.penalty

    def made(backend: str) -> Stepper:
        arrays = backend != "python" and has_numpy()
        alone = gradients and size == 1
        if alone and arrays:  # a single sample needs no arrays, but many parameters are faster in one
            arrays = backend != "c" or len(parameters) > _FASTER_IN_LISTS
            alone = not arrays
        batch: Any = {} if alone else {"in_axes": (None, 0, 0), "reduce": "mean"}
        function = compile((loss, wanted, graph.accuracy), (parameters, graph.x, graph.y), backend=backend, **batch)
        return Stepper(function, backend, arrays, alone)

    if backend != "auto":
        return made(backend)
    *faster, last = (name for name in FASTEST_FIRST if name != "numpy" or has_numpy())
    for name in faster:
        try:
            return made(name)
        except (CompilerError, ValueError):
            continue
    return made(last)


def eager_stepper(objective: Objective, *, gradients: bool = True) -> Stepper:
    """Return a function of a batch that runs the model anew for each sample, and calls `backward()`."""
    parameters, accuracy_of = objective.parameters, objective.accuracy

    def compute(numbers: Any, xs: Any, ys: Any) -> tuple[float, list[float], float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        n, loss, accuracy = len(xs), 0.0, 0.0
        for start in range(0, n, _SAMPLES_TOGETHER):
            chunk = slice(start, start + _SAMPLES_TOGETHER)
            losses = []
            for x, y in zip(xs[chunk], ys[chunk]):
                output = objective.model(tree_map(Value, x))
                losses.append(objective.loss_of(output, tree_map(Value, y)))
                loss += losses[-1].data
                if accuracy_of:
                    accuracy += number(accuracy_of(tree_map(_number_of, output), y))
            if gradients:
                (losses[0] if len(losses) == 1 else ops.sum(losses)).backward()
        loss, accuracy = loss / n, accuracy / n
        if not gradients:
            return loss, [], accuracy
        for p in parameters:
            p.grad /= n
        penalty = objective.penalty()
        if penalty is not None:
            penalty.backward()
            loss += penalty.data
        return loss, [p.grad for p in parameters], accuracy

    return Stepper(compute, "eager")


def _number_of(output: Any) -> float:
    return output.data if isinstance(output, Value) else number(output)


def has_numpy() -> bool:
    return find_spec("numpy") is not None
