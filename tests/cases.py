"""Cases that are tried in a campaign only: the tests as a user runs them take a slice of sizes, seeds and points.

`.ci/run` takes all of them, and so do `pytest -m campaign` and `pytest --hypothesis-profile=campaign`.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

import pytest
from hypothesis import settings


def cases(usual: Iterable[Any], campaign: Iterable[Any]) -> list[Any]:
    """Return the cases for `pytest.mark.parametrize`."""
    return [*usual, *_marked(campaign)]


def _marked(campaign: Iterable[Any]) -> Iterator[Any]:
    for case in campaign:
        yield pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=pytest.mark.campaign)


def examples(most: int, **others: Any) -> settings:
    """Return the settings of a test that takes so many of Hypothesis's examples in a campaign, and else a share.

    Arguments:
        others: other settings.
    """
    return settings(max_examples=-(-most * settings().max_examples // 100), **others)


def mark_all_but_a_slice(items: Iterable[pytest.Item]) -> None:
    """Leave to the campaign what the marker `slice` of a test leaves out.

    A user's run takes as few of its cases as have each value of each parameter, instead of each with each other, and
    with `slice(most=n)` so many of these, at even distances.
    """
    functions: dict[str, list[pytest.Function]] = {}
    for item in items:
        if isinstance(item, pytest.Function) and item.get_closest_marker("slice"):
            functions.setdefault(item.nodeid.partition("[")[0], []).append(item)
    for cases_of_one in functions.values():
        usual = [case for case in cases_of_one if not case.get_closest_marker("campaign")]
        marker = cases_of_one[0].get_closest_marker("slice")
        kept = {usual[i] for i in sliced([set(_values(case)) for case in usual], **(marker.kwargs if marker else {}))}
        for case in cases_of_one:
            if case not in kept:
                case.add_marker(pytest.mark.campaign)


def sliced(cases_of_one: Sequence[Collection[Any]], most: int | None = None) -> list[int]:
    """Return the places of as few cases as have each value, no more than `most` of them.

    >>> sliced([("a", 1), ("a", 2), ("a", 3), ("b", 1), ("b", 2), ("b", 3)])
    [0, 4, 2]
    """
    uses = dict.fromkeys(itertools.chain.from_iterable(cases_of_one), 0)
    kept = list[int]()
    while not all(uses.values()):  # most new values, else those that fewest have
        uses_of = [[uses[value] for value in case] for case in cases_of_one]
        best = max(range(len(uses_of)), key=lambda i: (uses_of[i].count(0), -sum(uses_of[i])))
        kept.append(best)
        for value in cases_of_one[best]:
            uses[value] += 1
    n = len(kept) if most is None else min(most, len(kept))
    return [kept[i * len(kept) // n] for i in range(n)]


def _values(item: pytest.Function) -> Iterator[tuple[str, ...]]:
    """Yield the values of each parameter: of each `parametrize`, which may have several together, and each fixture."""
    ids = {name: str(id(value)) for name, value in item.callspec.params.items()}
    together = [re.findall(r"\w+", str(mark.args[0])) for mark in item.iter_markers("parametrize")]
    alone = [[name] for name in ids if not any(name in names for names in together)]
    for names in [*together, *alone]:
        yield tuple(text for name in names for text in (name, ids[name]))
