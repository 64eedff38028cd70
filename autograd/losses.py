"""Define loss functions, which measure the error of outputs as one number to minimize.

Each loss takes the outputs of one sample or of a batch, with targets in the same nesting, and returns the mean. Targets
are numbers or Values. A loss is built from operations of the table, without a branch on data, so a graph recorded for
one sample holds for any other. Numbers that cannot be targets are refused; what a Value will hold later cannot be
checked.

A loss carries more functions, which `fit` calls: its `accuracy`, its `targets`, its `classes` and its `baseline`. Give
them to a loss of your own with the decorator `loss`.
"""

import functools
import math
import operator
from collections.abc import Callable
from typing import Any, SupportsIndex, TypeVar

from autograd import ops
from autograd.engine import Value
from autograd.floats import number
from autograd.functions import log_of_total, mean, shifted_logits
from autograd.text import letters, quoted
from autograd.trees import A_DICTIONARY, tree_leaves, tree_lists, tree_shape, tree_structure

Loss = TypeVar("Loss", bound=Callable[..., Any])
Accuracy = Callable[[Any, Any], Any]
"""(output, target) -> the share that is right, from 0 to 1."""
Targets = Callable[[Any, list[Any]], list[Any]]
"""(output, ys) -> the targets to use in place of ys, as many."""
Classes = Callable[[Any, list[str]], list[float]]
"""(output, names) -> the target that stands for each class."""
Baseline = Callable[[list[Any]], float]
"""(ys) -> the loss of the best answer that is the same for all samples."""
Pairs = list[tuple[Any, Any]]


def loss(
    *,
    accuracy: Accuracy | None = None,
    targets: Targets | None = None,
    classes: Classes | None = None,
    baseline: Baseline | None = None,
) -> Callable[[Loss], Loss]:
    """Decorate a loss function with its accuracy, its targets, its classes and its baseline, for `fit`.

    They become attributes of the function, and are also found through `functools.partial`, on a callable object or its
    `__call__`. To replace those of a loss of `nn`, decorate a copy: `functools.partial(nn.mse)`.

    Arguments:
        accuracy: a function of one sample's output and target that returns the share that is right, 0 to 1; with it,
            `fit` fills `History.accuracy`. Compiled backends record it on Values, once, as they do the loss; "eager"
            calls it on floats. So write it with operations that take both: `autograd.where`, `autograd.step`.
        targets: a function of the model's output for one sample and of the list of all targets. It returns the targets
            to train with, the same list or another of that length, and raises `ValueError` for one that does not fit.
            `fit` calls it before the first step.
        classes: a function of the model's output for one sample and of the names of the classes, for targets that are
            text. It returns the target that stands for each class, and raises `ValueError` if there are too many or too
            few. `fit` calls it before `targets`.
        baseline: a function of the list of all targets, as trained with, that returns the loss of the best answer that
            is the same for all samples. `fit` warns of a run whose loss never falls below it.

    Raises:
        TypeError: one of them is not a function.

    >>> import autograd
    >>> from autograd import fit, nn, optim
    >>> @loss(accuracy=lambda output, target: autograd.where(0.5 - abs(output - target), 1.0, 0.0))
    ... def absolute_error(output, target):
    ...     return abs(output - target)
    >>> model = nn.Neuron(1, "linear", weights=[2.0], bias=0.25)
    >>> fit(model, [1.0, 2.0], [2.0, 5.0], loss=absolute_error, optimizer=optim.SGD(0.1), epochs=1, progress=False)
    ▁ 1 epoch: loss 0.5, accuracy 50.0 %
    """

    functions = {"accuracy": accuracy, "targets": targets, "classes": classes, "baseline": baseline}
    for name, given in functions.items():
        if given is not None and not callable(given):
            raise TypeError(f"{name} is a function, as the documentation of nn.loss says, got {quoted(given)}")

    def decorate(function: Loss) -> Loss:
        for name, carried in functions.items():
            if carried is not None:  # in a class, a bare function would become a method
                setattr(function, name, staticmethod(carried) if isinstance(function, type) else carried)
        return function

    return decorate


def carried(loss: Any, name: str) -> Any:
    """Return the function that a loss carries under a name, such as "accuracy", or None.

    >>> carried(functools.partial(hinge), "accuracy") is hinge.accuracy, carried(mse, "accuracy")
    (True, None)
    """
    found = getattr(loss, name, None)
    if callable(found):
        return found
    return carried(loss.func, name) if isinstance(loss, functools.partial) else getattr(type(loss).__call__, name, None)


# Regression ----------------------------------------------------------------------------------------------------------


def _variance(ys: list[Any]) -> float:
    """Return the mean squared error of the means."""
    return _mean_over_places(ys, lambda column, mean: math.fsum((y - mean) ** 2 for y in column) / len(column))


def _mean_over_places(ys: list[Any], loss: Callable[[Any, float], float]) -> float:
    """Return the mean over the places in a target of a loss, which gets the numbers there and their mean."""
    columns = list(zip(*map(tree_leaves, ys)))
    return math.fsum(loss(column, math.fsum(column) / len(column)) for column in columns) / len(columns)


@loss(baseline=_variance)
def mse(outputs: Any, targets: Any) -> Any:
    """Return the mean squared error: the mean of (output - target)² over all numbers.

    Arguments:
        outputs: a Value, or nested lists of Values.
        targets: numbers or Values, in the same nesting.

    Raises:
        ValueError: no outputs, or targets in another nesting.

    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0])
    Value(data=2.5, grad=0.0)
    """
    errors = [output - target for output, target in _pairs("outputs", outputs, "targets", targets)]
    return errors[0] * errors[0] if len(errors) == 1 else ops.dot(errors, errors) / len(errors)


# Two classes ---------------------------------------------------------------------------------------------------------


def _checked_labels(scores: Any, labels: Any) -> Pairs:
    message = "a label is -1 or 1 (for classes 0 and 1 pass 2 * y - 1)"
    return _checked(_pairs("scores", scores, "labels", labels), lambda label: label in (-1, 1), message)


def _checked_probabilities(logits: Any, targets: Any) -> Pairs:
    message = "a target is 0, 1 or a probability between (for labels -1 and 1 pass (1 + y) / 2)"
    return _checked(_pairs("logits", logits, "targets", targets), _is_probability, message)


def _share_of_signs(scores: Any, labels: Any) -> Any:
    """Return the share of scores with the sign of their label; a score of 0 counts as -1, as in micrograd."""
    return mean([ops.step(ops.where(score, 1.0, -1.0) * label) for score, label in _checked_labels(scores, labels)])


def _share_of_sides(logits: Any, targets: Any) -> Any:
    """Return the share of logits on their target's side: above 0 for a probability above 1/2."""
    return mean([
        ops.where(target - 0.5, ops.where(z, 1.0, 0.0), ops.where(z, 0.0, 1.0))
        for z, target in _checked_probabilities(logits, targets)
    ])  # fmt: skip


class NumberedOtherwiseError(ValueError):
    """Targets that are classes, but not numbered as the loss numbers them.

    Arguments:
        said: what is wrong.
        code: lines that number the classes of `ys`, a list of single numbers.
    """

    def __init__(self, said: str, code: list[str]) -> None:
        super().__init__("\n    ".join([f"{said}. To number the classes, write", *code]))
        self.said, self.code = said, code


def _check_each(check: Callable[[Any, Any], object], output: Any, ys: list[Any], number: str = "") -> list[Any]:
    """Check each distinct target against the output, and return them all.

    Arguments:
        number: code for the target of a class, where `classes` is the list of all and `y` one of them.

    Raises:
        NumberedOtherwiseError: one does not fit, but they are as many classes in other numbers.
        ValueError: one does not fit.
    """
    distinct = {str(y): y for y in ys}
    try:
        for y in distinct.values():
            check(output, y)
    except ValueError as problem:
        expected = len(output) if isinstance(output, list) else 2
        if not number or any(isinstance(y, list) or y % 1 for y in ys):
            raise
        if not isinstance(output, list) and len(distinct) > 2:
            raise ValueError(_more_than_two([int(y) for y in sorted(distinct.values())])) from None
        if len(distinct) != expected:
            raise
        code = ["classes = sorted(set(ys))", f"ys = [{number} for y in ys]"]
        raise NumberedOtherwiseError(str(problem), code) from None
    return ys


def _entropy(probabilities: list[float]) -> float:
    """Return the cross-entropy of these probabilities as targets with themselves as answer."""
    return -math.fsum(p * math.log(p) for p in probabilities if p > 0)


def _two_classes(low: float, output: Any, names: list[str]) -> list[float]:
    _check_several(names)
    if len(names) != 2:
        raise ValueError(_more_than_two(names))
    return [low, 1.0]


def _check_several(names: list[str]) -> None:
    if len(names) == 1:
        raise ValueError(
            f"there is one class only, {names[0]!r}, so there is nothing to tell apart: pass samples of two"
        )


def _more_than_two(names: list[Any]) -> str:
    return (
        f"this loss tells two classes apart, got {_listed(names)}: pass loss=nn.cross_entropy, and a model with "
        f"{len(names)} outputs"
    )


def _listed(names: list[Any]) -> str:
    shown = ", ".join(map(repr, names[:4]))
    return f"{len(names)}: {shown}{', ...' if len(names) > 4 else ''}"


@loss(
    accuracy=_share_of_signs,
    targets=functools.partial(_check_each, _checked_labels, number="2 * classes.index(y) - 1"),
    classes=functools.partial(_two_classes, -1.0),
    baseline=lambda ys: _mean_over_places(ys, lambda column, mean: 1 - abs(mean)),  # scores of -1 or 1 for all
)
def hinge(scores: Any, labels: Any) -> Any:
    """Return the hinge loss, that of a support vector machine: the mean of relu(1 - label * score).

    Its accuracy is the share of scores with the sign of their label; a score of 0 counts as -1.

    Arguments:
        scores: a Value, or nested lists of Values.
        labels: -1 or 1 for each score, in the same nesting.

    Raises:
        ValueError: no scores, labels in another nesting, or a label that is neither -1 nor 1.

    >>> hinge([Value(0.5), Value(-2.0)], [1, -1])
    Value(data=0.25, grad=0.0)
    """
    return mean([ops.relu(1 - label * score) for score, label in _checked_labels(scores, labels)])


@loss(
    accuracy=_share_of_sides,
    targets=functools.partial(_check_each, _checked_probabilities, number="classes.index(y)"),
    classes=functools.partial(_two_classes, 0.0),
    baseline=lambda ys: _mean_over_places(ys, lambda column, mean: _entropy([mean, 1 - mean])),
)
def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -log p(target), where sigmoid(logit) is the probability of class 1.

    It is computed as target * softplus(-logit) + (1 - target) * softplus(logit), which has no cancellation: value and
    gradient keep their digits for every finite logit, unless a sum over the batch overflows. A term whose weight is
    exactly 0 is 0 even if the logit is infinite. Its accuracy is the share of logits that are above 0 exactly where the
    target is above 1/2.

    Arguments:
        logits: a Value, or nested lists of Values: the network's output *before* a sigmoid.
        targets: for each logit the class, 0 or 1, or the probability of class 1, in the same nesting.

    Raises:
        ValueError: no logits, targets in another nesting, or a target that is not between 0 and 1.

    >>> binary_cross_entropy([Value(0.0), Value(1e4)], [1, 0])
    Value(data=5000.34657359028, grad=0.0)
    """
    pairs = _checked_probabilities(logits, targets)
    return mean([
        target * _weighted(target, ops.softplus(-z)) + (1 - target) * _weighted(1 - target, ops.softplus(z))
        for z, target in pairs
    ])  # fmt: skip


# Several classes -----------------------------------------------------------------------------------------------------


def _share_of_choices(logits: Any, targets: Any) -> Any:
    """Return the share of samples whose first largest logit is that of a most probable class."""
    return mean(list(map(_is_right_choice, *zip(*_by_sample(logits, targets)))))


def _is_right_choice(logits: list[Any], target: Any) -> Any:
    if not isinstance(target, list):
        target = one_hot(target, len(logits))
    largest, chosen = ops.largest(logits), target[-1]
    for logit, probability in zip(logits[-2::-1], target[-2::-1]):
        chosen = ops.where(largest - logit, chosen, probability)  # backwards: the first of equal ones remains
    return ops.where(ops.largest(target) - chosen, 0.0, 1.0)


def _class_targets(logits: Any, ys: list[Any]) -> list[Any]:
    """Check the targets of samples with such logits; where they are class indices, return them one-hot.

    The target of a sample that is a sequence, with logits for each place, is a list of such targets.

    >>> z = [Value(0.5), Value(1.5)]
    >>> _class_targets(z, [1.0, 0.0])
    [[0.0, 1.0], [1.0, 0.0]]
    >>> _class_targets([z, z, z], [[1.0, 0.0, 0.0]])
    [[[0.0, 1.0], [1.0, 0.0], [1.0, 0.0]]]
    """
    if isinstance(ys[0], list):
        places = _in_lists(logits)
        if isinstance(places, list) and places and isinstance(places[0], list) and len(ys[0]) == len(places):
            codes = [one_hot(index, len(places[0])) for index in range(len(places[0]))]
            ys = [[p if isinstance(p, list) else codes[_class_index(_whole(p), len(codes))] for p in y] for y in ys]
        return _check_each(cross_entropy, logits, ys)
    outputs = _in_lists(logits)
    classes = sorted({_whole(y) for y in ys})
    if not isinstance(outputs, list) or len(classes) > len(outputs):
        n = len(outputs) if isinstance(outputs, list) else 1
        binary = "pass loss='binary_cross_entropy', or make a model with 2 outputs"
        advice = binary if n == 1 and len(classes) == 2 else f"make a model with {len(classes)}"
        raise ValueError(
            f"the model has {n} output{'s' * (n != 1)}, and needs one for each class, of which there are "
            f"{_listed(classes)}: {advice}"
        )
    indices = _check_each(cross_entropy, logits, list(map(_whole, ys)), "classes.index(y)")
    codes = [one_hot(index, len(logits)) for index in range(len(logits))]
    return [codes[index] for index in indices]


def _whole(index: float) -> int:
    if index % 1:  # nan for a nan or an infinity
        raise ValueError(f"a class index is an integer, got {index}")
    return int(index)


def one_hot(index: Any, classes: SupportsIndex) -> list[Any]:
    """Return a list with 1 at the index of a class, 0 for the others.

    The index may be a Value, such as the target in a loss of your own for `fit`: then Values are returned, and a
    compiled function computes them anew for each sample. If its index there is that of no class, they are nan.

    Arguments:
        index: the index of a class, an integer from 0, also as a float, or a Value with such a number.
        classes: the number of classes.

    Raises:
        TypeError: the index or the number of classes is not an integer.
        ValueError: the index is that of no class, or its Value has no such number now.

    >>> one_hot(1, 3)
    [0.0, 1.0, 0.0]
    >>> t = Value(2.0)
    >>> [v.data for v in one_hot(t, 3)]
    [0.0, 0.0, 1.0]

    The weight of a sample's class, and a target of smoothed labels:

    >>> ops.dot([0.5, 1.0, 2.0], one_hot(t, 3)).data
    2.0
    >>> [round((0.9 * v + 0.1 / 3).data, 3) for v in one_hot(t, 3)]
    [0.033, 0.033, 0.933]
    """
    classes = operator.index(classes)
    at = _class_index(index, classes)
    if not isinstance(index, Value):
        return [float(i == at) for i in range(classes)]
    hits = [1 - abs(ops.sign(index - i)) for i in range(classes)]
    total = ops.sum(hits)  # 0 if the index is that of no class: 0 / 0 is nan
    return [hit / total for hit in hits]


def _class_indices(logits: Any, names: list[str]) -> list[float]:
    _check_several(names)
    outputs = len(logits) if isinstance(logits, (list, tuple)) else 1
    if outputs != len(names):
        raise ValueError(
            f"the model has {outputs} output{'s' * (outputs != 1)}, and needs one for each class, of which there are "
            f"{_listed(names)}"
        )
    return list(map(float, range(outputs)))


def _entropy_of_classes(ys: list[Any]) -> float:
    if isinstance(ys[0][0], list):  # sequences
        return math.fsum(_entropy_of_classes(list(place)) for place in zip(*ys)) / len(ys[0])
    return _entropy([math.fsum(column) / len(column) for column in zip(*ys)])


@loss(accuracy=_share_of_choices, targets=_class_targets, classes=_class_indices, baseline=_entropy_of_classes)
def cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -log p(target), where softmax(logits) are the probabilities of the classes.

    The logits are shifted by their maximum, so nothing overflows unless logits are 1e308 apart; the gradient is
    softmax(logits) - target. A class whose target is exactly 0 adds nothing, even if it is masked by a logit of -inf.
    If a logit is inf or nan, or all are -inf, the loss is nan. Its accuracy is the share of samples whose largest logit
    (the first of equal ones) is that of the most probable class.

    Arguments:
        logits: for one sample a list with a Value for each class, the network's output *before* a softmax; for a batch,
            or for the places of a sequence, a list of such lists.
        targets: for each of these lists the index of its class, an integer from 0, or a list with the probability of
            each class (one-hot, if the class is known). They may be Values. When the graph is computed with other
            numbers, and an index is that of no class, the loss is nan.

    Raises:
        TypeError: a class index is not an integer.
        ValueError: no logits, not one target for each sample, an index out of range, or probabilities that are not one
            for each class, not between 0 and 1, or do not add up to 1.

    >>> z = [Value(1.0), Value(2.0), Value(0.5)]
    >>> output = cross_entropy(z, 1)
    >>> output.backward()
    >>> [round(x.grad, 4) for x in z]
    [0.2312, -0.3715, 0.1402]
    >>> cross_entropy([z, z], [1, [0, 1, 0]]).data == output.data
    True
    """
    return mean([_sample_cross_entropy(sample, target) for sample, target in _by_sample(logits, targets)])


def _by_sample(logits: Any, targets: Any) -> Pairs:
    """Return the logits of each sample with its target, checked, of one sample or of a batch."""
    logits, targets = _in_lists(logits), _in_lists(targets)
    if not isinstance(logits, list):
        raise ValueError("cross_entropy takes one logit for each class: for a single one see binary_cross_entropy")
    if not tree_leaves(logits):
        raise ValueError("no logits, so there is no mean")
    if not isinstance(logits[0], list):
        logits, targets = [logits], [targets]
    elif not isinstance(targets, list) or len(targets) != len(logits):
        raise ValueError(f"each sample needs a target: a list of {len(logits)}, got {tree_shape(targets)}")
    for sample in logits:
        if not isinstance(sample, list) or not sample or any(isinstance(z, list) for z in sample):
            raise ValueError(f"a sample's logits are a list with a number for each class, got {tree_shape(sample)}")
    return list(zip(logits, targets))


def _sample_cross_entropy(logits: list[Any], target: Any) -> Any:
    shifted = shifted_logits(logits)
    log_total = log_of_total(shifted)
    if isinstance(target, Value):
        target = one_hot(target, len(logits))
    if not isinstance(target, list):
        return log_total - shifted[_class_index(target, len(logits))]
    if len(target) != len(logits) or any(isinstance(p, list) for p in target):
        raise ValueError(f"{len(logits)} logits need {len(logits)} probabilities as target, got {tree_shape(target)}")
    if not any(isinstance(p, Value) for p in target):
        target = list(map(number, target))
        if not all(map(_is_probability, target)) or not math.isclose(math.fsum(target), 1, rel_tol=1e-6):
            raise ValueError(f"probabilities lie between 0 and 1 and add up to 1, got {target}")
    return ops.dot(target, [_weighted(p, log_total - z) for p, z in zip(target, shifted)])


def _class_index(target: Any, classes: int) -> int:
    if isinstance(target, (Value, float)):  # of floats, integers, as in the ys of fit
        target = _whole(target.data if isinstance(target, Value) else target)
    try:
        index = operator.index(target)
    except TypeError:
        raise TypeError(
            f"a target is the index of a class, an integer, or a list with a probability for each, got {quoted(target)}"
        ) from None
    if not 0 <= index < classes:
        raise ValueError(f"there are the classes 0 to {classes - 1}, got {index}")
    return index


# By name -------------------------------------------------------------------------------------------------------------

NAMED: dict[str, Callable[..., Any]] = {
    loss.__name__: loss for loss in (mse, hinge, binary_cross_entropy, cross_entropy)
}
"""The losses by name."""

_SYNONYMS = {
    **dict.fromkeys(("meansquarederror", "mseloss", "squarederror"), "mse"),
    **dict.fromkeys(("bce", "bcewithlogits", "bcewithlogitsloss"), "binary_cross_entropy"),
    **dict.fromkeys(("crossentropyloss", "categoricalcrossentropy", "sparsecategoricalcrossentropy"), "cross_entropy"),
}
"""The same losses as Keras, PyTorch and scikit-learn write them, in small letters."""


def loss_named(name: str) -> Callable[..., Any]:
    """Return the loss of that name, in whatever way it is written.

    Raises:
        ValueError: there is none.

    >>> loss_named("mse") is loss_named("MSELoss") is mse
    True
    """
    known = {letters(ours): ours for ours in NAMED} | _SYNONYMS
    try:
        return NAMED[known[letters(name)]]
    except KeyError:
        raise ValueError(
            f"no loss {quoted(name)}: there are {', '.join(map(repr, NAMED))}, and your own, a function of an output "
            "and a target"
        ) from None


# Shared --------------------------------------------------------------------------------------------------------------


def _weighted(weight: Any, term: Any) -> Any:
    """Return a term to be multiplied by its weight, or 0 if it is infinite or nan and its weight exactly 0.

    Their product would be nan. To a term that it drops, the choice passes a gradient of 0, which remains 0 on the way
    to the logits, at every order: the derivatives of these terms, softplus and log_total - logit, are finite wherever
    the loss is. For a term whose derivative can be infinite, the operand would have to be chosen too: 0 * inf is nan.
    """
    if not isinstance(weight, Value):
        return term if weight else 0.0
    finite = math.inf - term
    return ops.where(ops.where(finite, finite, abs(weight)), term, 0.0)


def _in_lists(numbers: Any) -> Any:
    """Return numbers in nested lists.

    Raises:
        TypeError: there is a dictionary, at any depth.
    """
    lists = tree_lists(numbers)
    if dict in map(type, tree_leaves(lists)):
        raise TypeError(f"a loss takes numbers and lists of them: {A_DICTIONARY}")
    return lists


def _pairs(name: str, outputs: Any, other: str, targets: Any) -> Pairs:
    """Return each output with its target, left to right."""
    outputs, targets = _in_lists(outputs), _in_lists(targets)
    if tree_structure(outputs) != tree_structure(targets):
        raise ValueError(
            f"{name} and {other} need the same nesting: "
            f"the {name} are {tree_shape(outputs)}, the {other} {tree_shape(targets)}{_if_one(outputs, targets)}"
        )
    pairs = list(zip(tree_leaves(outputs), tree_leaves(targets)))
    if not pairs:
        raise ValueError(f"no {name}, so there is no mean")
    return pairs


def _if_one(outputs: Any, targets: Any) -> str:
    """Say what to write where one side is a list of one number, and the other a number."""
    structures = tree_structure(outputs), tree_structure(targets)
    if structures == ([None], None):
        return ". Return out[0] from the model, or pass [y] for y (a layer made without squeeze=False returns out[0])"
    return ". Pass y[0] for y, or keep a list of one output by squeeze=False" if structures == (None, [None]) else ""


def _is_probability(x: float) -> bool:
    return 0 <= x <= 1


def _checked(pairs: Pairs, fits: Callable[[float], bool], message: str) -> Pairs:
    for _, target in pairs:
        if not isinstance(target, Value) and not fits(number(target)):
            raise ValueError(f"{message}, got {quoted(target)}")
    return pairs
