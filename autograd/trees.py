"""Nests: lists and tuples, within each other, in which a user hands over values and gets results back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


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
        if len(lengths) != 1:
            break
        sizes.append(str(lengths.pop()))
        level = [inner for part in level for inner in part]
    if any(isinstance(part, (list, tuple)) for part in level):
        return f"nested lists of {len(leaves_of(nest))} numbers"
    return f"{' x '.join(sizes)} number{'s' * (sizes != ['1'])}" if sizes else "a number"
