"""Write the results of a compiled function into the caller's arrays: `out=`, NumPy's convention."""

import sys
from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from itertools import product
from typing import Any, NamedTuple

from autograd.codegen.arguments import Signature, is_piece, shape_of
from autograd.trees import check_unmasked, tree_leaves, tree_shape

_TAKES = "out= takes writable arrays of float64, such as numpy.empty, in the nesting of the outputs"
_READ_ONLY = " is read-only: pass a writable array of NumPy's, such as a copy of it"


class _Part(NamedTuple):
    """The outputs, or a part of them, described once for all calls: looking at each of 100,000 numbers takes 30 ms.

    Arguments:
        tree: the numbers' nesting.
        shape: that of the tree as an array; None if its parts differ in shape.
        parts: those of the tree; None for a piece (`arguments.py`).
    """

    tree: Any
    shape: tuple[int, ...] | None
    parts: Sequence["_Part"] | None


def _described(tree: Any) -> _Part:
    return _Part(tree, shape_of(tree), None if is_piece(tree) else list(map(_described, tree)))


class _Target(NamedTuple):
    """An array of the caller's, and what to write into it.

    Arguments:
        view: the array.
        part: the part of the outputs that is written into it.
        pieces: the results for it: a number, list or array for each piece (`arguments.py`).
        rowwise: True if there is a result for each sample.
    """

    view: Any
    part: _Part
    pieces: list[Any]
    rowwise: bool

    def write(self) -> None:
        arrays = any(hasattr(piece, "dtype") for piece in self.pieces)
        if arrays or ("numpy" in sys.modules and not self.view.c_contiguous):
            import numpy as np  # noqa: PLC0415  # it is loaded

            self._write_arrays(np.asarray(self.view), self.part, iter(self.pieces))
            return
        numbers = array("d", tree_leaves(list(zip(*self.pieces)) if self.rowwise else self.pieces))
        if numbers and self.view.c_contiguous:
            self.view.cast("B").cast("d")[:] = memoryview(numbers)
        else:
            for place, number in zip(product(*map(range, self.view.shape)), numbers):
                self.view[place] = number

    def _write_arrays(self, whole: Any, part: _Part, pieces: Iterator[Any]) -> None:
        if part.parts is None:
            whole[...] = next(pieces)
            return
        for i, below in enumerate(part.parts):
            place = (slice(None), i, ...) if self.rowwise else (i, ...)
            self._write_arrays(whole[place], below, pieces)


def into(signature: Signature) -> Callable[[Any, Any], Any]:
    """Return the function that writes the results of a signature's function into arrays: `_into(out, results)`.

    One array takes the place of a rectangular part of the outputs, or of all of them: (20, 20) for 20 lists of 20. With
    a result for each sample, its first axis is the batch. None in the place of a part asks for its result: then `out`
    is returned with that in the place of None. All results are there before the first is written, so the arrays may be
    those that were passed as arguments. They are written from left to right. (The native core writes a large batch into
    arrays of their own while it computes: after Ctrl-C a part of them is as it was.)

    Raises, before anything is written:
        TypeError: a part of `out` is no array of float64.
        ValueError: it has another shape or nesting, or is read-only.
    """

    whole = cache(lambda: _described(signature.outputs))  # in the first call, if there is one

    def _into(out: Any, results: Any) -> Any:
        matching = _Matching(signature.rowwise, [])
        written = matching.match(whole(), out, results, "out")
        for target in matching.targets:
            target.write()
        return written

    return _into


class _Matching(NamedTuple):
    """Matches the arrays of a caller with the results.

    Arguments:
        rowwise: True if there is a result for each sample.
        targets: where to append the arrays.
    """

    rowwise: bool
    targets: list[_Target]

    def match(self, part: _Part, out: Any, results: Any, name: str) -> Any:
        """Append the arrays of `out` to the targets; return `out`, with results in the place of None.

        Arguments:
            part: the outputs, or a part of them.
            out: what was passed for it.
            results: its results: a number, list or array for each piece (`arguments.py`).
            name: `out` as an error names it.
        """
        if out is None:
            return results
        if isinstance(out, (list, tuple)):
            if not isinstance(part.tree, (list, tuple)) or len(part.tree) != len(out):
                raise ValueError(
                    f"{name}: expected {_expected(part)}, got a {type(out).__name__} of {len(out)}. {_TAKES}"
                )
            if out and part.parts is None:
                raise TypeError(f"{name}: expected {_expected(part)}, got a {type(out).__name__} of numbers. {_TAKES}")
            parts = [
                self.match(below, own, result, f"{name}[{i}]")
                for i, (below, own, result) in enumerate(zip(part.parts or (), out, results))
            ]
            return out if all(a is b for a, b in zip(parts, out)) else type(part.tree)(parts)
        view, shape = _view(out, name), part.shape
        if shape is None:
            raise ValueError(
                f"{name}: expected {_expected(part)}, got one array for {tree_shape(part.tree)}: pass one for each part"
            )
        pieces = list(_pieces(part, results))
        batch = (len(pieces[0]) if pieces else 0,) if self.rowwise else ()
        if view.shape != (*batch, *shape):
            raise ValueError(f"{name}: expected an array of shape {(*batch, *shape)}, got one of shape {view.shape}")
        if view.readonly:
            raise ValueError(f"{name}{_READ_ONLY}")
        self.targets.append(_Target(view, part, pieces, self.rowwise))
        return out


def _view(out: Any, name: str) -> memoryview:
    check_unmasked(out)
    try:
        view = memoryview(out)
    except (TypeError, ValueError):  # NumPy's, for dates
        kind = getattr(out, "dtype", "")
        of = f" of {kind}" if kind else ""
        raise TypeError(f"{name}: expected an array of float64, got a {type(out).__name__}{of}. {_TAKES}") from None
    if view.format != "d" and getattr(out, "dtype", "") == "float64":
        if view.readonly:  # JAX's
            raise ValueError(f"{name}{_READ_ONLY}")
        raise ValueError(f"{name}: the array is not aligned in memory, as arrays of NumPy's own are: pass one of these")
    if view.format != "d":
        kind = getattr(out, "dtype", repr(view.format))
        raise TypeError(f"{name}: expected an array of float64, got a {type(out).__name__} of {kind}. {_TAKES}")
    return view


def _pieces(part: _Part, results: Any) -> Iterator[Any]:
    """Yield the pieces of these results, none of which changes when an argument is written."""
    if part.parts is None:
        views = hasattr(results, "flags") and not results.flags.writeable  # broadcast_to's: it may be of an argument
        yield results.copy() if views else results
    else:
        for below, result in zip(part.parts, results, strict=True):
            yield from _pieces(below, result)


def _expected(part: _Part) -> str:
    if part.parts is None:
        return f"an array of shape {part.shape}"
    return f"a {type(part.tree).__name__} of {len(part.parts)} parts"
