"""Build the functions that compute a batch: loss, gradients and accuracy, compiled or by `backward()`.

In every backend they compute the same, with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    accuracy   mean over the batch of the share that is right
"""

import warnings
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from itertools import repeat
from typing import Any, NamedTuple

from autograd import ops
from autograd.codegen.compile import compile
from autograd.engine import Value, commit_data, grad, set_grad
from autograd.errors import CompilerError, CompilerNotFound, UnsupportedOperationError
from autograd.floats import number
from autograd.training.record import Graph, Objective, check_fresh
from autograd.trees import tree_map

_FASTER_IN_LISTS = 32  # parameters; with more, arrays are faster
_SAMPLES_TOGETHER = 64  # in one graph of the eager backend: a tenth faster than one by one, in little memory


class BatchFunction(NamedTuple):
    """A function of a batch, and the form in which it takes its arguments."""

    compute: Callable[[Any, Any, Any], Any]
    """(parameters, xs, ys) -> the results."""
    arrays: bool = False
    """True for batches in NumPy arrays, False for lists."""
    alone: bool = False
    """True if the batch is a single sample, not a list of samples."""


class Steps(NamedTuple):
    """The functions of a run."""

    learn: BatchFunction
    """Returns loss, gradients and accuracy of a batch to train with."""
    judge: BatchFunction | None
    """Returns loss and accuracy, without the regularizer, of the samples held out; None if there are none."""
    backend: str


# Compiled ------------------------------------------------------------------------------------------------------------


def compiled_steps(graph: Graph, penalty: Graph | None, size: int, backend: str, *, judge: bool) -> Steps:
    """Compile the graph of one sample to the functions of a run.

    Arguments:
        graph: the recorded sample.
        penalty: the recorded regularizer, if there is one.
        size: the number of samples in a batch to train with.
        backend: "auto" for the first of the fastest that is available; a warning says why C is not used, unless
            there is no compiler.
        judge: whether to compile a function for samples held out as well.

    Raises:
        CompilerError: the backend needs a C compiler.
        UnsupportedOperationError: the backend cannot express an operation.
    """
    inputs, (loss, accuracy) = graph.inputs, graph.outputs
    parameters, objective = inputs[0], loss
    gradients = [0.0 + g for g in grad(loss, parameters)]  # sums start at 0.0, so -0.0 becomes 0.0
    if penalty is not None:
        gradients = [g + other for g, other in zip(gradients, grad(penalty.outputs[0], parameters))]
        objective = loss + penalty.outputs[0]
    batch: Any = {"in_axes": (None, 0, 0), "reduce": "mean"}

    def made(backend: str) -> Steps:
        arrays = backend != "python" and has_numpy()
        alone = size == 1 and not (arrays and (backend != "c" or len(parameters) > _FASTER_IN_LISTS))
        compute = compile((objective, gradients, accuracy), inputs, backend=backend, **({} if alone else batch))
        score = compile((loss, accuracy), inputs, backend=backend, **batch) if judge else None
        return Steps(
            BatchFunction(compute, arrays and not alone, alone),
            BatchFunction(score, arrays) if score else None,
            backend,
        )

    if backend != "auto":
        return made(backend)
    for faster in ("c", *["numpy"] * has_numpy()):
        try:
            return made(faster)
        except (CompilerNotFound, UnsupportedOperationError):
            pass  # this backend is not for this machine, or not for this model
        except (CompilerError, OSError) as problem:
            slower = "numpy" if has_numpy() else "python"
            said = f'training with backend="{slower}", because C cannot be used: {problem}'
            warnings.warn(said, RuntimeWarning, stacklevel=4)  # in the line that calls fit
    return made("python")  # needs nothing


# Eager ---------------------------------------------------------------------------------------------------------------


def eager_steps(objective: Objective) -> Steps:
    """Return functions that run the model for each sample, and call `backward()`.

    The first call raises RecordingError if the model uses results computed from the parameters before the call: these
    would never be computed again, while their gradients would keep moving the parameters.
    """
    parameters, accuracy_of = objective.parameters, objective.accuracy
    checked = False  # once is enough: what was fresh in the first call is fresh in the others

    def mean(numbers: Any, xs: Any, ys: Any, *, backward: bool) -> tuple[float, float]:
        commit_data(parameters, map(float, numbers), map(set_grad, parameters, repeat(0.0)))
        begin, loss, accuracy = Value(0.0), 0.0, 0.0
        for start in range(0, len(xs), _SAMPLES_TOGETHER):
            chunk = slice(start, start + _SAMPLES_TOGETHER)
            losses = []
            for x, y in zip(xs[chunk], ys[chunk]):
                output = objective.model(tree_map(Value, x))
                losses.append(objective.sample_loss(output, tree_map(Value, y)))
                loss += losses[-1].data
                if accuracy_of:
                    accuracy += number(accuracy_of(tree_map(_number_of, output), y))
            if not checked:
                check_fresh(losses[:1], begin, parameters)
            if backward:
                (losses[0] if len(losses) == 1 else ops.sum(losses)).backward()
        return loss / len(xs), accuracy / len(xs)

    def learn(numbers: Any, xs: Any, ys: Any) -> tuple[float, Any, float]:
        nonlocal checked
        loss, accuracy = mean(numbers, xs, ys, backward=True)
        for p in parameters:
            p.grad /= len(xs)
        begin, penalty = Value(0.0), objective.penalty()
        if penalty is not None:
            if not checked:
                check_fresh([penalty], begin, parameters)
            penalty.backward()
            loss += penalty.data
        checked = True
        return loss, [p.grad for p in parameters], accuracy

    return Steps(BatchFunction(learn), BatchFunction(partial(mean, backward=False)), "eager")


def _number_of(output: Any) -> float:
    return output.data if isinstance(output, Value) else number(output)


def has_numpy() -> bool:
    return find_spec("numpy") is not None
