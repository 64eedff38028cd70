"""Find the windows on an image with zeros around it in sums some of whose terms are missing.

At the border of an image, as in the gradients of a convolution, a sum has fewer terms than elsewhere. Lifting completes
it by zeros, and lists the places of all terms in tables. Here the tables become strides again: those of windows on the
image with margins.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from autograd.codegen.array_program import row_major
from autograd.codegen.nests import Nest, nest_of


class Extended(NamedTuple):
    """Elements of an array with margins of zeros, that nested loops run through.

    Arguments:
        shape: that of the array.
        margins: how many zeros there are before and after it on each axis.
        start, strides: the loops run through the elements of the extended array.
    """

    shape: tuple[int, ...]
    margins: tuple[tuple[int, int], ...]
    start: int
    strides: tuple[int, ...]


class Windows(NamedTuple):
    """Loops over the rounds of a statement and over its terms, and what they run through for each factor."""

    rounds: tuple[int, ...]
    terms: tuple[int, ...]
    factors: list[Extended]


def windows_of(places: Any, holes: Any, lengths: Sequence[int]) -> Windows | None:
    """Return the windows that factors run through; None if there are none.

    Arguments:
        places: for each factor, for each round, the places of all terms.
        holes: for each round, True for the terms that are missing.
        lengths: those of the arrays of the factors.

    Three weights move along a row of three numbers, with a zero before and after it:

    >>> import numpy as np
    >>> places = np.array([[[1, 2, 0], [0, 1, 2], [0, 1, 0]], [[0, 1, 0], [0, 1, 2], [1, 2, 0]]])
    >>> windows = windows_of(places, np.array([[0, 0, 1], [0, 0, 0], [0, 0, 1]], bool), [3, 3])
    >>> windows.rounds, windows.terms
    ((3,), (3,))
    >>> print(*windows.factors, sep="\\n")
    Extended(shape=(3,), margins=((0, 0),), start=0, strides=(0, 1))
    Extended(shape=(3,), margins=((1, 1),), start=0, strides=(1, 1))
    """
    import numpy as np  # noqa: PLC0415  # the modules that arrays are printed for need it

    places, holes = _completed(places, holes)
    (whole, *_) = [*np.flatnonzero(~holes.any(1)), None]
    if whole is None or holes.all(1).any():
        return None
    inner = places[:, whole] - places[:, whole, :1]
    known = np.argmin(holes, 1)  # a term of each round
    outer = np.take_along_axis(places, known[None, :, None], 2)[..., 0] - inner[:, known]
    rounds, terms = nest_of(outer.tolist()), nest_of(inner.tolist())
    if rounds is None or terms is None or ((outer[..., None] + inner[:, None] != places) & ~holes).any():
        return None
    terms = _split(terms, rounds)
    counts = (*rounds.counts, *terms.counts)
    loops = list(map(tuple.__add__, rounds.strides, terms.strides))
    at = np.unravel_index(whole * holes.shape[1], counts)
    found = [_extended(*x, counts, at) for x in zip(places[:, whole, 0].tolist(), loops, lengths, strict=True)]
    outside = np.logical_or.reduce([x[1] for x in found if x is not None])
    if None in found or (outside.reshape(holes.shape) != holes).any():
        return None
    return Windows(rounds.counts, terms.counts, [x[0] for x in found if x is not None])


def _completed(places: Any, holes: Any) -> tuple[Any, Any]:
    """Move the terms of rounds that lack some to where they are in rounds that lack none.

    There must be a factor by whose elements one can tell, such as the weights of a convolution; these become complete.
    """
    import numpy as np  # noqa: PLC0415  # as above

    for k, own in enumerate(places):
        whole = np.unique(own[~holes.any(1)], axis=0)
        at = {x: (row, term) for row, terms in enumerate(whole.tolist()) for term, x in enumerate(terms)}
        moved, missing = np.zeros_like(places), np.ones_like(holes)
        for i, there in enumerate(~holes):
            found = [at.get(x, (-1, 0)) for x in own[i, there].tolist()]
            rows, terms = {row for row, _ in found}, [term for _, term in found]
            if len(at) < whole.size or len(rows) != 1 or -1 in rows:
                break
            moved[:, i, terms], missing[i, terms] = places[:, i, there], False
            moved[k, i] = whole[rows.pop()]
        else:
            return moved, missing
    return places, holes


def _split(terms: Nest, rounds: Nest) -> Nest:
    """Split a loop over terms where it goes from one row of an image to the next, as `rounds` show."""
    for strides, others in zip(terms.strides, rounds.strides, strict=True):
        for i, (n, stride) in enumerate(zip(terms.counts, strides, strict=True)):
            for step in others:
                m = abs(step // stride) if stride and not step % stride else 0
                if 1 < m < n and not n % m:
                    counts = (*terms.counts[:i], n // m, m, *terms.counts[i + 1 :])
                    split = tuple((*by[:i], m * by[i], *by[i:]) for by in terms.strides)
                    return _split(Nest(counts, terms.starts, split), rounds)
    return terms


def _extended(
    place: int, strides: tuple[int, ...], length: int, counts: tuple[int, ...], at: Sequence[Any]
) -> tuple[Extended, Any] | None:
    """Return the loops through an array with the margins that they need, and for all rounds, True where they are there.

    Arguments:
        place: the element in the round `at`.
    """
    import numpy as np  # noqa: PLC0415  # as above

    steps = sorted({abs(s) for s in strides if s} | {1}, reverse=True)
    if any(a % b for a, b in zip([length, *steps], steps)):
        inside = _reach(place, strides, counts, at)  # rows with something between them: then without margins
        if inside[0] < 0 or inside[1] >= length:
            return None
        start = place - sum(int(i) * s for i, s in zip(at, strides, strict=True))
        return Extended((length,), ((0, 0),), start, strides), np.zeros(counts, bool)
    shape, margins, firsts = [], [], []
    outside = np.zeros(counts, bool)
    for size, step in zip([a // b for a, b in zip([length, *steps], steps)], steps, strict=True):
        moves = [(s > 0) - (s < 0) if abs(s) == step else 0 for s in strides]
        first = place // step % size - sum(m * int(i) for m, i in zip(moves, at, strict=True))
        along = first + np.sum([m * i for m, i in zip(moves, np.indices(counts), strict=True)], 0)
        outside = outside | (along < 0) | (along >= size)
        margins.append((max(0, -int(along.min())), max(0, int(along.max()) - size + 1)))
        shape.append(size)
        firsts.append(first + margins[-1][0])
    wide = [size + sum(margin) for size, margin in zip(shape, margins, strict=True)]
    by = dict(zip(steps, row_major(wide), strict=True))
    start = sum(first * step for first, step in zip(firsts, by.values(), strict=True))
    moved = tuple((by[abs(s)] if s > 0 else -by[abs(s)]) if s else 0 for s in strides)
    return Extended(tuple(shape), tuple(margins), start, moved), np.broadcast_to(outside, counts)


def _reach(place: int, strides: Sequence[int], counts: Sequence[int], at: Sequence[Any]) -> tuple[int, int]:
    """Return the first and the last place that loops reach."""
    ends = [(-s * int(i), s * (n - 1 - int(i))) for s, n, i in zip(strides, counts, at, strict=True)]
    return place + sum(map(min, ends)), place + sum(map(max, ends))
