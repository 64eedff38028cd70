"""Compose functions of any number of values from rows of the table: mean, logsumexp, softmax, log_softmax.

Each takes a list, tuple or array of numbers and Values. Of numbers alone it returns floats; otherwise Values, which
can be differentiated any number of times and compiled for every target.

The exponentials are those of the differences from the largest value, so none overflows. Algebraically nothing depends
on what is subtracted, so no gradient passes to it. Formulas, and how accurate they are: P. Blanchard, D. J. Higham and
N. J. Higham, Accurately computing the log-sum-exp and softmax functions, IMA Journal of Numerical Analysis 41 (2021),
https://doi.org/10.1093/imanum/draa038, equations 1.4 and 3.8. At infinities and nan, values and first derivatives are
those of PyTorch in float64.
"""

import sys
from collections.abc import Iterable
from typing import Any, Never

from autograd import ops
from autograd.engine import Value
from autograd.floats import number
from autograd.hints import refuse_named
from autograd.operands import nonempty

_LARGEST_FLOAT = sys.float_info.max


def mean(values: Iterable[Any], **others: Never) -> Any:
    """Return the mean: the sum, added left to right, divided by the number of values. Infinite where the sum is.

    Raises:
        ValueError: there are no values.

    >>> mean([1.0, 2.0, 6.0]), mean([Value(1.0), 2.0])
    (3.0, Value(data=1.5, grad=0.0))
    """
    if others:
        refuse_named("mean", "mean", others)
    terms = _values_and_floats(values)
    return terms[0] if len(terms) == 1 else ops.sum(terms) / len(terms)


def logsumexp(values: Iterable[Any], **others: Never) -> Any:
    """Return the logarithm of the sum of the exponentials, m + log(Σ exp(x - m)) for the largest m of the values x.

    It is infinite only if a value is inf, or all are -inf. The gradient is the softmax, and nan by values of inf, or if
    all are -inf.

    Raises:
        ValueError: there are no values.

    >>> logsumexp([1000.0, 1000.0]), logsumexp([float("-inf"), 3.0])
    (1000.6931471805599, 3.0)
    """
    if others:
        refuse_named("logsumexp", "logsumexp", others)
    values = _values_and_floats(values)
    # The difference of infinities would be nan. Limits in place of an infinite m leave every difference infinite.
    shift = ops.stop_gradient(ops.max(ops.min(ops.largest(values), _LARGEST_FLOAT), -_LARGEST_FLOAT))
    return log_of_total([x - shift for x in values]) + shift


def softmax(logits: Iterable[Any], **others: Never) -> list[Any]:
    """Return a list with the probability of each class, exp(x - m) / Σ exp(x - m) for the largest m of the logits x.

    A class with a logit of -inf is masked: its probability is 0, and its logit gets a gradient of 0. All are nan if a
    logit is inf or nan, or if all logits are -inf.

    Raises:
        ValueError: there are no logits.

    >>> softmax([0.0, 0.0]), softmax([1e308, -1e308]), softmax([float("-inf"), 2.0])
    ([0.5, 0.5], [1.0, 0.0], [0.0, 1.0])
    >>> [round(p.data, 4) for p in softmax([Value(1.0), Value(2.0), 0.5])]
    [0.2312, 0.6285, 0.1402]
    """
    if others:
        refuse_named("softmax", "softmax", others)
    powers = [ops.exp(z) for z in shifted_logits(logits)]
    total = ops.sum(powers)
    return [power / total for power in powers]


def log_softmax(logits: Iterable[Any], **others: Never) -> list[Any]:
    """Return a list with the logarithm of each class's probability, (x - m) - log(Σ exp(x - m)) for the largest m.

    It keeps its digits where the softmax is near 0, and where the logits are large. Where the softmax is near 1, this
    is near 0, with an error of a few roundings of the total: 1e-16 each. That of a masked class, with a logit of -inf,
    is -inf. All are nan if a logit is inf or nan, or if all logits are -inf.

    Raises:
        ValueError: there are no logits.

    >>> log_softmax([0.0, -1000.0]), log_softmax([1e10, 1e10])
    ([0.0, -1000.0], [-0.6931471805599453, -0.6931471805599453])
    """
    if others:
        refuse_named("log_softmax", "log_softmax", others)
    shifted = shifted_logits(logits)
    log_total = log_of_total(shifted)
    return [z - log_total for z in shifted]


def shifted_logits(logits: Iterable[Any]) -> list[Any]:
    """Return the logits minus the largest of them.

    Raises:
        ValueError: there are no logits.

    >>> shifted_logits([5.0, 4.5, float("-inf")])
    [0.0, -0.5, -inf]
    """
    values = _values_and_floats(logits)
    largest = ops.stop_gradient(ops.largest(values))
    return [x - largest for x in values]


def log_of_total(shifted: list[Any]) -> Any:
    """Return the logarithm of the sum of the exponentials, none of which may overflow.

    A shifted logit minus that is the logarithm of the class's probability.

    >>> log_of_total(shifted_logits([1000.0, 1000.0]))
    0.6931471805599453
    """
    return ops.log(ops.sum([ops.exp(z) for z in shifted]))


def _values_and_floats(values: Iterable[Any]) -> list[Any]:
    return [x if type(x) is Value else number(x) for x in nonempty(values)]
