"""Compile the functions that compute a batch: loss, gradients and accuracy.

In every backend, and in `eager.py`, they compute the same, with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    accuracy   mean over the batch of the share that is right
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

from autograd.codegen.arguments import shape_of
from autograd.codegen.compile import FASTEST_FIRST, Preference, compile_recorded
from autograd.engine import Value, grad
from autograd.events import unobserved
from autograd.samples.backends import first_usable, has_numpy
from autograd.samples.recording import Graph
from autograd.training.data import Form
from autograd.trees import tree_leaves, tree_structure


class BatchFunction(NamedTuple):
    """A function of a batch, and the form in which it takes its arguments."""

    compute: Callable[[Any, Any, Any], Any]
    """(parameters, xs, ys) -> the results."""
    form: Form = Form()


class TrainingFunctions(NamedTuple):
    """The functions of a run."""

    learn: BatchFunction
    """Returns loss, gradients and accuracy of a batch to train with."""
    judge: BatchFunction | None
    """Returns loss and accuracy, without the regularizer, of the samples held out; None if there are none."""
    backend: str
    fallback: bool = False
    """True if faster backends cannot be used; a warning has said why, where it is not for lack of a compiler."""


def compiled_functions(
    graph: Graph, penalty: Graph | None, size: int, backend: str, *, judge: bool
) -> TrainingFunctions:
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
    (parameters, *sample), (loss, accuracy) = graph.inputs, graph.outputs
    nests = tuple(tree_structure(tree) if shape_of(tree) is None else None for tree in sample)
    inputs = parameters, *(tree if nest is None else tree_leaves(tree) for tree, nest in zip(sample, nests))
    objective, gradients = _objective(loss, penalty, parameters)
    batch: Any = {"in_axes": (None, 0, 0), "reduce": "mean"}

    def made(backend: str) -> TrainingFunctions:
        most_in_lists = FASTEST_FIRST.get(backend, Preference()).most_in_lists
        arrays = math.isfinite(most_in_lists) and has_numpy()
        alone = size == 1 and not (arrays and len(parameters) > most_in_lists)
        compute = compile_recorded(
            (objective, gradients, accuracy), inputs, backend=backend, **({} if alone else batch)
        )
        score = compile_recorded((loss, accuracy), inputs, backend=backend, **batch) if judge else None
        return TrainingFunctions(
            BatchFunction(compute, Form(arrays and not alone, alone, *nests)),
            BatchFunction(score, Form(arrays, False, *nests)) if score else None,
            backend,
        )

    if backend != "auto":
        return made(backend)
    functions, fallback = first_usable(FASTEST_FIRST, made, "training")
    return functions._replace(fallback=fallback)


@unobserved
def _objective(loss: Value, penalty: Graph | None, parameters: list[Value]) -> tuple[Value, list[Value]]:
    """Return the sum of a sample's loss and the penalty, and its gradients."""
    gradients = [0.0 + g for g in grad(loss, parameters)]  # sums start at 0.0, so -0.0 becomes 0.0
    if penalty is None:
        return loss, gradients
    [share] = penalty.outputs
    gradients = [g + other for g, other in zip(gradients, grad(share, parameters))]
    return loss + share, gradients
