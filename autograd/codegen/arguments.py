"""Describe a compiled function's arguments and result, and check and convert the arguments while it runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import Any, Self

from autograd.floats import number
from autograd.trees import as_lists, check_unmasked, tree_leaves, tree_map, tree_shape


@dataclass(frozen=True)
class Signature:
    """The calling convention of a compiled function: its arguments and result as trees of the program's numbers."""

    inputs: Sequence[Any]
    """For each argument, a tree of input numbers."""
    outputs: Any
    """The tree of the results: numbers of values, and constants."""
    batched: Sequence[bool]
    """For each argument, True if its first axis is the batch."""
    reduce: str | None
    """None, "sum" or "mean" over the batch."""

    @cached_property
    def batch(self) -> bool:
        """True if any argument is a batch."""
        return any(self.batched)

    @cached_property
    def batched_arguments(self) -> list[int]:
        """The positions of the arguments that are batches."""
        return [k for k, batch in enumerate(self.batched) if batch]

    @cached_property
    def rowwise(self) -> bool:
        """True if the function returns outputs for each sample, rather than sums or means."""
        return self.batch and self.reduce is None

    @cached_property
    def feedback(self) -> bool:
        """True if the outputs can be fed back as the first argument, because both have the same structure."""
        if not self.inputs or self.batched[0] or self.rowwise:
            return False
        # Not tree_structure: with a list for a tuple, the nesting of the result would depend on the backend.
        first, back = (tree_map(lambda _: None, tree) for tree in (self.inputs[0], self.outputs))
        return bool(first == back)

    def with_outputs(self, outputs: Iterable[Any]) -> Self:
        """Return a copy with other numbers in the tree of outputs."""
        left = iter(outputs)
        return replace(self, outputs=tree_map(lambda _: next(left), self.outputs))


# Trees ---------------------------------------------------------------------------------------------------------------


def is_flat(tree: Any) -> bool:
    """Return True if the tree is a list or tuple of leaves only."""
    return isinstance(tree, (list, tuple)) and not any(isinstance(part, (list, tuple)) for part in tree)


def is_piece(tree: Any) -> bool:
    """Return True if the tree is a single number or a flat list, which a batch collects into one list or array."""
    return not isinstance(tree, (list, tuple)) or (isinstance(tree, list) and is_flat(tree))


def pieces_of(tree: Any) -> list[Any]:
    """Return the pieces of a result: its single numbers and flat lists, left to right.

    >>> pieces_of((1, [2, 3], [[4], (5, 6)]))
    [1, [2, 3], [4], 5, 6]
    """
    return [tree] if is_piece(tree) else [piece for part in tree for piece in pieces_of(part)]


def pieces_in_place(tree: Any) -> Iterator[tuple[Any, int, int]]:
    """Yield the pieces of a result, each with the index of its first number and its length.

    >>> list(pieces_in_place((1, [2, 3], 4)))
    [(1, 0, 1), ([2, 3], 1, 2), (4, 3, 1)]
    """
    start = 0
    for piece in pieces_of(tree):
        size = len(tree_leaves(piece))
        yield piece, start, size
        start += size


def with_pieces(tree: Any, pieces: Iterator[Any]) -> Any:
    """Return the tree with its pieces replaced, in order, by `pieces`."""
    return next(pieces) if is_piece(tree) else type(tree)([with_pieces(part, pieces) for part in tree])


def shape_of(tree: Any) -> tuple[int, ...] | None:
    """Return the shape of the tree as an array; None if its lists differ in length.

    >>> shape_of(1.0), shape_of([[1, 2], [3, 4], [5, 6]]), shape_of([[1], 2])
    ((), (3, 2), None)
    """
    if not isinstance(tree, (list, tuple)):
        return ()
    if is_flat(tree):
        return (len(tree),)
    first, *others = {shape_of(part) for part in tree}
    return None if others or first is None else (len(tree), *first)


# Checks and conversions, while the function runs ---------------------------------------------------------------------


def check_ordered(argument: Any) -> None:
    """Raise TypeError for what can be iterated over, but is not numbers in an order.

    This is so for sets, mappings, text, bytes, and tables, which list their labels. Every container of an argument
    passes through here, at any depth. Numbers do not, so this costs nothing per number.
    """
    bytes_in_place = isinstance(argument, memoryview) and argument.format in ("B", "c")
    if bytes_in_place or isinstance(argument, (Mapping, AbstractSet, str, bytes, bytearray)):
        raise TypeError(f"expected numbers, lists of numbers or an array, got a {type(argument).__name__}")
    if hasattr(argument, "__array__") and not hasattr(argument, "tolist"):
        raise TypeError(f"expected numbers, lists or an array, got a {type(argument).__name__}: pass numpy.asarray(it)")


def checked_lists(argument: Any) -> Any:
    """Convert an array to lists; return anything else unchanged.

    Raises:
        TypeError: it is not plainly numbers, as for `is_array`.
    """
    return as_lists(argument) if is_array(argument) else argument


def as_array(numbers: Any) -> Any:
    """Convert numbers to an array; called only if an array was passed."""
    import numpy as np  # noqa: PLC0415  # an array was passed, so NumPy is installed

    return np.array(numbers, dtype=float)


def is_array(argument: Any) -> bool:
    """Return True if the argument is an array, rather than a number or sequence, so that results should be arrays.

    Raises:
        TypeError: `check_ordered` refuses it, or it is a masked array.
    """
    check_unmasked(argument)
    check_ordered(argument)
    return hasattr(argument, "tolist")


def lone_number(k: int, x: Any) -> float:
    """Return argument k, a single number, as a float.

    Raises:
        TypeError, OverflowError: it is not a real number, or is too large an integer.
        ValueError: it is a list or an array.
    """
    try:
        if isinstance(x, (list, tuple)) or getattr(x, "shape", None):
            raise ValueError(f"expected a number, got {tree_shape(checked_lists(x))}")
        return number(x)
    except (TypeError, ValueError, OverflowError) as problem:
        raise _refused(k, [x], problem) from None


def argument_error(k: int, expected: str, got: Any, problem: Exception) -> Exception:
    """Return the error that states the expected form of argument k, described by `tree_shape`."""
    found = tree_shape(checked_lists(got))
    if found == expected or isinstance(problem, OverflowError):  # the shape is right: `number` has explained
        return _refused(k, tree_leaves(got), problem)
    return ValueError(f"argument {k + 1}: expected {expected}, got {found}")


def flattened(k: int, tree: Any, argument: Any, samples: int | None = None, convert: bool = True) -> list[Any]:
    """Flatten argument k into one list of numbers.

    Arguments:
        k: the argument's index, for errors.
        tree: the expected nesting of the argument, or of each sample.
        argument: the argument as passed.
        samples: the size of the batch; None without a batch.
        convert: if True, convert the numbers to floats.

    Raises:
        ValueError: it has another shape.
        TypeError: an element is not a real number, or `check_ordered` refuses a part.
    """
    numbers: list[Any] = []
    try:
        if samples and is_flat(tree) and {list, tuple}.issuperset(map(type, [argument, *argument])):
            if set(map(len, argument)) != {len(tree)}:
                raise ValueError
            numbers.extend(chain.from_iterable(argument))
        else:
            _collect(tree if samples is None else [tree] * samples, argument, numbers)
    except ValueError as problem:
        raise argument_error(k, _expected(tree, samples), argument, problem) from None
    if not convert or set(map(type, numbers)) <= {float}:
        return numbers
    try:
        return list(map(number, numbers))
    except (TypeError, OverflowError) as problem:
        if any(isinstance(x, (list, tuple)) for x in numbers):
            raise argument_error(k, _expected(tree, samples), argument, problem) from None
        raise _refused(k, numbers, problem) from None


def _expected(tree: Any, samples: int | None) -> str:
    return tree_shape(tree) if samples is None else f"samples of {tree_shape(tree)}"


def _refused(k: int, numbers: Sequence[Any], problem: Exception) -> Exception:
    """Return the error that says what is wrong with a number of argument k, or what to do for derivatives by it."""
    derivatives = ""
    if any(hasattr(x, "__record__") for x in numbers):  # a Value
        derivatives = ", which no gradient passes; for derivatives compile them, compile(grad(y, x), x)"
    return type(problem)(f"argument {k + 1}: {problem}{derivatives}")


def _collect(tree: Any, argument: Any, numbers: list[Any]) -> None:
    if not isinstance(tree, (list, tuple)):
        numbers.append(argument)
        return
    if type(argument) not in (list, tuple):
        check_ordered(argument)
    try:
        parts = list(argument)
    except TypeError as problem:  # it is not iterable
        raise ValueError(problem) from None
    if len(parts) != len(tree):
        raise ValueError
    if is_flat(tree):
        numbers += parts
    else:
        for inner, part in zip(tree, parts):
            _collect(inner, part, numbers)


def batch_size(*arguments: tuple[int, Any]) -> int:
    """Return the size shared by all batched arguments, given as pairs of index and argument.

    Raises:
        ValueError: the sizes differ or are 0, or an argument has no length.
    """
    sizes = {}
    for k, argument in arguments:
        try:
            if getattr(argument, "ndim", 1) == 0:  # memoryview says that its length is 1
                raise TypeError
            sizes[k] = len(argument)
        except TypeError:
            raise ValueError(f"argument {k + 1} is a batch (in_axes): expected a list of samples") from None
    if len(set(sizes.values())) != 1:
        found = ", ".join(f"argument {k + 1} has {size}" for k, size in sizes.items())
        raise ValueError(f"batches of different sizes: {found}")
    if 0 in sizes.values():
        raise ValueError("an empty batch: pass at least one sample")
    return next(iter(sizes.values()))
