"""Find nested loops that run through sequences of indices."""

from collections.abc import Hashable, Iterator, Sequence
from itertools import groupby
from math import gcd, prod
from typing import NamedTuple

MOST_PIECES = 4  # nests, one after the other, where none runs through all of the sequences


class Nest(NamedTuple):
    """Nested loops, the outermost first, that run through several sequences of indices at once."""

    counts: tuple[int, ...]  # the rounds of each loop
    starts: tuple[int, ...]  # for each sequence, its first index
    strides: tuple[tuple[int, ...], ...]  # for each sequence, the stride of each loop

    @property
    def rounds(self) -> int:
        return prod(self.counts)


def nest_of(sequences: Sequence[Sequence[int]], begin: int = 0) -> Nest | None:
    """Return loops that run through all of these sequences of equal length, from `begin`; None if there are none.

    >>> nest_of([[0, 1, 2, 10, 11, 12], [5, 5, 5, 7, 7, 7]])
    Nest(counts=(2, 3), starts=(0, 5), strides=((10, 1), (2, 0)))
    >>> nest_of([[3, 1, 4, 1, 5, 9, 2, 6]]) is None
    True
    """
    nest = longest_nest(sequences, begin, whole=True)
    return nest if nest.rounds == len(sequences[0]) - begin else None


def longest_nest(sequences: Sequence[Sequence[int]], begin: int = 0, whole: bool = False) -> Nest:
    """Return loops that run through the sequences from `begin`, as far as they go.

    Arguments:
        whole: prefer shorter inner loops if only they can be part of loops through all.

    >>> longest_nest([[0, 1, 2, 10, 11, 12, 20, 22]])
    Nest(counts=(2, 3), starts=(0,), strides=((10, 1),))
    """
    length = len(sequences[0]) - begin
    counts: list[int] = []
    strides: list[list[int]] = []
    block = 1  # indices that the loops so far run through
    while 2 * block <= length:
        by = [s[begin + block] - s[begin] for s in sequences]
        n = _rounds(sequences, begin, block, by)
        if whole and (length // block) % n:
            n = gcd(n, length // block)
        if n == 1:
            break
        counts.insert(0, n)
        strides.insert(0, by)
        block *= n
    return Nest(tuple(counts), tuple(s[begin] for s in sequences), tuple(zip(*strides)) or ((),) * len(sequences))


def _rounds(sequences: Sequence[Sequence[int]], begin: int, block: int, by: Sequence[int]) -> int:
    """Return how many blocks there are from `begin` before one is not the first one plus multiples of the strides.

    All sequences are compared as far, each time with twice as many blocks: one may go on for long where another ends.
    """
    n, most = 1, (len(sequences[0]) - begin) // block
    while n < most:
        size, at = min(n, most - n) * block, begin + n * block
        equal = size
        for s, stride in zip(sequences, by, strict=True):
            shift, found = n * stride, s[at : at + equal]
            expected = [x + shift for x in s[begin : begin + equal]]
            if found != expected:
                equal = next(i for i in range(equal) if found[i] != expected[i])
        n += equal // block
        if equal < size:
            return n
    return most


def strides_in(sequence: Sequence[int], counts: Sequence[int]) -> tuple[int, ...] | None:
    """Return the strides with which loops of these counts run through a sequence; None if they do not.

    >>> strides_in([0, 1, 10, 11], (2, 2)), strides_in([0, 1, 10, 11], (4,))
    ((10, 1), None)
    """
    expected, strides = [sequence[0]], list[int]()
    block = 1
    for n in reversed(counts):
        by = sequence[block] - sequence[0]
        expected = [x + k * by for k in range(n) for x in expected]
        strides.insert(0, by)
        block *= n
    return tuple(strides) if list(sequence) == expected else None


def indices_of(start: int, strides: Sequence[int], counts: Sequence[int]) -> list[int]:
    """Return the elements that nested loops run through, in order."""
    found = [start]
    for stride, n in zip(strides, counts, strict=True):
        found = [i + k * stride for i in found for k in range(n)]
    return found


def nests_of(sequences: Sequence[Sequence[int]]) -> list[Nest] | None:
    """Return loops that run through the sequences, one nest after the other; None if that takes too many."""
    nests: list[Nest] = []
    begin, length = 0, len(sequences[0])
    while begin < length:
        if len(nests) == MOST_PIECES:
            return None
        nests.append(nest_of(sequences, begin) or longest_nest(sequences, begin))
        begin += nests[-1].rounds
    return nests


def nests_through(
    slots: Sequence[Sequence[int] | None], target: list[int], tables: Sequence[Sequence[Hashable]] = ()
) -> Iterator[tuple[range, Nest]]:
    """Yield ranges of rounds, each with loops through the target, then the slots.

    If these were too many, the ranges are those of loops through the target. The strides of slots that the loops do not
    run through are then None, as are those of slots that are None.

    Arguments:
        slots: sequences; None for one that has no strides.
        target: a sequence.
        tables: what is read in each round without strides: an inner loop leaves out what repeats.
    """
    wanted = [target, *(s for s in slots if s is not None)]
    nests = nests_of(wanted)
    begin = 0
    while begin < len(target):
        nest = nests.pop(0) if nests else _with_equal_blocks([s[begin:] for s in wanted])
        end = begin + nest.rounds
        for table in tables:
            again = gcd(*(len(list(equal)) for _, equal in groupby(table[begin:end])))
            if 1 < again < nest.counts[-1] and nest.counts[-1] % again == 0:
                nest = nest._replace(counts=(*nest.counts[:-1], nest.counts[-1] // again, again))
        own = [None if s is None else strides_in(s[begin:end], nest.counts) for s in (target, *slots)]
        starts = tuple(0 if s is None else s[begin] for s in (target, *slots))
        yield range(begin, end), Nest(nest.counts, starts, tuple(own))  # type: ignore[arg-type]
        begin = end


def _with_equal_blocks(sequences: Sequence[Sequence[int]]) -> Nest:
    """Return loops through the first sequence as far as they go; the inner ones run through all others, too."""
    outer = longest_nest(sequences[:1])
    n = outer.rounds
    inner = longest_nest([s[:n] for s in sequences]).counts
    while len(outer.counts) == 1 and inner:
        block = prod(inner)
        blocks = [[[x - s[i] for x in s[i : i + block]] for i in range(0, n, block)] for s in sequences]
        if n % block == 0 and n > block and all(row == rows[0] for rows in blocks for row in rows):
            return outer._replace(counts=(n // block, *inner))
        inner = inner[1:]
    return outer
