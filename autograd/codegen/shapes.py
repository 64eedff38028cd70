"""Nests: the lists and tuples in which the inputs and outputs of a compiled function stand."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from autograd.engine import Value


def leaves_of(nest: Any) -> list[Any]:
    """What stands in a nest, left to right.

    >>> leaves_of([1, (2, [3])])
    [1, 2, 3]
    """
    if isinstance(nest, (list, tuple)):
        return [leaf for part in nest for leaf in leaves_of(part)]
    return [nest]


def mapped(f: Callable[[Any], Any], nest: Any) -> Any:
    """The nest with `f` of each leaf in its place.

    >>> mapped(str, [1, (2, [3])])
    ['1', ('2', ['3'])]
    """
    if isinstance(nest, list):
        return [mapped(f, part) for part in nest]
    return tuple(mapped(f, part) for part in nest) if isinstance(nest, tuple) else f(nest)


def described(nest: Any) -> str:
    """A nest in words, for errors.

    >>> described([1.0, 2.0]), described([[1, 2], [3, 4], [5, 6]]), described(1.0), described([1, [2]])
    ('2 numbers', '3 x 2 numbers', 'a number', 'nested lists of 2 numbers')
    """
    sizes = []
    level = [nest]
    while all(isinstance(part, (list, tuple)) for part in level):
        lengths = {len(part) for part in level}
        if len(lengths) != 1 or lengths == {0}:
            break
        sizes.append(str(lengths.pop()))
        level = [inner for part in level for inner in part]
    if any(isinstance(part, (list, tuple)) for part in level):
        return f"nested lists of {len(leaves_of(nest))} numbers"
    return f"{' x '.join(sizes)} number{'s' * (sizes != ['1'])}" if sizes else "a number"


def is_input(leaf: Any) -> bool:
    """Whether it may be an input of a compiled function: a Value that no operation made."""
    return isinstance(leaf, Value) and leaf.op is None


def is_flat(nest: Any) -> bool:
    """Whether it is a list or tuple of leaves only: what comes back as one array."""
    return isinstance(nest, (list, tuple)) and not any(isinstance(part, (list, tuple)) for part in nest)


def units_of(nest: Any) -> list[Any]:
    """The parts of a nest that a batch collects: lone leaves and flat lists.

    >>> units_of((1, [2, 3], [[4], 5]))
    [1, [2, 3], [4], 5]
    """
    if is_flat(nest) or not isinstance(nest, (list, tuple)):
        return [nest]
    return [unit for part in nest for unit in units_of(part)]


def refilled(nest: Any, units: Any) -> Any:
    """The nest with the next of `units`, an iterator, in the place of each of its units."""
    if is_flat(nest) or not isinstance(nest, (list, tuple)):
        return next(units)
    return type(nest)([refilled(part, units) for part in nest])
