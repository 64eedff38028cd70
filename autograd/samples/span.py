"""The range of the numbers in samples, and which of later samples have numbers outside of it."""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import Any

from autograd.trees import tree_leaves

_MOST = 16  # samples beyond a span that are looked at


@dataclass(frozen=True)
class Span:
    """The smallest and the largest number in each place of some samples; a nan counts as none."""

    lows: list[float]
    highs: list[float]

    @classmethod
    def of(cls, xs: Any) -> Span:
        """Return the span of samples: of numbers, nested lists, or a NumPy array.

        >>> Span.of([[1.0, 5.0], [2.0, 4.0]])
        Span(lows=[1.0, 4.0], highs=[2.0, 5.0])
        """
        if hasattr(xs, "tolist"):
            import numpy as np  # noqa: PLC0415  # the samples are an array

            rows = xs.reshape(len(xs), -1)
            lows, highs = np.fmin.reduce(rows).tolist(), np.fmax.reduce(rows).tolist()
        else:
            columns = list(zip(*map(tree_leaves, xs)))
            lows, highs = list(map(min, columns)), list(map(max, columns))
            if math.isnan(sum(lows) + sum(highs)):  # which of several numbers they are, depends on the order
                known = [[x for x in column if not math.isnan(x)] or [math.nan] for column in columns]
                lows, highs = list(map(min, known)), list(map(max, known))
        return cls([math.inf if math.isnan(x) else x for x in lows], [-math.inf if math.isnan(x) else x for x in highs])

    def beyond(self, known: Span, xs: Any, rng: random.Random) -> set[int]:
        """Return the indices of samples with a number beyond another span: of each place, those farthest out.

        Arguments:
            known: the other span.
            xs: the samples, whose span this is.
            rng: chooses some of the places, if there are many.

        >>> xs = [[0.0, 2.0], [9.0, 2.0], [8.0, 3.0]]
        >>> Span.of(xs).beyond(Span([0.0, 2.0], [1.0, 5.0]), xs, random.Random(0))
        {1}
        """
        if self.within(known):
            return set()
        farthest = [(k, x) for k, (x, y) in enumerate(zip(self.lows, known.lows)) if x < y]
        farthest += [(k, x) for k, (x, y) in enumerate(zip(self.highs, known.highs)) if x > y]
        return {_index(xs, k, x) for k, x in rng.sample(farthest, min(_MOST, len(farthest)))}

    def within(self, other: Span) -> bool:
        """Return True if no number is beyond another span."""
        return self.widened(other) == other

    def widened(self, other: Span) -> Span:
        """Return the span of these samples and others."""
        return Span(list(map(min, self.lows, other.lows)), list(map(max, self.highs, other.highs)))


def _index(xs: Any, k: int, x: float) -> int:
    """Return the index of a sample that has this number in place k."""
    if hasattr(xs, "tolist"):
        return int((xs.reshape(len(xs), -1)[:, k] == x).argmax())
    return next(i for i, sample in enumerate(xs) if tree_leaves(sample)[k] == x)
