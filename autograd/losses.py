"""Losses: how wrong outputs are, as one number to make small.

Each takes the outputs of one sample or of a batch, and targets in the same nesting, and returns the mean. Targets are
numbers or Values. Everything is built from operations of the table, without a branch on data, so that a graph recorded
once stays right for other numbers. Plain numbers that cannot be targets are refused; what a Value will hold later
cannot be known.
"""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable, Sequence
from typing import Any

from autograd import ops
from autograd.engine import Value
from autograd.floats import number
from autograd.trees import tree_leaves, tree_shape


def mse(outputs: Any, targets: Any) -> Any:
    """Return the mean squared error: the mean of (output - target)² over all numbers.

    Arguments:
        outputs: a Value, or nested lists of them.
        targets: numbers or Values, in the same nesting.

    Raises:
        ValueError: no outputs, or targets in another nesting.

    >>> mse([Value(1.0), Value(3.0)], [0.0, 1.0])
    Value(data=2.5, grad=0.0)
    """
    pairs = _pairs("outputs", outputs, "targets", targets)
    errors = [output - target for output, target in pairs]
    return errors[0] * errors[0] if len(errors) == 1 else ops.dot(errors, errors) / len(errors)


def hinge(scores: Any, labels: Any) -> Any:
    """Return the hinge loss, that of a support vector machine: the mean of relu(1 - label * score).

    Arguments:
        scores: a Value, or nested lists of them.
        labels: -1 or 1 for each score, in the same nesting.

    Raises:
        ValueError: no scores, labels in another nesting, or a label that is neither -1 nor 1.

    >>> hinge([Value(0.5), Value(-2.0)], [1, -1])
    Value(data=0.25, grad=0.0)
    """
    pairs = _pairs("scores", scores, "labels", labels)
    _check(pairs, lambda label: label in (-1, 1), "a label is -1 or 1 (of classes 0 and 1 make 2 * y - 1)")
    return _mean([ops.relu(1 - label * score) for score, label in pairs])


def binary_cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -log p(target), where sigmoid(logit) is the probability of class 1.

    Arguments:
        logits: a Value, or nested lists of them: what the network gives *before* a sigmoid.
        targets: for each logit the class, 0 or 1, or the probability of class 1, in the same nesting.

    target * softplus(-logit) + (1 - target) * softplus(logit) has no cancellation: value and gradient keep their digits
    for every finite logit.

    Raises:
        ValueError: no logits, targets in another nesting, or a target that is not between 0 and 1.

    >>> binary_cross_entropy([Value(0.0), Value(1e4)], [1, 0])
    Value(data=5000.34657359028, grad=0.0)
    """
    pairs = _pairs("logits", logits, "targets", targets)
    _check(pairs, _is_probability, "a target is 0, 1 or a probability between (of labels -1 and 1 make (1 + y) / 2)")
    return _mean([target * ops.softplus(-z) + (1 - target) * ops.softplus(z) for z, target in pairs])


def cross_entropy(logits: Any, targets: Any) -> Any:
    """Return the mean of -log p(target), where softmax(logits) are the probabilities of the classes.

    Arguments:
        logits: for one sample a list with a Value for each class, what the network gives *before* a softmax; for a
            batch a list of such lists.
        targets: for each sample the index of its class, an integer from 0, or a list with the probability of each class
            (one-hot, where the class is known). Only such a list can be of Values.

    The logits are shifted by their maximum, so no finite logit overflows; the gradient is softmax(logits) - target.

    Raises:
        TypeError: a class index that is no integer.
        ValueError: no logits, not one target for each sample, an index out of range, or probabilities that are not one
            for each class, not between 0 and 1, or do not add up to 1.

    >>> z = [Value(1.0), Value(2.0), Value(0.5)]
    >>> loss = cross_entropy(z, 1)
    >>> loss.backward()
    >>> [round(x.grad, 4) for x in z]
    [0.2312, -0.3715, 0.1402]
    >>> cross_entropy([z, z], [1, [0, 1, 0]]).data == loss.data
    True
    """
    logits, targets = _as_lists(logits), _as_lists(targets)
    if not isinstance(logits, list):
        raise ValueError("cross_entropy takes one logit for each class: for a single one see binary_cross_entropy")
    if not tree_leaves(logits):
        raise ValueError("no logits, so there is no mean")
    if not isinstance(logits[0], list):
        return _sample_cross_entropy(logits, targets)
    if not isinstance(targets, list) or len(targets) != len(logits):
        raise ValueError(f"each sample needs a target: a list of {len(logits)}, got {tree_shape(targets)}")
    return _mean([_sample_cross_entropy(sample, target) for sample, target in zip(logits, targets)])


def _sample_cross_entropy(logits: Any, target: Any) -> Any:
    if not isinstance(logits, list) or not logits or any(isinstance(z, list) for z in logits):
        raise ValueError(f"a sample's logits are a list with a number for each class, got {tree_shape(logits)}")
    largest = functools.reduce(ops.max, logits)
    shifted = [z - largest for z in logits]
    log_total = ops.log(ops.sum([ops.exp(z) for z in shifted]))
    if not isinstance(target, list):
        return log_total - shifted[_class_index(target, len(logits))]
    if len(target) != len(logits) or any(isinstance(p, list) for p in target):
        raise ValueError(f"{len(logits)} logits need {len(logits)} probabilities as target, got {tree_shape(target)}")
    _check_distribution(target)
    return ops.dot(target, [log_total - z for z in shifted])


def _class_index(target: Any, classes: int) -> int:
    if isinstance(target, Value):
        raise TypeError("a class index cannot be a Value: pass an int, or the probabilities of the classes (one-hot)")
    try:
        index = operator.index(target)
    except TypeError:
        raise TypeError(
            f"a target is the index of a class, an integer, or a list with a probability for each, got {target!r}"
        ) from None
    if not 0 <= index < classes:
        raise ValueError(f"{classes} logits have the classes 0 to {classes - 1}, got {index}")
    return index


def _check_distribution(target: list[Any]) -> None:
    if any(isinstance(p, Value) for p in target):
        return
    target = list(map(number, target))
    if not all(map(_is_probability, target)) or not math.isclose(math.fsum(target), 1, rel_tol=1e-6):
        raise ValueError(f"probabilities lie between 0 and 1 and add up to 1, got {target}")


# What they share -----------------------------------------------------------------------------------------------------


def _mean(terms: Sequence[Any]) -> Any:
    return terms[0] if len(terms) == 1 else ops.sum(terms) / len(terms)


def _as_lists(nest: Any) -> Any:
    """The nest in lists, where arrays or tuples stand in it."""
    if hasattr(nest, "tolist"):  # NumPy's arrays and scalars
        nest = nest.tolist()
    return [_as_lists(part) for part in nest] if isinstance(nest, (list, tuple)) else nest


def _pairs(name: str, outputs: Any, other: str, targets: Any) -> list[tuple[Any, Any]]:
    """Each output with its target, left to right."""
    outputs, targets = _as_lists(outputs), _as_lists(targets)
    if not _same_nest(outputs, targets):
        raise ValueError(f"{name} and {other} have to stand in the same nesting: {_two(name, outputs, other, targets)}")
    pairs = list(zip(tree_leaves(outputs), tree_leaves(targets)))
    if not pairs:
        raise ValueError(f"no {name}, so there is no mean")
    return pairs


def _two(name: str, outputs: Any, other: str, targets: Any) -> str:
    return f"the {name} are {tree_shape(outputs)}, the {other} {tree_shape(targets)}"


def _same_nest(x: Any, y: Any) -> bool:
    if isinstance(x, list) and isinstance(y, list):
        return len(x) == len(y) and all(map(_same_nest, x, y))
    return not isinstance(x, list) and not isinstance(y, list)


def _is_probability(x: float) -> bool:
    return 0 <= x <= 1


def _check(pairs: list[tuple[Any, Any]], fits: Callable[[float], bool], what: str) -> None:
    for _, target in pairs:
        if not isinstance(target, Value) and not fits(number(target)):
            raise ValueError(f"{what}, got {target!r}")
