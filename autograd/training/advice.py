"""Notice training that cannot go well, or has not, and say once what to do.

These signs are looked for: outputs that are probabilities already, where the loss makes some of scores; inputs so large
that they drown a unit's other inputs and saturate it; units that answer to no sample, so that the model gives all the
same answer; a loss that has grown, or never falls below that of the best constant; and an accuracy that is the share of
the largest class. A run gets one warning at most.
"""

import functools
import math
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

from autograd import losses, ops
from autograd.engine import Value, graph_of, local_gradients
from autograd.errors import TrainingWarning
from autograd.events import unobserved
from autograd.frames import warn_caller
from autograd.modes import training_mode
from autograd.module import Module
from autograd.ops import Op
from autograd.samples.recording import as_inputs
from autograd.samples.rows import Samples
from autograd.text import short
from autograd.training.data import Dataset
from autograd.training.history import History
from autograd.training.record import Objective, Sample
from autograd.trees import tree_leaves, tree_structure

_LARGE = 100.0  # the size of an input from which it is too large for a unit; or its size beside another's
_LARGE_FOR_DEAD_UNITS = 10.0  # from which it may be the reason why they have died
FEWEST_STEPS = 50  # after which a loss should have fallen
_A_TRIAL = 10  # steps: a run of fewer is to see whether all fits
_A_FEW = 3  # steps: after these, a loss far above all before does not come down
_BEATEN = 0.999  # of the constant's loss
_MOST_SAMPLES = 256  # that are asked for an answer
_MOST_NODES = 100_000  # that are recorded for that, a third of a second,
_FEWEST_SAMPLES = 16  # but for these
_FLAT = 1e-9  # the slope of a unit that answers no more
_NEAR = 0.9  # of the constant's loss: answers that hardly differ
_MOST = 0.8  # the share of a class beside which the others hardly count
_GROWN = 10.0  # times the constant's loss: no accident
_EXPLODED = 1e6  # times the first loss, or 1: so large is no loss of a run that goes well
_FALLING = 0.1  # of the fall of a whole run, in its last quarter: it goes on
_MOST_CLASSES = 20  # different targets whose shares are compared
_LONGEST_CODE = 100  # characters of a model's code


class Advisor:
    """What `fit` says about a run, if anything.

    Arguments:
        sample: the first sample of the shape that most have, on its way through the model.
        parts: the samples of each shape with converted targets.
        remembers: whether the user's optimizer keeps a state of these parameters, so that a new model takes another.
    """

    def __init__(self, sample: Sample, parts: Sequence[Dataset], *, remembers: bool = False) -> None:
        self.sample, self.objective, self.known = sample, sample.objective, max(parts, key=len)
        self.anew = ", with a new optimizer" if remembers else ""
        self.large, self.has_units = large_input(sample, self.known.xs)
        self.squashed = squashed(sample)
        self.said = False

    def before(self) -> None:
        """Warn of outputs that are no scores, and of inputs that are too large for the model's units.

        A linear model may well learn from large inputs.

        Warns:
            TrainingWarning: there are such outputs, or such inputs and units.
        """
        said = [f"{self.squashed}: leave it out"] if self.squashed else []
        if self.large and self.has_units:
            said.append(self._scaled(f"{self.large}, and units that see such numbers hardly learn"))
        elif self.squashed:
            code = _code_of(self.objective.model, scores=True)
            code = "" if code.endswith("(...)") else f": model = {code}"
            said.append(f"Train a new model{self.anew} that returns scores{code}")
        if said:
            self._say(". ".join(said))

    def after(
        self, history: History, objective: Objective, parts: Sequence[Dataset], steps: int, *, gave_up: bool
    ) -> None:
        """Warn of a run after which the model knows no more than a constant, or whose loss has grown.

        A run that a patience has ended is judged however short it is: it would not have gone on to learn.

        Arguments:
            objective, parts: the model, and the samples of each shape, by now.
            steps: the number of steps that it has made.
            gave_up: whether a patience has ended the run.

        Warns:
            TrainingWarning: there is a sign of that.
        """
        if self.said or steps < _A_FEW or not history.losses:
            return
        known, ys = max(parts, key=len), [y for part in parts for y in part.ys.as_lists()]
        alike = len({str(tree_structure(part.ys.like)) for part in parts}) == 1
        constant = objective.baseline(ys) if alike and objective.baseline else None
        penalty = objective.penalty()
        losses = [x - (0.0 if penalty is None else penalty.data) for x in history.losses]
        long = steps >= FEWEST_STEPS or gave_up
        good_enough = history.best_epoch is not None and constant is not None and min(losses) < _NEAR * constant
        sign = None if good_enough else growth(self._of_one_epoch(objective, losses), constant, long=long)
        if constant is not None and not constant > 0 and not sign:
            return
        if constant is not None and long and not sign:
            shares = (history.accuracy[-1], largest_share(objective, ys)) if history.accuracy else None
            sign = sign_of(losses, constant, shares, len(ys))
        if steps < _A_TRIAL and not gave_up and not sign:
            return
        silent = units = 0
        if sign or constant is None or min(losses) >= _NEAR * constant:
            silent, units, alike = silent_units(objective, known, all_of_them=long and constant is not None)
            if silent and alike and not sign:
                sign = "the model gives all samples the same answer", _ANOTHER
            elif constant is not None and long and 2 * silent > units and not sign:
                sign = f"the loss is hardly below {short(constant)}, that of one answer for all samples", _ANOTHER
        if sign:
            what, advice = sign
            dead = f"; {silent} of its {units} hidden units answer{'s' * (silent == 1)} to no sample" if silent else ""
            large = self.large or (large_input(self.sample, known.xs, _LARGE_FOR_DEAD_UNITS)[0] if silent else "")
            scaled = self._scaled(large) if large else _large_targets(objective, known)
            self._say(f"{what}{dead}. {scaled or f'{advice}{self.anew}'}")

    @unobserved
    def _of_one_epoch(self, objective: Objective, losses: list[float]) -> list[float]:
        """Return the losses, or for a single epoch of many steps, those of one sample before it and after it."""
        if len(losses) > 1 or not self.sample.is_called:  # not called before the first step
            return losses
        target = as_inputs(self.known.sample(0)[1])
        before = objective.sample_loss(self.sample.output, target).data
        after = objective.sample_loss(_output(objective, self.sample.x), target).data
        return [before, min(after, losses[0])]  # as far as it is the mean's, too

    def on_divergence(self) -> str:
        """Return what to do about a run that has diverged because of large numbers; "" if they are small."""
        return self._scaled(self.large) if self.large else _large_targets(self.objective, self.known)

    def _scaled(self, large: str) -> str:
        """Say what to do about large inputs, and about large targets where there are any too.

        A new model is needed: the weights of a trained one have been spoilt.
        """
        code = _code_of(self.objective.model, scores=bool(self.squashed))
        made = f"model = nn.Sequential(nn.Standardize.of(xs), {code})"
        size, smaller = _smaller_targets(self.objective, self.known)
        also = f"; ys has numbers up to {size}" if size else ""
        ys = " and smaller ys" if size else ""
        if size and not smaller.startswith("such as"):
            made = f"{smaller}; {made}"
        elif size:
            ys = f"{ys}, {smaller}"
        return f"{large}{also}: train a new model{self.anew}, with nn.Standardize.of(xs) in front{ys}: {made}"

    def _say(self, what: str) -> None:
        self.said = True
        warn_caller(what, TrainingWarning)


_TOO_HIGH = "The learning rate is too high: train a new model with a tenth of it"
_ANOTHER = (
    "Train a new model with another learning rate, for more epochs, or with more units; if nothing helps, xs may tell "
    "nothing about ys"
)
_RARE = (
    "Repeat the samples of the other classes until all are as frequent, so that the accuracy shows what a new model "
    "learns; if it learns nothing, xs may tell nothing about ys"
)


_STILL_FALLING = (
    "The loss is still falling: train for more epochs, or with a higher learning rate. If that does not help, "
)


def growth(losses: list[float], constant: float | None, *, long: bool) -> tuple[str, str] | None:
    """Return that a loss has grown, and what to do; None if it has not.

    Arguments:
        losses: of each epoch, without the penalty.
        constant: the loss of the best answer that is the same for all samples; None if it is unknown.
        long: False for a short run, whose last loss may be a peak: it counts if none was higher.

    >>> growth([0.7, 80.0], 0.69, long=True)[0], growth([80.0, 0.7], 0.69, long=True)
    ('the loss has grown from 0.7 to 80', None)
    """
    first, last = losses[0], losses[-1]
    limit = _GROWN * constant if constant else _EXPLODED * max(first, 1.0)
    if not (last > limit and last > first) or (last < max(losses) and not long):
        return None
    return f"the loss has grown from {short(first)} to {short(last)}", _TOO_HIGH


def is_falling(losses: list[float]) -> bool:
    """Return True for a loss that falls to the end.

    >>> is_falling([4.0, 3.0, 2.0, 1.5, 1.2]), is_falling([4.0, 2.0, 1.1, 1.0, 1.0])
    (True, False)
    """
    first, later, last = losses[0], losses[3 * len(losses) // 4], losses[-1]
    return last < later and later - last > _FALLING * (first - last) > 0


def sign_of(
    losses: list[float], constant: float, shares: tuple[float, float | None] | None, n: int
) -> tuple[str, str] | None:
    """Return what the figures of a run show to be wrong, and what to do; None if they show nothing.

    Arguments:
        losses: of each epoch, without the penalty.
        constant: the loss of the best answer that is the same for all samples.
        shares: the share of the samples that is right at last, and that of the largest class; None if there are none.
        n: the number of samples. A share that beats the other by chance, two standard errors, shows nothing.

    >>> sign_of([0.7, 0.2], 0.69, (0.9, 0.5), 100)
    >>> sign_of([0.7, 0.68], 0.69, (0.5, 0.5), 100)[0]
    'its accuracy, 50.0 %, is no more than the share of the largest class, the same answer for all samples'
    """
    lowest = min(losses)
    right, largest = shares or (0.0, None)
    another = _RARE if largest is not None and largest >= _MOST else _ANOTHER
    if is_falling(losses):
        another = _STILL_FALLING + another[0].lower() + another[1:]
    knows = largest is not None and right > largest + 2 * math.sqrt(largest * (1 - largest) / n)
    if lowest >= _BEATEN * constant and knows:
        return (
            f"{100 * right:.1f} % of the samples are right, but the loss never fell below {short(constant)}, that of "
            "one answer for all samples, so large are the errors of the others",
            _TOO_HIGH,
        )
    if lowest >= _BEATEN * constant:
        return (
            f"the model has learned nothing from xs: its loss never fell below {short(constant)}, that of one answer "
            "for all samples",
            another,
        )
    if lowest >= _NEAR * constant and largest is not None and right <= largest + _FLAT:
        return (
            f"its accuracy, {100 * right:.1f} %, is no more than the share of the largest class, the same answer for "
            "all samples",
            another,
        )
    return None


def largest_share(objective: Objective, ys: list[Any]) -> float | None:
    """Return the accuracy of the best answer among the targets, given for all samples; None if they are no classes."""
    counts = Counter(map(str, ys))
    if objective.accuracy is None or objective.classes is None or len(counts) > _MOST_CLASSES:
        return None
    distinct = list({str(y): y for y in ys}.values())
    shares = [[objective.accuracy(answer, y) * counts[str(y)] for y in distinct] for answer in distinct]
    return max(map(math.fsum, shares)) / len(ys)


def squashed(sample: Sample) -> str:
    """Say that the model's outputs are no scores, where the loss takes scores; "" if they are, as far as one can see.

    >>> from autograd import nn
    >>> objective = Objective.of(nn.Neuron(1, "sigmoid"), "binary_cross_entropy", None)
    >>> squashed(Sample(objective, 0.0))
    'the model ends in a sigmoid, and binary_cross_entropy applies one itself, so no probability would be below 1/2'
    """
    loss = sample.objective.loss
    while isinstance(loss, functools.partial):
        loss = loss.func
    name = next((name for name, ours in losses.NAMED.items() if ours is loss), "")
    if name not in _TAKES:
        return ""
    does, fatal, so = _TAKES[name]
    outputs = tree_leaves(_output_of(sample))
    activations = {_activation_of(v) for v in outputs} if not _are_shares(outputs) else {"softmax"}
    [activation] = activations if len(activations) == 1 else [""]
    if activation not in fatal:
        return ""
    return f"the model ends in a {activation}, and {name} {does.replace(f'a {activation}', 'one')}, so {so}"


_TAKES = {
    "binary_cross_entropy": (
        "applies a sigmoid itself",
        ("sigmoid", "softmax", "relu", "softplus"),
        "no probability would be below 1/2",
    ),
    "hinge": (
        "takes scores of both signs",
        ("sigmoid", "softmax", "relu", "softplus"),
        "no sample would be told to be of class -1",
    ),
    "cross_entropy": (
        "applies a softmax itself",
        ("sigmoid", "softmax"),
        "no probability would come near 1",
    ),
}
"""What each loss does to the outputs, after which activations that is a mistake, and what becomes of them."""


def _activation_of(v: Any) -> str:
    """Return the name of the operation of an output, "sigmoid" also where it is written as 1 / (1 + exp(-x))."""
    if type(v) is not Value or v.op is None:
        return ""
    if v.op is not ops.div:
        return v.op.name
    one, below = v.args
    parts = below.args if type(below) is Value and below.op is ops.add else ()
    powers = [x for x in parts if type(x) is Value and x.op is ops.exp]
    ones = [one, *(x for x in parts if x is not powers[0])] if powers else []
    return "sigmoid" if ones and all(type(x) is float and x == 1 for x in ones) else ""


def _are_shares(outputs: list[Any]) -> bool:
    """Return True for shares of one total, whatever they are shares of."""
    if len(outputs) < 2 or any(type(v) is not Value or v.op is not ops.div for v in outputs):
        return False
    totals = {id(v.args[1]) for v in outputs}
    return len(totals) == 1 and math.isclose(math.fsum(v.data for v in outputs), 1.0, rel_tol=1e-9)


def _code_of(model: Any, *, scores: bool = False) -> str:
    """Return code that makes a new model like this one; of a class of the user's, only its name.

    Arguments:
        scores: whether the new one is to return scores in place of the probabilities of this one.

    >>> from autograd import nn
    >>> _code_of(nn.MLP(2, [3, 1]))
    "nn.MLP(2, [3, 1], ['relu', 'linear'])"
    >>> _code_of(nn.Sequential(nn.Standardize([0.0], [1.0]), "tanh", nn.Neuron(1, "sigmoid")), scores=True)
    "nn.Sequential(nn.Standardize.of(xs), 'tanh', nn.Neuron(1, 'linear'))"
    >>> _code_of(nn.Layer(2, 1, squeeze=False))
    "nn.Layer(2, 1, 'relu', squeeze=False)"
    """
    code = _call(model, scores)
    return code if code and len(code) <= _LONGEST_CODE else f"{type(model).__name__}(...)"


def _call(model: Any, scores: bool) -> str | None:
    """Return the call that makes a model; None if it is unknown."""
    if isinstance(model, Op):
        return repr(model.name)
    name, module = type(model).__name__, type(model).__module__
    if module == "autograd.sequential" and name == "Standardize":
        return "nn.Standardize.of(xs)"
    if module == "autograd.sequential":
        parts = model.modules
        if scores and not isinstance(parts[-1], Module):
            parts, scores = parts[:-1], False
        calls = [_call(part, scores and part is parts[-1]) for part in parts]
        return f"nn.{name}({', '.join(map(str, calls))})" if calls and None not in calls else None
    arguments = model.architecture() if module in ("autograd.nn", "autograd.layers") else None
    if arguments is None:
        return None
    if scores and "activation" in arguments:
        of_layers = arguments["activation"]
        arguments["activation"] = [*of_layers[:-1], "linear"] if isinstance(of_layers, list) else "linear"
    written = [f"{argument}={x}" if argument == "squeeze" else repr(x) for argument, x in arguments.items()]
    return f"nn.{name}({', '.join(written)})"


def _large_targets(objective: Objective, known: Dataset) -> str:
    """Say what to do about targets that are larger than 100; return "" if they are not, or are classes."""
    size, smaller = _smaller_targets(objective, known)
    between = ", " if smaller.startswith("such as") else ": "
    return f"ys has numbers up to {size}: train a new model with smaller ones{between}{smaller}" if size else ""


def _smaller_targets(objective: Objective, known: Dataset) -> tuple[str, str]:
    """Return the size of targets beyond 100, and code that divides them or an example; "" where they are no larger."""
    size = max(_sizes(known.ys)) if objective.classes is None else 0.0
    if not _LARGE < size < math.inf:
        return "", ""
    unit = 10 ** math.floor(math.log10(size))
    if len(tree_leaves(known.ys.like)) > 1:
        return short(size), f"such as ys / {unit:_}"
    return short(size), "; ".join([*known.ys.listing, f"ys = [y / {unit:_} for y in ys]"])


def large_input(sample: Sample, xs: Samples, limit: float = _LARGE) -> tuple[str, bool]:
    """Describe inputs that are larger than the limit, or 100 times as large as others; "" if there are none.

    Those are meant that a parameter multiplies as they are, not those that a model scales first. They are searched for
    in the graph of one sample. The other result is True if there are units that they can saturate: a linear model can
    learn from large numbers.
    """
    sizes = _sizes(xs)
    largest, smallest = max(sizes, default=0.0), min((size for size in sizes if size), default=0.0)
    if not limit < largest < math.inf and not 0 < _LARGE * smallest < largest < math.inf:
        return "", False
    leaves = tree_leaves(sample.x)
    graph = list(graph_of(*_values(_output_of(sample))))
    shown = [largest] if largest > limit else [largest, smallest]
    columns = [sizes.index(size) for size in shown]
    if not all(any(_is_weighted(leaves[i], v, sample.objective.parameters) for v in graph) for i in columns):
        return "", False
    places = [f"{short(size)}{f' (column {i})' if len(leaves) > 1 else ''}" for size, i in zip(shown, columns)]
    return f"{xs.name} has numbers up to {', others only up to '.join(places)}", bool(_units(graph))


@unobserved
def _output_of(sample: Sample) -> Any:
    """Return the model's output for a sample; None where it takes no such sample, which `fit` says."""
    try:
        return sample.output
    except Exception:
        return None


def _units(graph: Sequence[Value]) -> list[Value]:
    """Return the functions of one number, as activations are."""
    operations = {v.op for v in graph if v.op is not None}
    kinds = {op for op in operations if op.unary and op is not ops.neg}  # which is slow to find out: once for each
    return [v for v in graph if v.op in kinds]


def _is_weighted(leaf: Value, v: Value, parameters: Sequence[Value]) -> bool:
    """Return True if a node multiplies a leaf by a parameter, or by what was computed from one."""
    if v.op not in (ops.mul, ops.dot):
        return False
    half = len(v.args) // 2
    pairs = [*zip(v.args[:half], v.args[half:]), *zip(v.args[half:], v.args[:half])]
    return any(x is leaf and type(y) is Value and (y.op is not None or y in parameters) for x, y in pairs)


def _sizes(samples: Samples) -> list[float]:
    """Return the size of the largest number in each column."""
    if hasattr(samples.rows, "tolist"):
        sizes: list[float] = abs(samples.rows.reshape(len(samples), -1)).max(axis=0).tolist()
        return sizes
    rows = samples.rows if _is_flat(samples.like) else list(map(tree_leaves, samples.rows))
    return [max(map(abs, column)) for column in zip(*rows)]


def _is_flat(like: Any) -> bool:
    return isinstance(like, list) and not any(isinstance(x, list) for x in like)


def silent_units(objective: Objective, known: Dataset, *, all_of_them: bool = True) -> tuple[int, int, bool]:
    """Return how many hidden units give all samples the same answer, how many there are, and if the model does so too.

    A unit is a function of one number, as an activation is, whose slope is 0 at every sample. At most 256 samples are
    asked, fewer of a large model, and none any more once all units have answered; or the model, unless all units are to
    be counted.
    """
    n, most = len(known), _MOST_SAMPLES
    silent: dict[int, float] = {}  # by their places in the graph, with their only answer
    units, first, alike = 0, list[float](), True
    for asked, i in enumerate(random.Random(0).sample(range(n), min(n, _MOST_SAMPLES))):
        x, _ = known.sample(i)
        if asked == most:
            break
        nodes, answers, outputs = _answers(objective, x)
        if asked == 0:
            most = max(_FEWEST_SAMPLES, _MOST_NODES // (nodes + 1))
            units, first = len(answers), outputs
            silent = {place: v.data for place, v in enumerate(answers)}
        alike = alike and outputs == first
        silent = {
            place: data
            for place, data in silent.items()
            if place < len(answers) and abs(answers[place].data - data) <= _FLAT and _is_flat_at(answers[place])
        }
        if not silent or not (alike or all_of_them):
            break
    return len(silent), units, alike


@unobserved
def _answers(objective: Objective, x: Any) -> tuple[int, list[Value], list[float]]:
    """Return the outputs of the hidden units, which are functions of one number that others use, and of the model.

    The first result is the number of nodes.
    """
    outputs = _values(_output(objective, as_inputs(x)))
    graph, last = list(graph_of(*outputs)), set(outputs)
    return len(graph), [v for v in _units(graph) if v not in last], [v.data for v in outputs]


def _output(objective: Objective, inputs: Any) -> Any:
    """Call the model as it will be used: without what it does in training only."""
    with training_mode(False):
        return objective.model(inputs)


def _is_flat_at(v: Value) -> bool:
    slope = local_gradients(v)[0]
    return slope is not None and abs(slope) <= _FLAT


def _values(output: Any) -> list[Value]:
    return [v for v in tree_leaves(output) if type(v) is Value]
