"""Flatten, map and describe trees: lists and tuples, nested in each other, with values as leaves.

The term and the names are JAX's (pytree), except that a dictionary counts as a leaf here. Nests, for derivatives, are
trees of numbers in which dictionaries are branches, too, and arrays are leaves with a number for each element.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from typing import Any


def tree_leaves(tree: Any) -> list[Any]:
    """Return the leaves of a tree, from left to right.

    >>> tree_leaves([1, (2, [3])])
    [1, 2, 3]
    """
    if not isinstance(tree, (list, tuple)):
        return [tree]
    leaves = []
    for branch in tree:
        if isinstance(branch, (list, tuple)):
            leaves += tree_leaves(branch)
        else:
            leaves.append(branch)  # at once: of a call for each, 100,000 leaves take a second of ten trees
    return leaves


def tree_map(f: Callable[[Any], Any], tree: Any) -> Any:
    """Return a tree of the same nesting, with `f(leaf)` in place of each leaf, called from left to right.

    >>> tree_map(str, [1, (2, [3])])
    ['1', ('2', ['3'])]
    """
    if not isinstance(tree, (list, tuple)):
        return f(tree)
    branches = [tree_map(f, branch) if isinstance(branch, (list, tuple)) else f(branch) for branch in tree]
    return branches if isinstance(tree, list) else tuple(branches)


def tree_copy(tree: Any) -> Any:
    """Return a tree of the same leaves, whose lists are new."""
    return tree_map(lambda leaf: leaf, tree)


def tree_filled(tree: Any, leaves: Iterable[Any]) -> Any:
    """Return a tree of the same nesting with other leaves, from left to right.

    >>> tree_filled([1, (2, [3])], "abc")
    ['a', ('b', ['c'])]
    """
    left = iter(leaves)
    return tree_map(lambda _: next(left), tree)


A_DICTIONARY = "a dictionary is no list of numbers: pass list(d.values())"


def if_a_dictionary(x: Any) -> str:
    """Return what to write instead of a dictionary, for the end of an error message; "" for anything else.

    >>> if_a_dictionary({"a": 1.0}), if_a_dictionary(1.0)
    (': a dictionary is no list of numbers: pass list(d.values())', '')
    """
    return f": {A_DICTIONARY}" if isinstance(x, Mapping) else ""


def as_lists(numbers: Any) -> Any:
    """Return NumPy's arrays and scalars as lists and numbers, anything else unchanged.

    Elements of an array that is not numeric, such as dates, stay unchanged: as integers they would lose their meaning.

    Raises:
        TypeError: it is a masked array, whose mask would be lost.
    """
    if not hasattr(numbers, "tolist"):
        return numbers
    check_unmasked(numbers)
    if getattr(getattr(numbers, "dtype", None), "kind", "f") in "fiub":
        return numbers.tolist()
    if numbers.shape:
        return [as_lists(part) for part in numbers]
    return numbers.tolist() if numbers.dtype.kind == "O" else numbers


def check_unmasked(numbers: Any) -> None:
    """Raise TypeError for a masked array of NumPy's."""
    if hasattr(numbers, "mask") and hasattr(numbers, "filled"):  # a pandas Series has a `mask`, too
        raise TypeError("a masked array would lose its mask: leave the masked numbers out, or fill them")


def tree_lists(tree: Any, kinds: tuple[type[Any], ...] = (list, tuple)) -> Any:
    """Return a tree with lists in place of NumPy's arrays and of the branches of these kinds.

    >>> tree_lists([1, (2, range(2))]), tree_lists([1, (2, range(2))], (list, tuple, range))
    ([1, [2, range(0, 2)]], [1, [2, [0, 1]]])
    """
    tree = as_lists(tree)
    return [tree_lists(branch, kinds) for branch in tree] if isinstance(tree, kinds) else tree


def tree_structure(tree: Any) -> Any:
    """Return the nesting of a tree, to compare with that of others.

    >>> tree_structure([1.0, [2.0]])
    [None, [None]]
    """
    return [tree_structure(branch) for branch in tree] if isinstance(tree, (list, tuple)) else None


def tree_shape(tree: Any) -> str:
    """Describe the shape of a tree in words, for error messages.

    >>> tree_shape(1.0), tree_shape([1.0, 2.0]), tree_shape([[1, 2], [3, 4], [5, 6]])
    ('a number', '2 numbers', '3 x 2 numbers')
    >>> tree_shape([1.0]), tree_shape([1, [2]])
    ('a list of 1 number', 'nested lists of 2 numbers')
    """
    sizes = []
    level = [tree]
    while all(isinstance(branch, (list, tuple)) for branch in level):
        lengths = {len(branch) for branch in level}
        if len(lengths) != 1:
            break
        sizes.append(str(lengths.pop()))
        level = [child for branch in level for child in branch]
    if any(isinstance(branch, (list, tuple)) for branch in level):
        return f"nested lists of {len(tree_leaves(tree))} numbers"
    if sizes == ["1"]:
        return "a list of 1 number"
    return f"{' x '.join(sizes)} numbers" if sizes else "a number"


# Nests ---------------------------------------------------------------------------------------------------------------


def nest_map(f: Callable[[Any], Any], nest: Any) -> Any:
    """Return a nest like this one, with `f(leaf)` in place of each leaf, called from left to right.

    >>> nest_map(str, {"w": [1, (2, 3)], "b": 4})
    {'w': ['1', ('2', '3')], 'b': '4'}
    """
    if isinstance(nest, dict):
        branches = {key: nest_map(f, branch) for key, branch in nest.items()}
        if type(nest) is dict:
            return branches
        other = copy(nest)  # it may have more to it, as a defaultdict has
        other.update(branches)
        return other
    if not isinstance(nest, (list, tuple)):
        return f(nest)
    found = [nest_map(f, x) if isinstance(x, (list, tuple, dict)) else f(x) for x in nest]  # no call for each leaf
    return found if isinstance(nest, list) else getattr(type(nest), "_make", tuple)(found)


def nest_leaves(nest: Any) -> list[Any]:
    """Return the leaves of a nest, from left to right; an array is one."""
    leaves: list[Any] = []
    nest_map(leaves.append, nest)
    return leaves


def nest_numbers(nest: Any) -> list[Any]:
    """Return the numbers of a nest, from left to right, those in arrays, too.

    >>> import numpy as np
    >>> nest_numbers([1.0, {"a": np.array([[2.0, 3.0], [4.0, 5.0]])}, np.float64(6.0)])
    [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    """
    return [x for leaf in nest_leaves(nest) for x in (tree_leaves(as_lists(leaf)) if _is_array(leaf) else [leaf])]


def numbers_matched(nest: Any, like: Any) -> list[Any]:
    """Return the numbers of a nest in the order of those of another one; a list may stand for an array.

    Raises:
        ValueError: the nesting differs.

    >>> numbers_matched({"b": [1.0, 2.0], "a": 3.0}, {"a": 0.0, "b": (0.0, 0.0)})
    [3.0, 1.0, 2.0]
    """
    nest, like = as_lists(nest), as_lists(like)
    if isinstance(like, dict):
        if isinstance(nest, dict) and nest.keys() == like.keys():
            return [number for key in like for number in numbers_matched(nest[key], like[key])]
    elif isinstance(like, (list, tuple)):
        if isinstance(nest, (list, tuple)) and len(nest) == len(like):
            return [number for branches in zip(nest, like) for number in numbers_matched(*branches)]
    elif not isinstance(nest, (dict, list, tuple)):
        return [nest]
    raise ValueError(f"got {nest_shape(nest)} in place of {nest_shape(like)}")


def nest_shape(nest: Any) -> str:
    """Describe the shape of a nest in words, for error messages.

    >>> nest_shape({"w": 1.0}), nest_shape([1.0, 2.0])
    ("a dictionary with the keys 'w'", '2 numbers')
    """
    if isinstance(nest, dict):
        return f"a dictionary with the keys {', '.join(map(repr, nest))}"
    return tree_shape(tree_lists(nest))


def array_shape(leaf: Any) -> tuple[int, ...] | None:
    """Return the shape of a leaf that is an array, as NumPy has it; None for a number. So is an array of one number."""
    return tuple(leaf.shape) or None if _is_array(leaf) else None


def _is_array(leaf: Any) -> bool:
    """Return True for arrays and scalars of NumPy's, and what it can read. (To lack `tolist`, a Value takes longer.)"""
    return hasattr(leaf, "__array__")


def array_of(numbers: Sequence[Any], shape: tuple[int, ...] | None) -> Any:
    """Return an array of that shape, of floats or of objects; the one number where there is no shape."""
    if shape is None:
        return numbers[0]
    import numpy as np  # noqa: PLC0415  # an array was passed

    return np.array(numbers, float if all(type(x) is float for x in numbers) else object).reshape(shape)


def nest_filled(nest: Any, numbers: Iterable[Any]) -> Any:
    """Return a nest like this one, with arrays of the same shapes, and other numbers, from left to right.

    >>> import numpy as np
    >>> nest_filled([1, {"a": np.array([2, 3])}], [4.0, 5.0, 6.0])
    [4.0, {'a': array([5., 6.])}]
    """
    left = iter(numbers)
    return nest_map(lambda leaf: array_of([next(left) for _ in nest_numbers(leaf)], array_shape(leaf)), nest)


def nest_of_blocks(outer: Any, inner: Any, rows: Sequence[Sequence[Any]]) -> Any:
    """Return the nest `outer`, with `inner` at each leaf, and the numbers of a matrix, as JAX nests them.

    Arguments:
        outer: a nest with a number for each row. The axes of an array come first in those of its blocks.
        inner: a nest with a number for each column.
        rows: the matrix.

    >>> nest_of_blocks([0, 0], {"a": 0, "b": 0}, [[1.0, 2.0], [3.0, 4.0]])
    [{'a': 1.0, 'b': 2.0}, {'a': 3.0, 'b': 4.0}]
    """
    left = iter(rows)
    columns = [(len(nest_numbers(leaf)), array_shape(leaf)) for leaf in nest_leaves(inner)]
    plain = all(inside is None for _, inside in columns)

    def blocks(leaf: Any) -> Any:
        shape = array_shape(leaf)
        if plain and shape is None:
            row = iter(next(left))
            return nest_map(lambda _: next(row), inner)
        taken = [iter(next(left)) for _ in nest_numbers(leaf)]
        found = iter(
            [
                array_of([next(row) for row in taken for _ in range(n)], (shape or ()) + (inside or ()) or None)
                for n, inside in columns
            ]
        )
        return nest_map(lambda _: next(found), inner)

    return nest_map(blocks, outer)
