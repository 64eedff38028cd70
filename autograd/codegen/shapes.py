"""What a compiled function needs to know of the nests in which its inputs and outputs stand."""

from __future__ import annotations

from typing import Any

from autograd.nests import leaves_of


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
