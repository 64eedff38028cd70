"""Check the data of many samples once, and convert it to lists of floats or to a float64 array, as was passed."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from autograd.floats import number
from autograd.frames import is_raised_here
from autograd.samples.tables import Other, Refusal, anew, listing, number_of_samples, refusal_of, variable
from autograd.trees import as_lists, check_unmasked, tree_leaves, tree_lists, tree_map, tree_shape, tree_structure

_COLUMNS = 8  # numbers of a sample whose extremes are chosen, at most


@dataclass(frozen=True)
class Samples:
    """The numbers of many samples."""

    name: str
    """The user's name for them, for errors."""
    rows: Any
    """A list with an entry for each sample, a float or nested lists of floats; or a float64 array."""
    like: Any
    """The first sample as lists, whose structure all samples share, unless there are `several`."""
    numbers: Sequence[int] | None = None
    """The user's numbers of these samples, where they are some of them."""
    listing: Sequence[str] = ()
    """Code that makes a list of single numbers of the user's data, where they are none."""
    several: bool = False
    """True if the samples are of several shapes; `like` is the first of them."""

    def __len__(self) -> int:
        return len(self.rows)

    def flat(self) -> Samples:
        """Return the samples as flat lists of their numbers."""
        rows = list(map(tree_leaves, self.rows))
        return replace(self, rows=rows, like=rows[0])

    def as_lists(self) -> Any:
        return as_lists(self.rows)

    def as_array(self) -> Any:
        import numpy as np  # noqa: PLC0415  # the caller has already imported it

        return np.ascontiguousarray(self.rows, dtype=np.float64)

    def extremes(self, k: int) -> tuple[int, int]:
        """Return the indices of the samples whose number k is the smallest and the largest."""
        if hasattr(self.rows, "tolist"):
            column = self.rows.reshape(len(self), -1)[:, k]
            return int(column.argmin()), int(column.argmax())
        flat = isinstance(self.like, list) and not any(isinstance(part, list) for part in self.like)
        column = [row[k] if flat else tree_leaves(row)[k] for row in self.rows]
        return column.index(min(column)), column.index(max(column))

    def differing(self, rng: random.Random) -> set[int]:
        """Choose samples that differ: the first, the last, and those in which a number is the smallest or the largest.

        An `if` on a single number of a sample decides otherwise for the smallest than for the largest, if it ever does.
        """
        width = len(tree_leaves(self.like))
        columns = rng.sample(range(width), min(_COLUMNS, width))
        return {0, len(self) - 1}.union(*map(self.extremes, columns))

    def first_not_finite(self) -> int | None:
        """Return the number of the first sample with an infinity or a nan in it."""
        rows = enumerate(self.as_lists())
        return next((self.number_of(i) for i, row in rows if not all(map(math.isfinite, tree_leaves(row)))), None)

    def infinite(self) -> list[int]:
        """Return the indices of the samples with an infinity in it."""
        if hasattr(self.rows, "tolist"):
            import numpy as np  # noqa: PLC0415  # the rows are its array

            return list(np.flatnonzero(np.isinf(self.rows.reshape(len(self), -1)).any(axis=1)).tolist())
        if not _lacks_a_number(self.rows, finite=True):
            return []
        return [i for i, row in enumerate(self.rows) if any(map(math.isinf, tree_leaves(row)))]

    def number_of(self, i: int) -> int:
        """Return the number, counted from 0, that a sample has in the user's data."""
        return i if self.numbers is None else self.numbers[i]

    def alike(self, indices: Sequence[int]) -> Samples:
        """Return these of the samples, which are of one shape."""
        return replace(self.some(indices), several=False)

    def some(self, indices: Sequence[int]) -> Samples:
        """Return these of the samples."""
        rows = self.rows[indices] if hasattr(self.rows, "tolist") else [self.rows[i] for i in indices]
        return replace(self, rows=rows, like=tree_lists(rows[0]), numbers=list(map(self.number_of, indices)))

    def is_column(self) -> bool:
        """Return True if each sample is a row of one number."""
        return isinstance(self.like, list) and len(self.like) == 1 and not isinstance(self.like[0], list)

    def out_of_column(self) -> Samples:
        """Return the numbers of a column, bare."""
        rows = self.rows[:, 0] if hasattr(self.rows, "tolist") else [row[0] for row in self.rows]
        return replace(self, rows=rows, like=self.like[0])


def samples(name: str, data: Any, *, several: bool = False, fixed: int | None = None) -> Samples:
    """Check the user's data, and convert it to floats.

    Arguments:
        name: the argument's name, for errors.
        data: a list or an array with an entry for each sample, a number or nested lists of numbers.
        several: whether samples may be of several shapes.
        fixed: as for `refusal_of`, for the advice.

    Raises:
        TypeError: it is not a list, or an element is not a real number.
        ValueError: there are no samples, or they differ in shape and may not.

    >>> samples("xs", [(1, 2), (3, 4)]).rows
    [[1.0, 2.0], [3.0, 4.0]]
    """
    found = read(name, data, several=several, fixed=fixed)
    if isinstance(found, Refusal):
        raise found.error()
    return found


def by_shape(*columns: Samples) -> list[list[int]]:
    """Return the indices of the samples of each shape, in the order in which the shapes occur first.

    Arguments:
        columns: as many samples in each, whose shapes count together.

    >>> by_shape(samples("xs", [[1, 2], [3], [4, 5]], several=True))
    [[0, 2], [1]]
    """
    if not any(column.several for column in columns):
        return [list(range(len(columns[0])))]
    found: dict[str, list[int]] = {}
    for i, rows in enumerate(zip(*(column.rows for column in columns))):
        found.setdefault(str([tree_structure(tree_lists(row)) for row in rows]), []).append(i)
    return list(found.values())


def refuse_shapes(
    column: Samples, other: Other | None, taken: Sequence[list[int]], failed: Sequence[tuple[list[int], Exception]]
) -> NoReturn:
    """Raise the error for samples of several shapes, some of which a model or a loss does not take.

    Where it takes a single shape, which most samples have, the others are to be left out. A model that takes several
    has a reason of its own to refuse one.

    Arguments:
        other: the other argument whose samples belong to these.
        taken: for each shape that is taken the indices of its samples.
        failed: for each of the others these, and what the model or the loss has raised.
    """
    [first, *_], problem = failed[0]
    shapes = {str(tree_structure(tree_lists(column.rows[indices[0]]))) for indices in taken}
    most = 2 * sum(map(len, taken)) + (first > 0) > len(column)  # of two shapes that are as frequent, the first
    if is_raised_here(problem) and len(shapes) == 1 and most and column.several:
        refusal = refusal_of(column.name, column.as_lists(), other)
        raise replace(refusal, said=f"{refusal.said}. Not all of them are taken: {problem}").error() from problem
    refuse_sample(column, first, problem)


def refuse_sample(column: Samples, i: int, problem: Exception) -> NoReturn:
    """Raise what a model or a loss has raised for a sample, and name this: in a note, if the error is not ours."""
    refuse_named(f"sample {column.number_of(i)} of {column.name}", tree_lists(column.rows[i]), problem)


def refuse_named(name: str, numbers: Any, problem: Exception) -> NoReturn:
    """Do as `refuse_sample` for a sample of this name, with these numbers."""
    text = str(problem)
    if not is_raised_here(problem) or type(problem) not in (TypeError, ValueError):
        problem.add_note(f"This is {name}: {tree_shape(numbers)}.")
        raise problem
    if not text.startswith("sample "):
        problem.args = (f"{name}: {text}",)
    raise problem


def complete_samples(name: str, data: Any, other: Other | None = None) -> Samples:
    """Return samples as `samples` does, all of whose numbers are there: nan, inf and -inf raise ValueError."""
    found = read(name, data, other, complete=True, finite=True)
    if isinstance(found, Refusal):
        raise found.error()
    return found


def read(
    name: str,
    data: Any,
    other: Other | None = None,
    *,
    complete: bool = False,
    finite: bool = False,
    several: bool = False,
    fixed: int | None = None,
) -> Samples | Refusal:
    """Check and convert data as `samples` does, but return what is wrong with them instead of raising an error.

    Arguments:
        other: the other argument whose samples belong to these, for the advice.
        complete: whether to refuse a nan, by which people write a missing number.
        finite: whether to refuse infinities, too.
        several: whether samples may be of several shapes.
        fixed: as for `refusal_of`.
    """
    once = isinstance(data, Iterator)
    listed: Any = list(data) if once else data.tolist() if isinstance(data, memoryview) else data
    if hasattr(data, "__array__"):  # NumPy's arrays, and what converts to one: of pandas, of PyTorch
        import numpy as np  # noqa: PLC0415  # it is here, or nothing could convert to its arrays

        check_unmasked(data)
        table = np.asarray(data)
        if _is_numeric_table(table):
            table = np.stack([table[field] for field in table.dtype.names or ()], axis=-1)
        if table.dtype.kind in "fiub" and table.ndim and table.size:
            rows = np.array(table, dtype=np.float64, order="C")  # a copy, as of lists: the user may change the data
            if complete and (np.isnan(rows).any() or (finite and np.isinf(rows).any())):
                named = hasattr(data, "iloc") or bool(getattr(getattr(data, "dtype", None), "names", None))
                return refusal_of(name, data if named else rows.tolist(), other, fixed=fixed)
            return Samples(name, rows, rows[0].tolist(), listing=listing(name, data))
        if table.dtype.names:
            return refusal_of(name, table, other, fixed=fixed)
        listed = table
    if once and other and number_of_samples(other.data) not in (None, len(listed)):
        other = None
    if isinstance(listed, (list, tuple)) and listed and all(map(_is_pair_with_a_row, listed)):
        return _of_pairs(name, listed, other, once=once)
    rows = tree_lists(listed, (list, tuple, range, Iterator))
    if not isinstance(rows, list):
        return refusal_of(name, data, other, fixed=fixed)
    if not rows:
        raise ValueError(f"{name} is empty: pass at least one sample")
    if not any(map(tree_leaves, rows)):
        raise ValueError(f"the samples in {name} are empty")
    expected, width = tree_structure(rows[0]), len(rows[0]) if isinstance(rows[0], list) else -1
    flat = width > 0 and not any(isinstance(x, list) for x in rows[0])
    floats, differing = [], False
    for row in rows:
        kinds = set(map(type, row)) if flat and type(row) is list and len(row) == width else None
        try:
            if kinds and kinds <= _PLAIN:  # most rows: five times as fast
                floats.append(row if kinds == {float} else list(map(float, row)))
            else:
                if tree_structure(row) != expected:
                    if not several:
                        break
                    differing = True
                floats.append(tree_map(number, row))
        except (TypeError, OverflowError):
            break
    if len(floats) < len(rows) or (complete and _lacks_a_number(floats, finite=finite)):
        refusal = refusal_of(name, data if hasattr(data, "iloc") else rows, other, read=once, fixed=fixed)
        if refusal.lines and isinstance(data, (list, tuple)) and any(hasattr(row, "iloc") for row in data):
            var = variable(name)  # rows of a DataFrame, which are not indexed by position
            return replace(refusal, lines=[f"{var} = [list(row) for row in {var}]", *refusal.lines])
        return refusal
    again = [anew(variable(name))] if once else []
    return Samples(name, floats, floats[0], listing=[*again, *listing(name, listed)], several=differing)


def _is_pair_with_a_row(pair: Any) -> bool:
    """Return True for what `iterrows` of a DataFrame yields."""
    return isinstance(pair, tuple) and len(pair) == 2 and hasattr(pair[1], "iloc")


def _of_pairs(name: str, pairs: Sequence[Any], other: Other | None, *, once: bool) -> Refusal:
    """Refuse pairs of an index and a row, with the code that takes the rows as samples."""
    rows = read(name, [list(row) for _, row in pairs], other, complete=True)
    var = variable(name)
    lines = [f"{var} = [list(row) for _, row in {var}]"]
    if once:
        lines.insert(0, anew(var))
    said = f"{name} has pairs of an index and a row, as iterrows() yields them: pass the DataFrame itself"
    if isinstance(rows, Refusal):
        return replace(rows, said=f"{said}. Of the rows,\n{rows.said}", lines=[*lines, *rows.lines])
    return Refusal(TypeError, f"{said}, or the rows", lines)


_PLAIN = {float, int, bool}


def _lacks_a_number(numbers: Any, *, finite: bool = False) -> bool:
    """Return True if one of these numbers, in nested lists, is nan; or infinite, if they have to be finite."""
    if type(numbers) is float:
        return not math.isfinite(numbers) if finite else math.isnan(numbers)
    try:
        if numbers and type(numbers[0]) is float and math.isfinite(sum(numbers)):  # far faster than asking each
            return False
    except TypeError:  # lists follow
        pass
    return any(_lacks_a_number(x, finite=finite) for x in numbers)


def _is_numeric_table(array: Any) -> bool:
    """Return True for a structured array whose fields are single numbers."""
    names = array.dtype.names
    return bool(names) and all(array.dtype[name].kind in "fiub" and not array.dtype[name].shape for name in names)
