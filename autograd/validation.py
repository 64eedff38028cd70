"""Check leaves, sizes and inputs, as users pass them or files have them."""

import operator
from collections.abc import Sequence
from typing import Any, SupportsIndex

from autograd.engine import Value
from autograd.text import quoted
from autograd.trees import if_a_dictionary


def check_leaves(values: Sequence[Any], name: str, advice: str) -> None:
    """Raise an error unless all values are leaves, and different ones.

    Arguments:
        values: the values to check.
        name: their name in errors, a plural.
        advice: what to pass instead of something that is not a Value.

    Raises:
        TypeError: one of them is not a Value.
        ValueError: one is the result of an operation, or occurs twice.

    >>> check_leaves([Value(1.0), Value(3.0) * 2], "parameters", "pass model.parameters()")
    Traceback (most recent call last):
        ...
    ValueError: parameters are leaves, but Value(data=6.0, grad=0.0) was made by mul
    """
    for x in values:
        if type(x) is not Value:
            raise TypeError(
                f"expected a Value, got {type(x).__name__} {quoted(x)} among the {name}"
                f"{if_a_dictionary(x) or f': {advice}'}"
            )
        if x.op is not None:
            raise ValueError(f"{name} are leaves, but {x} was made by {x.op.name}")
    if len(set(values)) != len(values):
        twice = next(x for x in values if values.count(x) > 1)
        raise ValueError(f"{twice} occurs twice among the {name}: name each leaf once")


def size_of(name: str, size: SupportsIndex, least: str) -> int:
    """Return a size, which is an integer from 1.

    Arguments:
        name: the name of the argument.
        least: what there is at least, for the error.

    Raises:
        TypeError: it is no integer.
        ValueError: it is not positive.

    >>> size_of("nin", 0, "a layer has at least one input")
    Traceback (most recent call last):
        ...
    ValueError: a layer has at least one input, got nin=0
    """
    if isinstance(size, (list, tuple)):
        raise TypeError(f"{name} is an integer, got the {type(size).__name__} {quoted(size)}: there are no shapes here")
    size = integer(name, size)
    if size < 1:
        raise ValueError(f"{least}, got {name}={size}")
    return size


def integer(name: str, number: SupportsIndex) -> int:
    """Return an argument that is an integer.

    Raises:
        TypeError: it is none.

    >>> integer("steps", 2.5)
    Traceback (most recent call last):
        ...
    TypeError: steps is an integer, got 2.5
    """
    try:
        if isinstance(number, bool):  # True is no 1: whoever writes patience=True means to switch it on
            raise TypeError
        return operator.index(number)
    except TypeError:
        raise TypeError(f"{name} is an integer, got {quoted(number)}") from None


def listed_inputs(name: str, inputs: Any, n: int) -> tuple[list[Any], bool]:
    """Return the inputs of a module that takes n of them, and whether a single one was passed alone.

    Raises:
        ValueError: their number is not n.

    >>> listed_inputs("LayerNorm", 0.5, 1), listed_inputs("LayerNorm", (0.5, 1.0), 2)
    (([0.5], True), ([0.5, 1.0], False))
    """
    alone = not hasattr(inputs, "__len__")
    xs = [inputs] if alone else list(inputs)
    if len(xs) != n:
        raise ValueError(f"this {name} takes {n} inputs, got {len(xs)}")
    return xs, alone


def size_in_file(n: Any, most: int) -> int:
    """Return the number of inputs that a file says a module has, which keeps two numbers for each.

    Arguments:
        most: how many numbers the file has left.

    Raises:
        ValueError: it is no positive integer, or has not so many numbers.
    """
    if not isinstance(n, int) or not 0 < 2 * n <= most:
        raise ValueError(f"the file has no numbers for {quoted(n)} inputs")
    return n
