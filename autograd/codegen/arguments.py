"""The nests in which a compiled function gets its arguments and returns its results."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.floats import number
from autograd.trees import tree_map, tree_shape


class Signature(NamedTuple):
    """How a compiled function is called: which of a program's numbers stand where in its arguments and its result."""

    inputs: Sequence[Any]
    """For each argument a nest of input numbers."""
    outputs: Any
    """The nest of output numbers and constants."""
    batched: Sequence[bool]
    """For each argument, whether its first axis is the batch."""
    reduce: str | None
    """None, "sum" or "mean" over the batch."""

    @property
    def batch(self) -> bool:
        return any(self.batched)

    @property
    def feedback(self) -> bool:
        """Whether the outputs can be fed back as the first argument."""
        if not self.inputs or self.batched[0] or (self.batch and not self.reduce):
            return False
        first, back = (tree_map(lambda _: None, nest) for nest in (self.inputs[0], self.outputs))
        return bool(first == back)


def is_flat(nest: Any) -> bool:
    """Whether it is a list or tuple of leaves only: what comes back as one array."""
    return isinstance(nest, (list, tuple)) and not any(isinstance(part, (list, tuple)) for part in nest)


def is_unit(nest: Any) -> bool:
    """Whether it is a lone number or a flat list, which a batch collects into one list or array."""
    return not isinstance(nest, (list, tuple)) or (isinstance(nest, list) and is_flat(nest))


def units_of(nest: Any) -> list[Any]:
    """The parts of the outputs that a batch collects: lone numbers and flat lists.

    >>> units_of((1, [2, 3], [[4], (5, 6)]))
    [1, [2, 3], [4], 5, 6]
    """
    return [nest] if is_unit(nest) else [unit for part in nest for unit in units_of(part)]


def refilled(nest: Any, units: Any) -> Any:
    """The nest with the next of `units`, an iterator, in the place of each of its units."""
    return next(units) if is_unit(nest) else type(nest)([refilled(part, units) for part in nest])


def shape_of(nest: Any) -> tuple[int, ...] | None:
    """The shape of the array that the nest is; None where its lists differ in length.

    >>> shape_of(1.0), shape_of([[1, 2], [3, 4], [5, 6]]), shape_of([[1], 2])
    ((), (3, 2), None)
    """
    if not isinstance(nest, (list, tuple)):
        return ()
    shapes = {shape_of(part) for part in nest}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(nest), *(shapes.pop() or ())) if shapes else (0,)


def written(nest: Any) -> str:
    """A nest of names as Python writes it.

    >>> written(("a", ["b"], ("c",)))
    '(a, [b], (c,))'
    """
    if isinstance(nest, list):
        return f"[{', '.join(map(written, nest))}]"
    return f"({', '.join(map(written, nest))}{',' * (len(nest) == 1)})" if isinstance(nest, tuple) else str(nest)


# Arguments -----------------------------------------------------------------------------------------------------------


def rows(argument: Any) -> Any:
    """An argument as lists, where it is an array."""
    return argument.tolist() if is_array(argument) and hasattr(argument, "tolist") else argument


def is_array(argument: Any) -> bool:
    """Whether it is more than Python's own numbers and sequences, so that arrays should come back.

    Raises:
        TypeError: it has no order, or is not what it looks like: a set, a dictionary, text, a masked array.
    """
    if isinstance(argument, (dict, set, frozenset, str, bytes)) or hasattr(argument, "mask"):
        raise TypeError(f"expected numbers, lists of numbers or an array, got a {type(argument).__name__}")
    return hasattr(argument, "tolist") or hasattr(argument, "__array__")


def lone(k: int, x: Any) -> float:
    """Argument k, which is a single number.

    Raises:
        TypeError, OverflowError: it is no real number, or too large an integer.
        ValueError: it is a list or an array.
    """
    try:
        if isinstance(x, (list, tuple)) or getattr(x, "shape", None):
            raise ValueError(f"expected a number, got {tree_shape(rows(x))}")
        return number(x)
    except (TypeError, ValueError, OverflowError) as problem:
        raise type(problem)(f"argument {k + 1}: {problem}") from None


def argument_error(k: int, expected: str, got: Any, problem: Exception) -> Exception:
    """The error that says what argument k should have been, in the words of `described`."""
    found = tree_shape(rows(got))
    if found == expected or isinstance(problem, OverflowError):  # then number() said what is wrong with one of them
        return type(problem)(f"argument {k + 1}: {problem}")
    return ValueError(f"argument {k + 1}: expected {expected}, got {found}")


def flattened(k: int, nest: Any, argument: Any, samples: int | None = None, convert: bool = True) -> list[Any]:
    """The numbers of argument k, which is such a nest; with `samples`, that many of them; as floats, or as they are.

    Raises:
        ValueError: it has another shape.
        TypeError: something in it is no real number.
    """
    numbers: list[Any] = []
    try:
        _collect(nest if samples is None else [nest] * samples, argument, numbers)
    except (TypeError, ValueError) as problem:
        expected = tree_shape(nest) if samples is None else f"samples of {tree_shape(nest)}"
        raise argument_error(k, expected, argument, problem) from None
    if not convert or set(map(type, numbers)) <= {float}:
        return numbers
    try:
        return list(map(number, numbers))
    except (TypeError, OverflowError) as problem:
        raise type(problem)(f"argument {k + 1}: {problem}") from None


def _collect(nest: Any, argument: Any, numbers: list[Any]) -> None:
    if not isinstance(nest, (list, tuple)):
        numbers.append(argument)
        return
    parts = list(argument)
    if len(parts) != len(nest):
        raise ValueError
    if is_flat(nest):
        numbers += parts
    else:
        for inner, part in zip(nest, parts):
            _collect(inner, part, numbers)


def batch_size(*arguments: tuple[int, Any]) -> int:
    """The length that all batched arguments, each with its place, share.

    Raises:
        ValueError: they have different lengths, or none, or one is not a list of samples.
    """
    sizes = {}
    for k, argument in arguments:
        try:
            sizes[k] = len(argument)
        except TypeError:
            raise ValueError(f"argument {k + 1} is a batch (in_axes): expected a list of samples") from None
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"argument {k + 1} has {size}" for k, size in sizes.items())
        raise ValueError(f"batches of different sizes: {found}")
    (size,) = set(sizes.values())
    if size == 0:
        raise ValueError("an empty batch")
    return size
