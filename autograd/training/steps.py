"""Compile the functions that compute a batch: loss, gradients and accuracy.

In every backend, and in `eager.py`, they compute the same, with the same operations in the same order:

    loss       mean over the batch of loss(model(x), y), plus the regularizer
    gradients  mean over the batch of the loss's gradients, plus the regularizer's
    accuracy   mean over the batch of the share that is right
"""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from autograd.codegen.arguments import shape_of
from autograd.codegen.c_build import building_within
from autograd.codegen.c_library import CProgram
from autograd.codegen.compile import FASTEST_FIRST, Preference, compile_recorded
from autograd.engine import Value, grad, graph_of
from autograd.events import unobserved
from autograd.samples.backends import first_usable, has_numpy
from autograd.samples.recording import Graph
from autograd.training.data import Form
from autograd.training.record import Held
from autograd.trees import tree_leaves, tree_structure

_SPARE_SECONDS = 1.0
"""What compiling C may take with "auto" in any case: a run that is as short is soon repeated, from the cache."""
_MICROSECONDS_A_NODE = {"numpy": (0.15, 0.002), "python": (0.0, 0.05)}
"""What C saves beside another backend, roughly: for each node of a program in a call, and for each of its samples. The
compiler takes 300 for each statement. These are measured, with recurrent networks and transformers of 1,000 to 8,000
nodes; counts decide, not clocks, so that the same run takes the same backend."""


class Learner(NamedTuple):
    """The recorded sample of a shape to train with."""

    graph: Graph
    size: int
    """The number of samples in a batch."""
    batches: int
    """The number of batches to come, as far as one knows; 0 if nothing is to be built in C that is not in the cache."""


class BatchFunction(NamedTuple):
    """A function of a batch, and the form in which it takes its arguments."""

    compute: Callable[..., Any]
    """(parameters, xs, ys), and if `draws`, the drawn numbers of each sample -> the results."""
    form: Form = Form()
    draws: int = 0
    """How many numbers `nn.uniform` draws for each sample, where the function takes them."""
    compiled: bool = True
    """False if it calls the model."""
    program: CProgram | None = None
    """The function in C, where it is compiled to C: it takes what `compute` takes, and the held numbers as a last
    argument, where there are some."""


class TrainingFunctions(NamedTuple):
    """The functions of a run, one for each shape of samples."""

    learn: list[BatchFunction]
    """Return loss, gradients and accuracy of a batch to train with."""
    judge: list[BatchFunction]
    """Return loss and accuracy, without the regularizer, of samples held out."""
    backend: str
    fallback: bool = False
    """True if faster backends cannot be used; a warning has said why, where it is not for lack of a compiler."""


def compiled_functions(
    learn: Sequence[Learner], judge: Sequence[Graph], penalty: Graph | None, held: Held, backend: str
) -> TrainingFunctions:
    """Compile graphs of single samples to the functions of a run.

    Arguments:
        learn: for each shape the recorded sample to train with.
        judge: for each shape a recorded sample of those held out.
        penalty: the recorded regularizer, if there is one.
        held: further leaves of the graphs. The functions read their numbers there, at each call.
        backend: "auto" for the first of the fastest that is available; a warning says why C is not used, unless
            there is no compiler, or it would take longer than it saves.

    Raises:
        CompilerError: the backend needs a C compiler.
        UnsupportedOperationError: the backend cannot express an operation.
    """
    objectives = [_objective(graph.outputs[0], penalty, graph.inputs[0]) for graph, *_ in learn]
    nodes = [len(graph_of(loss, *gradients)) for loss, gradients in objectives]

    def made(backend: str) -> TrainingFunctions:
        most_in_lists = FASTEST_FIRST.get(backend, Preference()).most_in_lists
        arrays = math.isfinite(most_in_lists) and has_numpy()

        def function(outputs: Any, graph: Graph, *, alone: bool) -> BatchFunction:
            parameters, *sample = graph.all_inputs()
            nests = [tree_structure(tree) if shape_of(tree) is None else None for tree in sample]
            flat = [tree if nest is None else tree_leaves(tree) for tree, nest in zip(sample, nests)]
            axes: Any = {} if alone else {"in_axes": (None, *(0 for _ in flat)), "reduce": "mean"}
            if held.leaves:
                flat.append(held.leaves)
                axes = axes and {**axes, "in_axes": (*axes["in_axes"], None)}
            compiled = compile_recorded(outputs, (parameters, *flat), backend=backend, **axes)
            compute: Callable[..., Any] = compiled
            if held.leaves:
                compute = _with_held(compute, held, arrays=arrays and not alone)
            form = Form(arrays and not alone, alone, *nests[:2])
            return BatchFunction(compute, form, len(graph.drawn), program=compiled.program)

        learning: dict[int, BatchFunction] = {}
        for i in sorted(range(len(learn)), key=nodes.__getitem__, reverse=True):  # what takes C too long is seen first
            graph, size, _ = learn[i]
            alone = size == 1 and not (arrays and len(graph.inputs[0]) > most_in_lists)
            learning[i] = function((*objectives[i], graph.outputs[1]), graph, alone=alone)
        judging = [function(tuple(graph.outputs), graph, alone=False) for graph in judge]
        return TrainingFunctions([learning[i] for i in range(len(learn))], judging, backend)

    if backend != "auto":
        return made(backend)
    with building_within(_seconds_for_c(learn, nodes) / len(learn)):
        functions, fallback = first_usable(FASTEST_FIRST, made, "training")
    return functions._replace(fallback=fallback)


def _seconds_for_c(learn: Sequence[Learner], nodes: Sequence[int]) -> float:
    """Return how long compiling C may take: what it saves in the batches to come, or a second.

    Arguments:
        learn: the samples of each shape.
        nodes: the size of the program of each.
    """
    if not any(batches for *_, batches in learn):
        return 0.0
    call, sample = _MICROSECONDS_A_NODE["numpy" if has_numpy() else "python"]
    saved = sum(batches * n * (call + sample * size) for (_, size, batches), n in zip(learn, nodes))
    return max(_SPARE_SECONDS, saved / 1e6)


def _with_held(compute: Callable[..., Any], held: Held, *, arrays: bool) -> Callable[..., Any]:
    """Return the function without its last argument: the numbers that are held."""
    if not arrays:
        return lambda *batch: compute(*batch, held.numbers)
    import numpy as np  # noqa: PLC0415  # the backend has found it

    read: Any = None
    array: Any = None

    def computed(*batch: Any) -> Any:
        nonlocal read, array
        if read is not held.numbers:
            read, array = held.numbers, np.array(held.numbers)
        return compute(*batch, array)

    return computed


@unobserved
def _objective(loss: Value, penalty: Graph | None, parameters: list[Value]) -> tuple[Value, list[Value]]:
    """Return the sum of a sample's loss and the penalty, and its gradients."""
    gradients = [0.0 + g for g in grad(loss, parameters)]  # sums start at 0.0, so -0.0 becomes 0.0
    if penalty is None:
        return loss, gradients
    [share] = penalty.outputs
    gradients = [g + other for g, other in zip(gradients, grad(share, parameters))]
    return loss + share, gradients
