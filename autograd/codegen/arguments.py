"""Describe a compiled function's arguments and result, and check and convert the arguments while it runs."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Self

from autograd.floats import number
from autograd.trees import tree_leaves, tree_map, tree_shape


@dataclass(frozen=True)
class Signature:
    """How a compiled function is called: where the program's numbers stand in its arguments and its result."""

    inputs: Sequence[Any]
    """For each argument, a tree of input numbers."""
    outputs: Any
    """The tree of the results: numbers of values, and constants."""
    batched: Sequence[bool]
    """For each argument, whether its first axis is the batch."""
    reduce: str | None
    """None, "sum" or "mean" over the batch."""

    @cached_property
    def batch(self) -> bool:
        """Whether any argument is a batch."""
        return any(self.batched)

    @cached_property
    def batched_arguments(self) -> list[int]:
        """The places of the arguments that are batches."""
        return [k for k, batch in enumerate(self.batched) if batch]

    @cached_property
    def rowwise(self) -> bool:
        """Whether the outputs come for each sample."""
        return self.batch and self.reduce is None

    @cached_property
    def feedback(self) -> bool:
        """Whether the outputs can be fed back as the first argument."""
        if not self.inputs or self.batched[0] or self.rowwise:
            return False
        first, back = (tree_map(lambda _: None, tree) for tree in (self.inputs[0], self.outputs))
        return bool(first == back)

    def with_outputs(self, outputs: Iterable[Any]) -> Self:
        """Return the signature with other numbers in the tree of its outputs."""
        left = iter(outputs)
        return replace(self, outputs=tree_map(lambda _: next(left), self.outputs))


# Trees ---------------------------------------------------------------------------------------------------------------


def is_flat(tree: Any) -> bool:
    """Whether it is a list or tuple of leaves only."""
    return isinstance(tree, (list, tuple)) and not any(isinstance(part, (list, tuple)) for part in tree)


def is_piece(tree: Any) -> bool:
    """Whether it is a lone number or a flat list: what a batch collects into one list or array."""
    return not isinstance(tree, (list, tuple)) or (isinstance(tree, list) and is_flat(tree))


def pieces_of(tree: Any) -> list[Any]:
    """Return the pieces of a result: its lone numbers and flat lists, left to right.

    >>> pieces_of((1, [2, 3], [[4], (5, 6)]))
    [1, [2, 3], [4], 5, 6]
    """
    return [tree] if is_piece(tree) else [piece for part in tree for piece in pieces_of(part)]


def pieces_in_place(tree: Any) -> Iterator[tuple[Any, int, int]]:
    """Yield the pieces of a result, each with the place of its first number among all of them, and its length.

    >>> list(pieces_in_place((1, [2, 3], 4)))
    [(1, 0, 1), ([2, 3], 1, 2), (4, 3, 1)]
    """
    start = 0
    for piece in pieces_of(tree):
        size = len(tree_leaves(piece))
        yield piece, start, size
        start += size


def with_pieces(tree: Any, pieces: Iterator[Any]) -> Any:
    """Return the tree with the next of `pieces` in place of each of its own."""
    return next(pieces) if is_piece(tree) else type(tree)([with_pieces(part, pieces) for part in tree])


def shape_of(tree: Any) -> tuple[int, ...] | None:
    """Return the shape of the array that the tree makes; None where its lists differ in length.

    >>> shape_of(1.0), shape_of([[1, 2], [3, 4], [5, 6]]), shape_of([[1], 2])
    ((), (3, 2), None)
    """
    if not isinstance(tree, (list, tuple)):
        return ()
    shapes = {shape_of(part) for part in tree}
    if len(shapes) > 1 or None in shapes:
        return None
    return (len(tree), *(shapes.pop() or ())) if shapes else (0,)


# Checks and conversions, while the function runs ---------------------------------------------------------------------


def as_lists(argument: Any) -> Any:
    """Return an array as lists, anything else unchanged."""
    return argument.tolist() if is_array(argument) and hasattr(argument, "tolist") else argument


def as_array(numbers: Any) -> Any:
    """Return numbers as an array; only called where an array was passed."""
    import numpy as np  # noqa: PLC0415  # an array was passed, so NumPy is installed

    return np.array(numbers, dtype=float)


def is_array(argument: Any) -> bool:
    """Whether it is more than Python's own numbers and sequences, so that the results should be arrays.

    Raises:
        TypeError: it is unordered, or only looks like numbers: a set, a dictionary, text, a masked array.
    """
    if isinstance(argument, (dict, set, frozenset, str, bytes)) or hasattr(argument, "mask"):
        raise TypeError(f"expected numbers, lists of numbers or an array, got a {type(argument).__name__}")
    return hasattr(argument, "tolist") or hasattr(argument, "__array__")


def lone_number(k: int, x: Any) -> float:
    """Return argument k, a single number, as a float.

    Raises:
        TypeError, OverflowError: it is no real number, or too large an integer.
        ValueError: it is a list or an array.
    """
    try:
        if isinstance(x, (list, tuple)) or getattr(x, "shape", None):
            raise ValueError(f"expected a number, got {tree_shape(as_lists(x))}")
        return number(x)
    except (TypeError, ValueError, OverflowError) as problem:
        raise type(problem)(f"argument {k + 1}: {problem}") from None


def argument_error(k: int, expected: str, got: Any, problem: Exception) -> Exception:
    """Return the error that says what argument k should have been, in the words of `tree_shape`."""
    found = tree_shape(as_lists(got))
    if found == expected or isinstance(problem, OverflowError):  # the shape is right: `number` said what is wrong
        return type(problem)(f"argument {k + 1}: {problem}")
    return ValueError(f"argument {k + 1}: expected {expected}, got {found}")


def flattened(k: int, tree: Any, argument: Any, samples: int | None = None, convert: bool = True) -> list[Any]:
    """Return the numbers of argument k in one list.

    Arguments:
        k: the argument's place, for errors.
        tree: what the argument, or each sample of it, should look like.
        argument: what was passed.
        samples: the length of the batch, None without one.
        convert: whether to make floats of the numbers.

    Raises:
        ValueError: it has another shape.
        TypeError: something in it is no real number.
    """
    numbers: list[Any] = []
    try:
        _collect(tree if samples is None else [tree] * samples, argument, numbers)
    except (TypeError, ValueError) as problem:
        expected = tree_shape(tree) if samples is None else f"samples of {tree_shape(tree)}"
        raise argument_error(k, expected, argument, problem) from None
    if not convert or set(map(type, numbers)) <= {float}:
        return numbers
    try:
        return list(map(number, numbers))
    except (TypeError, OverflowError) as problem:
        raise type(problem)(f"argument {k + 1}: {problem}") from None


def _collect(tree: Any, argument: Any, numbers: list[Any]) -> None:
    if not isinstance(tree, (list, tuple)):
        numbers.append(argument)
        return
    parts = list(argument)
    if len(parts) != len(tree):
        raise ValueError
    if is_flat(tree):
        numbers += parts
    else:
        for inner, part in zip(tree, parts):
            _collect(inner, part, numbers)


def batch_size(*arguments: tuple[int, Any]) -> int:
    """Return the length that all batched arguments share; each comes with its place.

    Raises:
        ValueError: the lengths differ or are 0, or an argument has none.
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
    if 0 in sizes.values():
        raise ValueError("an empty batch")
    return next(iter(sizes.values()))
