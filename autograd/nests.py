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
