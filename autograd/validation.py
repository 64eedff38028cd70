"""Check what users pass as leaves."""

from collections.abc import Sequence
from typing import Any

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
