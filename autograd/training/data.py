"""Data as training takes it: checked once, then floats in lists or arrays, one entry for each sample."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

from autograd.floats import number
from autograd.trees import tree_leaves, tree_map, tree_shape


class Samples(NamedTuple):
    """Numbers of many samples."""

    rows: Any
    """A list with a number, or nested lists of floats, for each sample; or a float64 array."""
    like: Any
    """The first sample in lists: the nesting of each."""

    def __len__(self) -> int:
        return len(self.rows)

    def as_lists(self) -> Any:
        return self.rows.tolist() if hasattr(self.rows, "tolist") else self.rows

    def as_array(self) -> Any:
        import numpy as np  # noqa: PLC0415  # only called where it is

        return np.ascontiguousarray(self.rows, dtype=np.float64)

    def not_finite(self) -> int | None:
        """The first sample with an infinity or a nan in it."""
        return next((i for i, row in enumerate(self.as_lists()) if not all(map(math.isfinite, tree_leaves(row)))), None)


def samples(name: str, data: Any) -> Samples:
    """Take the user's data.

    Arguments:
        name: the argument's name, for errors.
        data: a list or an array with an entry for each sample, a number or nested lists of them.

    Raises:
        TypeError: it is no list, or something in it is no real number.
        ValueError: there are no samples, or they differ in shape.

    >>> samples("xs", [(1, 2), (3, 4)]).rows
    [[1.0, 2.0], [3.0, 4.0]]
    """
    if hasattr(data, "__array__"):  # NumPy's, and what can become one: pandas, PyTorch
        import numpy as np  # noqa: PLC0415  # it is here, or it could not become one

        data = np.asarray(data)
        if data.dtype.kind in "fiub" and data.ndim and data.size:
            return Samples(np.ascontiguousarray(data, dtype=np.float64), data[0].astype(float).tolist())
    rows = _lists(data)
    if not isinstance(rows, list):
        kind = type(data).__name__
        raise TypeError(f"{name} is a list or an array with an entry for each sample, got {kind} {data!r}")
    if not rows:
        raise ValueError(f"{name} is empty: there is nothing to learn from")
    shape, floats = nesting(rows[0]), []
    for i, row in enumerate(rows):
        if nesting(row) != shape:
            raise ValueError(
                f"the samples in {name} differ in shape: the first is {tree_shape(rows[0])}, "
                f"number {i} {tree_shape(row)}"
            )
        try:
            floats.append(tree_map(number, row))
        except (TypeError, OverflowError) as problem:
            raise type(problem)(f"{name}, sample {i}: {problem}") from None
    if not tree_leaves(floats[0]):
        raise ValueError(f"the samples in {name} are empty")
    return Samples(floats, floats[0])


def _lists(data: Any) -> Any:
    """Nested lists, where tuples, arrays or iterators stand."""
    if hasattr(data, "tolist"):
        data = data.tolist()
    if isinstance(data, (list, tuple, range, Iterator)):
        return list(map(_lists, data))
    return data


def nesting(row: Any) -> Any:
    """Return how numbers are nested, to compare."""
    return tree_map(lambda _: None, row)
