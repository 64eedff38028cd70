"""Notice training that cannot go well, or has not, and say once what to do.

Three signs are looked for: inputs so large that they drown a unit's other inputs and saturate it, units that give every
sample the same answer, and a loss that never falls below that of the best constant. A run gets one warning at most.
"""

import math
import random
from collections.abc import Sequence
from typing import Any

from autograd import ops
from autograd.engine import Value, graph_of, local_gradients
from autograd.errors import TrainingWarning
from autograd.events import unobserved
from autograd.frames import warn_caller
from autograd.samples.recording import as_inputs
from autograd.samples.rows import Samples
from autograd.text import short
from autograd.training.data import Data, Dataset
from autograd.training.history import History
from autograd.training.record import Objective
from autograd.trees import tree_copy, tree_leaves

_LARGE = 100.0  # the size of an input from which it is too large for a unit
FEWEST_STEPS = 50  # after which a loss should have fallen
_BEATEN = 0.999  # of the constant's loss
_MOST_SAMPLES = 256  # that are asked for an answer
_FLAT = 1e-9  # the slope of a unit that answers no more
_STANDARDIZE = "put nn.Standardize.of(xs) in front of it: model = nn.Sequential(nn.Standardize.of(xs), model)"


class Advisor:
    """What `fit` says about a run, if anything.

    Arguments:
        objective, data: the model, and the samples with converted targets.
    """

    def __init__(self, objective: Objective, data: Data) -> None:
        self.objective, self.known = objective, data.known
        self.large = large_input(objective, data.known.xs)
        self.said = False

    def before(self) -> None:
        """Warn of inputs that are too large.

        Warns:
            TrainingWarning: there are such inputs.
        """
        if self.large:
            self._say(f"{self.large}, and units that see such numbers hardly learn: {_STANDARDIZE}")

    def after(self, history: History, objective: Objective, known: Dataset) -> None:
        """Warn of a run after which the model knows no more than a constant.

        Arguments:
            objective, known: the model, and the samples, by now.

        Warns:
            TrainingWarning: its loss never fell below that of the best constant, for which see `nn.loss`.
        """
        if self.said or objective.baseline is None or not history.losses:
            return
        constant = objective.baseline(known.ys.as_lists())
        penalty = objective.penalty()
        lowest = min(history.losses) - (0.0 if penalty is None else penalty.data)
        if not constant > 0 or lowest < _BEATEN * constant:
            return
        silent, units = silent_units(objective, known)
        share = f"; {silent} of its {units} hidden units answer to no sample" if silent else ""
        self._say(
            f"the model has learned nothing from xs: its loss never fell below {short(constant)}, that of one answer "
            f"for all samples{share}. "
            + (_large_targets(objective, known) or "Try another learning rate, more epochs, or a model with more units")
        )

    def on_divergence(self) -> str:
        """Return what to do about a run that has diverged because of large numbers; "" if they are small."""
        if self.large:
            return f"{self.large}: {_STANDARDIZE}"
        return _large_targets(self.objective, self.known)

    def _say(self, what: str) -> None:
        self.said = True
        warn_caller(what, TrainingWarning)


def _large_targets(objective: Objective, known: Dataset) -> str:
    """Say what to do about targets that are larger than 100; return "" if they are not, or are classes."""
    found = _largest(known.ys) if objective.classes is None else None
    if found is None or not found[0] < math.inf:
        return ""
    unit = 10 ** math.floor(math.log10(found[0]))
    return f"ys has numbers up to {short(found[0])}: train with smaller ones, such as ys / {unit:,}"


@unobserved
def large_input(objective: Objective, xs: Samples) -> str:
    """Describe the largest input, if it is larger than 100 and multiplied by a parameter as it is; else return "".

    A model that scales its inputs first is not meant. A column of them is searched for in the graph of one sample.
    """
    found = _largest(xs)
    if found is None or not _LARGE < found[0] < math.inf:
        return ""
    size, column = found
    inputs = as_inputs(xs.like)
    leaf = tree_leaves(inputs)[column]
    try:
        output = objective.model(tree_copy(inputs))
    except Exception:  # fit meets it again, and raises it
        return ""
    if not any(_is_weighted(leaf, v, objective.parameters) for v in graph_of(*_values(output))):
        return ""
    where = f" (column {column})" if len(tree_leaves(inputs)) > 1 else ""
    return f"{xs.name} has numbers up to {short(size)}{where}"


def _is_weighted(leaf: Value, v: Value, parameters: Sequence[Value]) -> bool:
    """Return True if a node multiplies a leaf by a parameter, or by what was computed from one."""
    if v.op not in (ops.mul, ops.dot):
        return False
    half = len(v.args) // 2
    pairs = [*zip(v.args[:half], v.args[half:]), *zip(v.args[half:], v.args[:half])]
    return any(x is leaf and type(y) is Value and (y.op is not None or y in parameters) for x, y in pairs)


def _largest(samples: Samples) -> tuple[float, int] | None:
    """Return the size of the largest number and its column; None if none is larger than 100."""
    if hasattr(samples.rows, "tolist"):
        sizes = abs(samples.rows.reshape(len(samples), -1)).max(axis=0)
        column = int(sizes.argmax())
        return (float(sizes[column]), column) if sizes[column] > _LARGE else None
    rows = samples.rows if _is_flat(samples.like) else list(map(tree_leaves, samples.rows))
    if max(map(max, rows)) <= _LARGE and min(map(min, rows)) >= -_LARGE:
        return None
    sizes = [max(map(abs, column)) for column in zip(*rows)]
    return max(sizes), sizes.index(max(sizes))


def _is_flat(like: Any) -> bool:
    return isinstance(like, list) and not any(isinstance(x, list) for x in like)


def silent_units(objective: Objective, known: Dataset) -> tuple[int, int]:
    """Return how many hidden units give all samples the same answer, and how many there are.

    A unit is a function of one number, as an activation is, whose slope is 0 at every sample. At most 256 samples are
    asked, and none any more once all units have answered.
    """
    n = len(known)
    silent: dict[int, float] = {}  # by their places in the graph, with their only answer
    units = 0
    for asked, i in enumerate(random.Random(0).sample(range(n), min(n, _MOST_SAMPLES))):
        x, _ = known.sample(i)
        answers = _answers(objective, x)
        if asked == 0:
            units = len(answers)
            silent = {place: v.data for place, v in enumerate(answers)}
        silent = {
            place: data
            for place, data in silent.items()
            if place < len(answers) and abs(answers[place].data - data) <= _FLAT and _is_flat_at(answers[place])
        }
        if not silent:
            break
    return len(silent), units


@unobserved
def _answers(objective: Objective, x: Any) -> list[Value]:
    """Return the outputs of the hidden units for one sample: of functions of one number that others use."""
    outputs = _values(objective.model(as_inputs(x)))
    return [
        v for v in graph_of(*outputs) if v.op is not None and v.op.unary and v not in outputs and v.op is not ops.neg
    ]


def _is_flat_at(v: Value) -> bool:
    slope = local_gradients(v)[0]
    return slope is not None and abs(slope) <= _FLAT


def _values(output: Any) -> list[Value]:
    return [v for v in tree_leaves(output) if type(v) is Value]
