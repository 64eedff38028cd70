"""Find the operation by which a step of training has lost its numbers: the sample is run once more, and watched."""

import math
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from autograd.anomaly import detect_anomaly
from autograd.draws import drawing_from
from autograd.engine import Value, grad, local_gradients
from autograd.errors import AnomalyError
from autograd.events import unobserved
from autograd.modes import training_mode
from autograd.samples.recording import Drawing, as_inputs
from autograd.samples.reference import leaf_names
from autograd.training.data import Dataset
from autograd.training.record import Objective
from autograd.training.steps import BatchFunction
from autograd.trees import tree_copy, tree_leaves

_MOST_RUN = 4  # samples that are run once more, if the compiled function can say which


class Cause(NamedTuple):
    """Where the numbers of a step were lost."""

    text: str
    error: AnomalyError | None = None
    """None if the model has raised another error."""

    @property
    def is_pole(self) -> bool:
        """True if a derivative is infinite at finite numbers, as that of a square root at 0: no sign of growth."""
        if self.error is None:
            return False
        node = self.error.node
        if not all(math.isfinite(x.data) for x in (node, *node.args) if isinstance(x, Value)):
            return False
        return not all(math.isfinite(g) for g in local_gradients(node) if g is not None)

    @property
    def remedy(self) -> str:
        """Code that keeps the operation from such numbers."""
        node = self.error.node if self.error else None
        name = "" if node is None or node.op is None else node.op.name
        numbers = [] if node is None else [x.data if isinstance(x, Value) else x for x in node.args]
        if name in _OF_POSITIVE and numbers[0] < 0:
            return f"autograd.{name}(autograd.max(x, 1e-12))"
        if any(abs(x) < _NEAR_0 for x in numbers):
            return _POLES.get(name, _NO_POLE)
        return _OVERFLOWS.get(name, _NO_OVERFLOW)


_NEAR_0 = 1e-100
_OF_POSITIVE = ("sqrt", "log", "log2", "log10")
_NO_POLE = "autograd.sqrt(x + 1e-12)"
_POLES = {"log": "autograd.log(x + 1e-12)", "div": "x / (y + 1e-12)", "pow": "(x + 1e-12) ** y"}
_NO_OVERFLOW = "autograd.clip(x, -1e3, 1e3)"
_OVERFLOWS = {"exp": "autograd.exp(autograd.min(x, 50.0))"}


class Step(NamedTuple):
    """A step that has failed."""

    data: Dataset
    """The samples from which its batch was taken."""
    function: BatchFunction
    numbers: Any
    """The parameters' numbers before the step."""
    xs: Any
    ys: Any
    drawn: Any
    """What `nn.uniform` has drawn for it, sample by sample."""


@unobserved
def cause_of(objective: Objective, step: Step) -> Cause | None:
    """Return why the loss or a gradient of a step is not finite; None if no sample shows it: a sum has overflowed.

    Arguments:
        objective: what is minimized; its parameters have the numbers of before the step.
        step: the step.
    """
    pairs = step.function.form.samples(step.xs, step.ys)
    drawn = [float(u) for row in step.drawn for u in (row if hasattr(row, "__len__") else [row])]
    each = len(drawn) // len(pairs)
    if step.function.compiled:
        for i in islice(_suspects(step, len(pairs)), _MOST_RUN):
            found = _run(objective, *pairs[i], Drawing(drawn[each * i : each * (i + 1)]))
            if found:
                return found._replace(text=f"{step.data.name_of(*pairs[i])}, once more: {found.text}")
    else:
        source = Drawing(drawn)  # for one sample after another
        for x, y in pairs:
            found = _run(objective, x, y, source)
            if found:
                return found._replace(text=f"{step.data.name_of(x, y)}, once more: {found.text}")
    found = _watched(objective, lambda: Value(0.0) if (penalty := objective.penalty()) is None else penalty)
    return found and found._replace(text=f"the regularizer, once more: {found.text}")


def _suspects(step: Step, n: int) -> Iterator[int]:
    """Yield the places in a batch of the samples whose compiled loss or gradients are not finite."""
    function = step.function
    for i in range(n):
        batch = [step.xs, step.ys, *([step.drawn] if function.draws else [])]
        one = batch if function.form.alone else [part[i : i + 1] for part in batch]
        loss, gradients, _ = function.compute(step.numbers, *one)
        if not math.isfinite(loss) or not all(map(math.isfinite, gradients)):
            yield i


def _run(objective: Objective, x: Any, y: Any, source: Drawing) -> Cause | None:
    inputs, target = _labelled("x", x), _labelled("y", y)
    with training_mode(True), drawing_from(source):
        return _watched(objective, lambda: objective.sample_loss(objective.model(tree_copy(inputs)), tree_copy(target)))


def _watched(objective: Objective, record: Callable[[], Value]) -> Cause | None:
    """Record something, and return the first operation whose result, or gradient, is not finite."""
    try:
        with detect_anomaly():
            grad(record(), objective.parameters)
    except AnomalyError as error:
        return Cause(str(error), error)
    except Exception as problem:  # any of the user's, such as that of a target which is no class
        return Cause(f"{type(problem).__name__}: {problem}")
    return None


def _labelled(name: str, tree: Any) -> Any:
    """Return leaves with these numbers, whose labels are their places."""
    inputs = as_inputs(tree)
    for leaf, label in zip(tree_leaves(inputs), leaf_names(name, inputs)):
        leaf.label = label
    return inputs
