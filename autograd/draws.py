"""Draw random numbers that belong to a sample: `uniform`, `normal`, and what decides where the numbers come from.

A model that draws by the module `random` computes something else with each call, so no recorded graph stands for all
samples. Numbers of `uniform` are leaves of their own, which whoever records a model, such as `fit`, takes for inputs.
"""

import math
import operator
import random
from collections.abc import Callable
from contextvars import ContextVar
from typing import SupportsIndex

from autograd import ops
from autograd.contexts import setting
from autograd.engine import Value

Source = Callable[[int], list[Value]]
"""Returns that many leaves, with numbers in [0, 1)."""


def uniform(n: SupportsIndex) -> list[Value]:
    """Return n random Values, uniform in [0, 1): for a mask, for noise.

    They are drawn anew in each call, by the module `random`, so that `random.seed(...)` applies. In `fit` they are
    drawn anew for each sample and epoch, from a generator that its `seed` decides; in compiled training, too, where the
    model is not called for each: there these Values are inputs of the compiled function. So draw with this in a model,
    not with `random` or NumPy, whose numbers would be the same for all samples, and are refused.

    Arguments:
        n: how many; the same in each call of a model with inputs of one shape.

    Raises:
        TypeError: n is no integer.
        ValueError: n is negative.

    >>> random.seed(0)
    >>> noise = uniform(3)
    >>> [0 <= u.data < 1 for u in noise], len({u.data for u in noise})
    ([True, True, True], 3)

    A model that drops a third of its inputs while it is trained:

    >>> from autograd import where
    >>> def thinned(xs):
    ...     return [where(u - 1 / 3, x * 1.5, 0.0) for u, x in zip(uniform(len(xs)), xs)]
    >>> {x.data for x in thinned([1.0] * 100)}
    {0.0, 1.5}
    """
    return _source.get()(_count("uniform", n))


def normal(n: SupportsIndex) -> list[Value]:
    """Return n random Values of the normal distribution with mean 0 and standard deviation 1, drawn as by `uniform`.

    Each two are made of two uniform ones, u and v, in the graph:

        sqrt(-2 log(1 - u)) cos(2 pi v)    and    sqrt(-2 log(1 - u)) sin(2 pi v)

    G. E. P. Box and M. E. Muller, "A Note on the Generation of Random Normal Deviates", 1958. (1 - u is not 0.) With
    another mean and deviation: `mean + deviation * z`. They are results; a leaf, such as an initial weight, is
    `Value(random.gauss(0, 1))`.

    Arguments:
        n: how many, as for `uniform`, which also raises what this does.

    >>> random.seed(0)
    >>> [round(z.data, 4) for z in normal(3)]
    [0.0964, -1.9266, -0.0585]
    >>> numbers = [z.data for z in normal(1000)]
    >>> abs(math.fsum(numbers) / 1000) < 0.1, abs(math.fsum(z * z for z in numbers) / 1000 - 1) < 0.1
    (True, True)
    """
    count = _count("normal", n)
    draws = _source.get()(count + count % 2)
    values: list[Value] = []
    for u, v in zip(draws[::2], draws[1::2]):
        radius, angle = ops.sqrt(-2.0 * ops.log(1.0 - u)), 2 * math.pi * v
        values += [radius * ops.cos(angle), radius * ops.sin(angle)]
    return values[:count]


def _count(function: str, n: SupportsIndex) -> int:
    try:
        count = operator.index(n)
    except TypeError:
        raise TypeError(f"{function} takes the number of Values to draw, an integer, got {type(n).__name__}") from None
    if count < 0:
        raise ValueError(f"{function} takes the number of Values to draw, got {count}")
    return count


def _by_module_random(n: int) -> list[Value]:
    return [Value(random.random()) for _ in range(n)]


_source: ContextVar[Source] = ContextVar("draws", default=_by_module_random)


def drawing_from(source: Source) -> setting[Source]:
    """Return a `with` statement that lets `uniform` take its Values from another source, in this thread or task.

    >>> with drawing_from(lambda n: [Value(0.5)] * n):
    ...     uniform(2)
    [Value(data=0.5, grad=0.0), Value(data=0.5, grad=0.0)]
    """
    return setting(_source, source)
